"""``longismore summarize``: what was judged before, in rates, without a call."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., Any]

ADDED = {"win_rate", "lc_win_rate", "lc_win_rate_ci", "length_slope", "length_slope_ci", "length_tipping_slope"}
ADDED |= {"length_verdict", "overlap", "outcomes", "mde", "p_value"}


def compared(command: Command, folder: str, *, candidate: str = "mini:longer", judge: str = "length") -> Path:
    """The run folder of a comparison on mini."""
    ended = command("compare", "mini:better", candidate, "-t", "mini", "--judge", judge, "--output", folder, "--json")
    assert 0 == ended.code
    (run,) = Path(folder).iterdir()
    return run


def test_one_comparison_has_the_shape_of_compare(command: Command) -> None:
    """Pooled and test sets as compare prints them, with the names beside; the numbers are the same."""
    run = compared(command, "runs")
    first = json.loads((run / "results.json").read_text("utf-8"))
    again = json.loads(command("summarize", run, "--json").out)
    assert first == {name: again[name] for name in ("pooled", "testsets")}
    assert ADDED <= again["pooled"].keys()
    assert ("length", "mini-better", "mini-longer") == (again["judge"], again["reference"], again["candidate"])


def test_a_judge_that_likes_length_is_found_out(command: Command) -> None:
    """The longer answers win nine in ten, and the answer is: only longer."""
    run = compared(command, "runs")
    pooled = json.loads(command("summarize", run, "--json").out)["pooled"]
    assert 0.9 == pooled["win_rate"]
    assert pooled["lc_win_rate_ci"][0] < 0.5 < pooled["lc_win_rate_ci"][1]
    assert "only longer" == pooled["length_verdict"]
    assert "better, or only longer? only longer" in command("summarize", run).out


def test_samples_that_lm_eval_logged_give_what_the_run_gave(tmp_path: Path) -> None:
    """lm_eval --log_samples, then summarize on its folder: the same rates as in the run folder."""
    script = "import sys; from longismore.cli import main; sys.argv[0] = 'longismore'; main()"
    arguments = ["eval", "--model", "longismore_outputs", "--model_args", "path=mini:longer", "--tasks",
                 "longismore_mini", "--metadata", '{"judge": "length", "judge_output": "runs"}', "--log_samples",
                 "--output_path", "results"]  # fmt: skip
    subprocess.run([sys.executable, "-c", script, *arguments], cwd=tmp_path, capture_output=True, check=True)
    done = subprocess.run(
        [sys.executable, "-c", script, "summarize", "results", "--json"],
        cwd=tmp_path, capture_output=True, check=True, text=True,
    )  # fmt: skip
    (run,) = (tmp_path / "runs").iterdir()
    assert json.loads((run / "results.json").read_text("utf-8"))["pooled"] == json.loads(done.stdout)["pooled"]


def test_several_candidates_are_fitted_compared_and_rated(command: Command, data: Path) -> None:
    """Three alpaca-7b on AlpacaEval: one list of comparisons, three paired ones, and ratings of four models."""
    models = ("alpaca-7b", "alpaca-7b_concise", "alpaca-7b_verbose")
    files = [data / "alpaca_eval" / model / "weighted_alpaca_eval_gpt4_turbo" / "annotations.json" for model in models]
    found = json.loads(command("summarize", *map(str, files), "--draws", "100", "--json").out)
    assert list(models) == [each["candidate"] for each in found["comparisons"]]
    assert 3 == len(found["paired"])
    assert {"gpt4_1106_preview", *models} == {each["model"] for each in found["ratings"][0]["models"]}
    # alpaca_eval's own win_rate is our preference, its discrete_win_rate our win_rate.
    raw = [100 * each["pooled"]["preference"] for each in found["comparisons"]]
    assert [2.591, 1.991, 2.933] == pytest.approx(raw, abs=5e-4)
    assert all("lengths hardly overlap" in each["pooled"]["length_warning"] for each in found["comparisons"])


def test_a_length_prior_is_given_or_measured(
    command: Command, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two numbers, or the result of a length probe of the same judge; another judge's is no prior, and that is said."""
    run = compared(command, "runs")
    given = json.loads(command("summarize", run, "--length-prior", "3,0.1", "--json").out)["pooled"]
    assert {"mean": 3.0, "sd": 0.1, "source": "given by --length-prior"} == given["length_prior"]
    probe: Any = {"probes": [{"probe": "length", "judge": "length", "slope": 7.0, "slope_se": 1.5}]}
    (tmp_path / "audit.json").write_text(json.dumps(probe), encoding="utf-8")
    measured = json.loads(command("summarize", run, "--length-prior", "audit.json", "--json").out)["pooled"]
    assert (7.0, 1.5) == (measured["length_prior"]["mean"], measured["length_prior"]["sd"])
    assert "length probe" in measured["length_prior"]["source"]
    assert "in another unit" not in caplog.text
    probe["probes"][0]["scale_chars"] = 10.0
    (tmp_path / "audit.json").write_text(json.dumps(probe), encoding="utf-8")
    command("summarize", run, "--length-prior", "audit.json", "--json")
    assert "its slope is in another unit; probe on this run" in caplog.text
    lexical = compared(command, "others", judge="lexical")
    other = command("summarize", lexical, "--length-prior", "audit.json", "--json")
    assert "the default" == json.loads(other.out)["pooled"]["length_prior"]["source"]
    assert "no length probe of lexical" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.jsonl",), "no such file"),
        (("runs", "--length-prior", "1"), "takes MEAN,SD"),
        (("runs", "--length-prior", "1,0"), "a standard deviation from 0.001 to 100"),
        (("runs", "--length-prior", "1e308,1"), "a mean from -100 to 100"),
        (("runs", "--seed", "-5"), "Invalid value for '--seed'"),
        (("runs", "--length-prior", "empty.json"), "no result of a length probe"),
        (("runs", "--official", "df_gamed.csv"), "is no annotations.json"),
    ],
)
def test_bad_input_is_named(command: Command, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """A clear error, exit code 2, nothing printed."""
    (tmp_path / "empty.json").write_text("{}", encoding="utf-8")
    run = compared(command, "runs")
    ended = command("summarize", *(run if word == "runs" else word for word in arguments))
    assert (2, "") == (ended.code, ended.out)
    assert said in ended.err


def test_nothing_judged_is_exit_code_1(command: Command, tmp_path: Path) -> None:
    """A file in which no pair could be judged has no result."""
    run = compared(command, "runs")
    rows = map(json.loads, (run / "judgments.jsonl").read_text("utf-8").splitlines())
    lines = [row | {"status": "refused", "preference": None} for row in rows]
    (tmp_path / "refused.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    ended = command("summarize", "refused.jsonl")
    assert 1 == ended.code
    assert "there is no result" in ended.out
