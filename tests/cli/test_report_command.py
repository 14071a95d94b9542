"""``longismore report``: the command as a user types it."""

from __future__ import annotations

import csv
import importlib.util
import json
from typing import TYPE_CHECKING, Any

import pytest

from page_reader import Page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]


@pytest.fixture(name="runs")
def _runs(command: Command, tmp_path: Path) -> list[Path]:
    """Two runs on the mini set: by the control that likes length, and by the heuristic."""
    for judge in ("length", "lexical"):
        command("compare", "mini:better", "mini:longer", "-t", "mini", "--judge", judge, "--output", f"runs-{judge}")
    return [next((tmp_path / f"runs-{judge}").iterdir()) for judge in ("length", "lexical")]


def test_a_run_becomes_a_page(
    command: Command, runs: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The page has the run's models, its command and that of the page; stdout has the answer, the log the file."""
    ended = command("report", runs[0], "-o", "out/report.html", "--title", "Appendix")
    assert 0 == ended.code
    assert ended.out.startswith("mini-longer against mini-better by length: ")
    assert "out/report.html written" in caplog.text
    page = Page((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    assert "Appendix" in page.texts_in("h1")
    assert 40 == len(page.data["pairs"])
    commands = [text for text in page.texts_in("pre") if text.startswith("longismore ")]
    assert ["longismore compare mini:better", f"longismore report {runs[0]}"] == [
        " ".join(text.split()[:3]) for text in commands
    ]


def test_several_runs_become_one_page(command: Command, runs: list[Path], tmp_path: Path) -> None:
    """Two judges of the same answers: their agreement, and both on every pair; the default file is report.html."""
    ended = command("report", *runs)
    assert 2 == len(ended.out.splitlines())
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "Do the judges agree?" in page.texts_in("h2")
    assert {2} == {len(pair["said"]) for pair in page.data["pairs"]}


def test_the_numbers_are_those_of_summarize(command: Command, runs: list[Path], tmp_path: Path) -> None:
    """With the same prior, seed and number of draws, report and summarize agree to the last digit."""
    options = ("--length-prior", "1.5,0.2", "--seed", 3, "--draws", 100)
    command("report", *runs, "--csv", "r.csv", *options)
    with (tmp_path / "r.csv").open(newline="", encoding="utf-8") as file:
        found = [float(row["lc_win_rate"]) for row in csv.DictReader(file) if row["scope"] == "pooled"]
    document = json.loads(command("summarize", *runs, "--json", *options).out)
    assert [each["pooled"]["lc_win_rate"] for each in document["comparisons"]] == found
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert 2 == page.texts_in("dd").count("mean 1.5, sd 0.2: given by --length-prior")


def test_tables_are_written_too(command: Command, runs: list[Path], tmp_path: Path) -> None:
    """Markdown with its table and command, CSV with a row a set and the pooled one, LaTeX."""
    command("report", *runs, "--markdown", "r.md", "--csv", "r.csv", "--latex", "r.tex")
    markdown = (tmp_path / "r.md").read_text(encoding="utf-8")
    assert markdown.startswith("# mini-longer against mini-better\n\njudged by length, lexical\n")
    assert "| mini | 40 |" in markdown
    assert "```sh\nlongismore report " in markdown
    with (tmp_path / "r.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {"length", "lexical"} == {row["judge"] for row in rows}
    assert 4 == len(rows)
    assert "tabular" in (tmp_path / "r.tex").read_text(encoding="utf-8")


def test_figures_need_the_extra(command: Command, runs: list[Path], tmp_path: Path) -> None:
    """With matplotlib there are pictures in the folder; without it the extra is named before any work."""
    ended = command("report", runs[0], "--figures", "figures")
    if importlib.util.find_spec("matplotlib") is None:
        assert 2 == ended.code
        assert "longismore[plot]" in ended.err
        assert not (tmp_path / "report.html").exists()
    else:
        assert {".png", ".svg"} == {path.suffix for path in (tmp_path / "figures").iterdir()}


def test_judgments_without_a_verdict_end_with_1(command: Command, runs: list[Path], tmp_path: Path) -> None:
    """The page is written and says that nothing was judged."""
    lines = [json.loads(line) for line in (runs[0] / "judgments.jsonl").read_text().splitlines()]
    unread = [line | {"status": "unparsed", "preference": None, "score_reference": None, "score_candidate": None}
              for line in lines]  # fmt: skip
    (tmp_path / "unread.jsonl").write_text("".join(json.dumps(line) + "\n" for line in unread))
    ended = command("report", "unread.jsonl")
    assert (1, True) == (ended.code, (tmp_path / "report.html").is_file())
    assert "no pair was judged" in ended.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("missing.jsonl",), "missing.jsonl: no such file"),
        (("empty.jsonl",), "the file has no judgments"),
        (("RUN", "-o", "RUN"), "is a folder; name a file to write"),
        (("RUN", "--csv", "RUN/run.json/r.csv"), "cannot be written"),
        (("RUN", "--figures", "RUN/run.json/f"), "cannot be written"),
    ],
)
def test_what_cannot_be_read_or_written_is_named(
    command: Command, runs: list[Path], tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    """Exit code 2 and a message, no traceback."""
    (tmp_path / "empty.jsonl").touch()
    ended = command("report", *(each.replace("RUN", str(runs[0])) for each in arguments))
    assert 2 == ended.code
    assert said in ended.err
