"""What length control costs: 1,000 refits of 1,030 pairs beside as many of statsmodels and of scikit-learn.

    OMP_NUM_THREADS=1 python benchmarks/length_control.py

The limit is 5 s on one core. The peers are timed on 20 refits and multiplied, in the same run of this program.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import time
import warnings
from pathlib import Path

import numpy as np

from longismore.reports._length.draws import draw
from longismore.reports.length_control import DEFAULT_PRIOR

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from length_runs import simulate

_LIMIT_S = 5.0
_PEER_FITS = 20


def main() -> None:
    """Print seconds and ratios."""
    sample, _ = simulate(0, intercepts=(0.2, 0.0, 0.4, -0.1, 0.3), slope=1.0, count=1030)
    draw(sample, DEFAULT_PRIOR, seed=0, draws=10)
    started = time.perf_counter()
    draw(sample, DEFAULT_PRIOR, seed=0, draws=1000)
    ours = time.perf_counter() - started
    print(f"1,000 refits of 1,030 pairs, pooled and by test set: {ours:.2f} s, {ours / _LIMIT_S:.2f} of the limit")
    design = np.column_stack([np.eye(5)[sample.group], sample.covariate])
    stream = np.random.RandomState(1)
    for name, fit in (("statsmodels", _statsmodels), ("scikit-learn", _sklearn)):
        try:
            started = time.perf_counter()
            for _ in range(_PEER_FITS):
                rows = stream.randint(0, len(design), len(design))
                fit(design[rows], sample.outcome[rows])
            peer = (time.perf_counter() - started) / _PEER_FITS * 1000
        except ImportError:
            print(f"{name} is not installed")
            continue
        print(f"{name}: {peer:.1f} s for 1,000 refits; ours takes {ours / peer:.3f} of that")


def _statsmodels(design: np.ndarray, outcome: np.ndarray) -> None:
    import statsmodels.api as sm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sm.GLM(outcome, design, family=sm.families.Binomial()).fit()


def _sklearn(design: np.ndarray, outcome: np.ndarray) -> None:
    from sklearn.linear_model import LogisticRegression

    rows = np.concatenate([design, design])
    labels = np.repeat([1, 0], len(design))
    weights = np.concatenate([outcome, 1 - outcome])
    LogisticRegression(C=1e6, fit_intercept=False, max_iter=1000).fit(rows, labels, sample_weight=weights)


if __name__ == "__main__":
    main()
