"""How often the 95 % intervals cover the truth, for win_rate and lc_win_rate, in runs with repeated prompts.

    python benchmarks/interval_coverage.py [RUNS]

Each line is one design: so many pairs, a third of the prompts in two test sets with verdicts that go together, answers
of log-normal lengths, a known slope of length and known rates at equal length. It prints the share of runs whose
interval covers the truth, and the limit within which it should be (93 to 97 %, as one sees it with so many runs).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from longismore.reports._interval import mean_interval
from longismore.reports._length.draws import draw
from longismore.reports.length_control import DEFAULT_PRIOR

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from length_runs import simulate

DESIGNS = (
    # pairs, intercepts of the test sets (logit of the rate at equal length), slope of length
    (160, (0.0, 0.3), 0.5),
    (200, (0.2, 0.2), 1.0),
    (300, (0.5, -0.1), 1.5),
    (400, (0.0, 0.0), 0.0),
    (1030, (0.2, -0.2), 0.3),
    (1030, (1.0, 1.0), 2.0),
    (1030, (-2.0, -2.0), 1.8),
)
_DRAWS = 300


def main(runs: int) -> None:
    """Print one line a design."""
    slack = 2 * (0.05 * 0.95 / runs) ** 0.5
    print(f"{runs} runs a line; 95 % +- {100 * slack:.1f} is what so many runs show of an exact interval")
    print("pairs  intercepts     slope   win_rate  lc_win_rate  width of the latter")
    for count, intercepts, slope in DESIGNS:
        truth = float(np.mean(1 / (1 + np.exp(-np.array(intercepts)))))
        raw = controlled = 0
        widths = []
        for seed in range(runs):
            sample, rate = simulate(seed, intercepts=intercepts, slope=slope, count=count)
            low, high = mean_interval([float(value) for value in sample.outcome], [int(key) for key in sample.cluster])
            raw += low <= rate <= high
            low, high = draw(sample, DEFAULT_PRIOR, seed=seed, draws=_DRAWS).pooled_ci
            controlled += low <= truth <= high
            widths.append(high - low)
        shown = "/".join(f"{value:+.1f}" for value in intercepts)
        shares = f"{100 * raw / runs:8.1f}  {100 * controlled / runs:11.1f}"
        print(f"{count:5}  {shown:13}  {slope:5.1f}   {shares}  {np.mean(widths):.3f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
