"""The metric for leaderboards of alpaca_eval, beside alpaca_eval's own figures."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import random
import subprocess
import sys
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import pytest

from alpaca_answers import needs_alpaca_eval, write_gamed
from longismore.errors import ChecksumError, DataError, UsageError
from longismore.harness import official_lc
from longismore.harness._alpaca_import import alpaca_module
from longismore.harness._alpaca_metric import SORT_BY, longismore_lc_winrate
from longismore.judged import read_judged
from longismore.reports import summarize

PUBLISHED = [
    "alpaca-7b/weighted_alpaca_eval_gpt4_turbo",
    "alpaca-7b_verbose/weighted_alpaca_eval_gpt4_turbo",
    "gpt-3.5-turbo-0301/alpaca_eval_gpt4_turbo_fn",
]
DIRECT = """
import json, sys, warnings
warnings.simplefilter("ignore")
import pandas
from alpaca_eval.metrics import get_length_controlled_winrate
found = get_length_controlled_winrate(pandas.DataFrame(json.load(sys.stdin)), save_weights_dir=None)
print(json.dumps({name: float(value) for name, value in found.items()}))
"""
"""alpaca_eval itself, in a process of its own."""


DOCS = Path(__file__).parents[2] / "docs" / "alpaca_eval.md"
MARKS = ("<!-- table -->\n", "<!-- end of table -->\n")


def published(data: Path, name: str) -> list[dict[str, Any]]:
    """The rows of one published ``annotations.json``."""
    found: list[dict[str, Any]] = json.loads((data / "alpaca_eval" / name / "annotations.json").read_text())
    return found


def annotation(number: int, preference: float | None, chars: tuple[int, int] = (10, 10)) -> dict[str, Any]:
    """A row of ``annotations.json``."""
    return {
        "instruction": f"question {number}", "output_1": "x" * chars[0], "generator_1": "base", "dataset": "set",
        "output_2": "y" * chars[1], "generator_2": "tuned", "annotator": "a", "preference": preference,
    }  # fmt: skip


@needs_alpaca_eval
@pytest.mark.parametrize("name", PUBLISHED)
def test_alpaca_evals_own_figures_are_its_own(data: Path, name: str) -> None:
    """Every figure that get_winrate gives of a published file is there, the same to the last digit but rounding."""
    rows = published(data, name)
    theirs = alpaca_module("metrics").get_winrate([dict(row) for row in rows])
    ours = longismore_lc_winrate(rows, draws=10)
    assert {key: pytest.approx(float(value), abs=1e-11) for key, value in theirs.items()} == {
        key: ours[key] for key in theirs
    }


@needs_alpaca_eval
def test_missing_preferences_and_older_ties_count_as_alpaca_eval_counts_them() -> None:
    """A null is left out, a 0 is a tie, a share is a share."""
    rows = [annotation(number, value) for number, value in enumerate([1, 2, 2.0, 1.5, 0, None, 1.25, 1.75, 1.9])]
    theirs = alpaca_module("metrics").get_winrate(alpaca_module("utils").convert_to_dataframe(rows))
    ours = longismore_lc_winrate(rows, draws=10)
    assert {key: pytest.approx(float(value)) for key, value in theirs.items()} == {key: ours[key] for key in theirs}
    assert 1 == ours["longismore_n_unjudged"]


@pytest.mark.parametrize("name", PUBLISHED[:1])
def test_the_metric_is_what_summarize_says_of_the_file(data: Path, name: str) -> None:
    """A leaderboard and ``longismore summarize`` cannot differ; percent there, 0 to 1 here."""
    ours = longismore_lc_winrate(published(data, name), draws=50)
    [judged] = read_judged([data / "alpaca_eval" / name / "annotations.json"])
    rates = summarize(judged.verdicts, draws=50).pooled
    assert rates.lc_win_rate is not None
    assert rates.lc_win_rate_ci is not None
    assert (
        [100 * rates.lc_win_rate, *(100 * limit for limit in rates.lc_win_rate_ci), rates.length_slope]
        == [pytest.approx(ours[key], rel=1e-12) for key in (
            SORT_BY, "longismore_lc_low", "longismore_lc_high", "longismore_length_slope",
        )]
    )  # fmt: skip
    assert rates.length_verdict == ours["longismore_length_verdict"]


def test_the_order_of_the_rows_does_not_matter(data: Path) -> None:
    """Where alpaca_eval's own length control moves by points, ours stays where it is to 1e-9."""
    rows = published(data, PUBLISHED[0])
    before = longismore_lc_winrate(rows, draws=10)
    random.Random(7).shuffle(rows)
    assert pytest.approx(before[SORT_BY], abs=1e-9) == longismore_lc_winrate(rows, draws=10)[SORT_BY]


@needs_alpaca_eval
def test_a_frame_says_the_same_as_its_rows() -> None:
    """alpaca_eval hands over a frame where it has read a file, and rows where it has just judged."""
    import pandas as pd

    rows = [annotation(number, [1.0, 2.0, None][number % 3], (10 + number, 20)) for number in range(12)]
    assert longismore_lc_winrate(rows, draws=10) == longismore_lc_winrate(pd.DataFrame(rows), draws=10)


def test_equal_lengths_are_no_crash() -> None:
    """Where all differences of length are 0, alpaca_eval stops with an error; at equal length nothing changes."""
    rows = [annotation(number, 2.0 if number % 4 else 1.0) for number in range(40)]
    found = longismore_lc_winrate(rows, draws=50)
    assert pytest.approx(75, abs=1.5) == found[SORT_BY]
    assert 75 == found["win_rate"]


def test_more_rows_than_alpacaeval_has_are_no_crash() -> None:
    """alpaca_eval's own length control knows 805 difficulties."""
    rows = [annotation(number, 2.0 if number % 3 else 1.0, (50, 40 + number % 21)) for number in range(900)]
    found = longismore_lc_winrate(rows, draws=10)
    assert (900, True) == (found["n_total"], 60 < found[SORT_BY] < 73)


def test_nothing_judged_is_unknown_and_not_zero(caplog: pytest.LogCaptureFixture) -> None:
    """Every rate is NaN, the counts are counts, and it is said."""
    found = longismore_lc_winrate([annotation(number, None) for number in range(3)])
    assert [True] * 5 == [
        math.isnan(found[key])
        for key in ("win_rate", "standard_error", "discrete_win_rate", SORT_BY, "longismore_length_slope")
    ]
    assert (0, 3) == (found["n_total"], found["longismore_n_unjudged"])
    assert "3 of 3 annotations have no preference and enter no rate" in caplog.messages


@pytest.fixture
def direct(tmp_path: Path) -> Any:
    """alpaca_eval's own function, which finds a file where a hub's client keeps what it has fetched."""

    def call(rows: list[dict[str, Any]], file: Path) -> dict[str, float]:
        cache = tmp_path / "hf" / "hub" / "datasets--tatsu-lab--alpaca_eval"
        (cache / "refs").mkdir(parents=True)
        (cache / "refs" / "main").write_text("0" * 40)
        (cache / "snapshots" / ("0" * 40)).mkdir(parents=True)
        (cache / "snapshots" / ("0" * 40) / "df_gamed.csv").write_bytes(file.read_bytes())
        environ = {name: os.environ[name] for name in ("PATH", "HOME")}
        done = subprocess.run(
            [sys.executable, "-c", DIRECT], input=json.dumps(rows), capture_output=True, text=True, check=False,
            env=environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")},
        )  # fmt: skip
        assert 0 == done.returncode, done.stderr
        found: dict[str, float] = json.loads(done.stdout)
        return found

    return call


@needs_alpaca_eval
@pytest.mark.slow
def test_the_official_figure_is_alpaca_evals_own(data: Path, tmp_path: Path, direct: Any) -> None:
    """It is what alpaca_eval gives by itself, whatever the order of the rows, and nothing of it stays changed."""
    import sklearn

    rows, file = published(data, PUBLISHED[0]), write_gamed(tmp_path / "df_gamed.csv")
    metrics: Any = alpaca_module("metrics.glm_winrate")
    before = metrics.hf_hub_download, sklearn.get_config()
    expected = direct([{key: row[key] for key in row if key != "raw_completion"} for row in rows], file)
    random.Random(3).shuffle(rows)
    found = official_lc(rows, file, sha256=None)
    assert {name: pytest.approx(value, abs=1e-9) for name, value in expected.items()} == found
    assert "length_controlled_winrate" in found
    assert before == (metrics.hf_hub_download, sklearn.get_config())


@pytest.mark.parametrize("drop", [slice(0, 804), slice(1, 805)])
def test_the_official_figure_of_fewer_rows_is_refused(data: Path, tmp_path: Path, drop: slice) -> None:
    """alpaca_eval would take the difficulties of other instructions, without a word."""
    rows = published(data, PUBLISHED[0])[drop]
    with pytest.raises(DataError, match="of the 804 annotations given, 804 instructions are among them"):
        official_lc(rows, write_gamed(tmp_path / "df_gamed.csv"), sha256=None)


def test_the_official_figure_of_other_instructions_is_refused(tmp_path: Path) -> None:
    """805 rows are not enough: they must be those rows."""
    rows = [annotation(number, 1.0) for number in range(805)]
    with pytest.raises(DataError, match="of the 805 annotations given, 0 instructions are among them"):
        official_lc(rows, write_gamed(tmp_path / "df_gamed.csv"), sha256=None)


def test_the_official_figure_needs_the_published_file(data: Path, tmp_path: Path) -> None:
    """A missing one says where it comes from, another one which it is."""
    rows = published(data, PUBLISHED[0])
    with pytest.raises(DataError, match=r"df_gamed\.csv: no such file; get df_gamed\.csv .* hf download tatsu-lab"):
        official_lc(rows, tmp_path / "df_gamed.csv")
    file = write_gamed(tmp_path / "df_gamed.csv")
    with pytest.raises(ChecksumError, match=hashlib.sha256(file.read_bytes()).hexdigest()):
        official_lc(rows, file)


@needs_alpaca_eval
def test_the_official_figure_where_it_fails_says_so(data: Path, tmp_path: Path) -> None:
    """Equal lengths stop alpaca_eval; here that is one message of ours."""
    rows = [{**row, "output_1": "x", "output_2": "y"} for row in published(data, PUBLISHED[0])]
    with pytest.raises(UsageError, match="length_controlled_v1 cannot be computed of these annotations"):
        official_lc(rows, write_gamed(tmp_path / "df_gamed.csv"), sha256=None)


def table(data: Path) -> str:
    """Raw, official and our rates of one model that was asked to write less and more."""
    with (data / "reference" / "alpaca_gameability.csv").open(newline="") as file:
        (official,) = csv.DictReader(file)
    head = ("model", "rows", "characters", "raw", "official", "ours (95 %)", "slope (95 %)", "verdict")
    lines = [head, ("---", *["---:"] * 6, "---")]
    rates = []
    for style in ("concise", "standard", "verbose"):
        name = "alpaca-7b" + ("" if style == "standard" else f"_{style}")
        [judged] = read_judged([data / "alpaca_eval" / name / "weighted_alpaca_eval_gpt4_turbo" / "annotations.json"])
        found = summarize(judged.verdicts).pooled
        assert found.lc_win_rate is not None
        assert found.lc_win_rate_ci is not None
        assert found.length_slope_ci is not None
        rates.append(found.lc_win_rate)
        low, high = found.lc_win_rate_ci
        lines.append((
            name, str(found.n), f"{found.mean_chars_candidate:.0f}", f"{float(official[f'raw_{style}']):.1f}",
            f"{float(official[f'lc_{style}']):.1f}",
            f"{100 * found.lc_win_rate:.1f} ({100 * low:.1f} to {100 * high:.1f})",
            f"{found.length_slope:.2f} ({found.length_slope_ci[0]:.2f} to {found.length_slope_ci[1]:.2f})",
            str(found.length_verdict),
        ))  # fmt: skip
    spread = pstdev(rates) / fmean(rates)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + f"\nRelative spread of ours: {spread:.3f}.\n"


@pytest.mark.slow
def test_the_table_in_the_docs_is_current(data: Path) -> None:
    """Official rates beside ours, and the spread of ours, which is not above the official one's 0.169."""
    text = DOCS.read_text(encoding="utf-8")
    assert table(data) == text.partition(MARKS[0])[2].partition(MARKS[1])[0]
    assert float(text.partition("Relative spread of ours: ")[2][:5]) <= 0.169


def main() -> None:
    """Write the table into the docs."""
    data = Path(os.environ.get("LONGISMORE_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data")
    before, mark, rest = DOCS.read_text(encoding="utf-8").partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    DOCS.write_text(before + mark + table(data) + MARKS[1] + after, encoding="utf-8")


if __name__ == "__main__":
    main()
