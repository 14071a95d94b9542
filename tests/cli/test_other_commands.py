"""``longismore import``, ``testsets``, ``doctor``, ``eval``, and the command as a whole."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import longismore

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., Any]

_FILES = {
    ("cherry", "gpt4"): ["cherry_5per_vs_alpaca/{set}_wrap_reviews_gpt4.json"],
    ("cherry", "gpt3.5"): ["cherry_5per_vs_alpaca/{set}_wrap_reviews_gpt3.5.json"],
    ("qlora", "gpt3.5-16k-0613"): [
        "alpagasus2_vs_alpaca2/alpaca2-alpagasus2-{set}.json",
        "alpagasus2_vs_alpaca2/alpagasus2-alpaca2-{set}.json",
    ],
}


def test_published_reviews_give_the_published_figures(
    command: Command, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Import and compare reproduce every row of the reference table, from the command line alone."""
    monkeypatch.setenv("LONGISMORE_TESTSETS", str(data / "testsets"))
    with (data / "reference" / "pairwise_reference.csv").open() as file:
        expected = list(csv.DictReader(file))
    assert 5 == len(expected)
    for row in expected:
        name = f"{row['source']}-{row['judge']}-{row['set']}"
        paths = [data / "reviews" / path.format(set=row["set"]) for path in _FILES[row["source"], row["judge"]]]
        kind = "cherry" if row["source"] == "cherry" else "alpagasus"
        imported = command("import", *paths, "--format", kind, "-t", row["set"], "--judge", row["judge"], "-o", name)
        assert 0 == imported.code, imported.err
        compared = command(
            "compare", f"{name}/reference.json", f"{name}/candidate.json", "-t", row["set"],
            "--judge", f"replay:{name}/judgments.jsonl", "--json",
        )  # fmt: skip
        found = json.loads(compared.out)["testsets"][row["set"]]
        assert {
            "n": int(row["n"]),
            "wins": int(row["win"]),
            "ties": int(row["tie"]),
            "losses": int(row["lose"]),
            "winning_score": float(row["winning_score"]),
            "swap_consistency": round(1 - float(row["position_inconsistent_any"]), 4),
            "swap_flip": float(row["position_flip_strict"]),
            "unparsed": int(row["unparsed_order0"]) + int(row["unparsed_order1"]),
            "empty_candidate": int(row["empty_a1"]),
            "empty_reference": int(row["empty_a2"]),
            "mean_chars_candidate": float(row["mean_chars_a1"]),
            "mean_chars_reference": float(row["mean_chars_a2"]),
        } == {
            "n": found["n"],
            "wins": found["wins"],
            "ties": found["ties"],
            "losses": found["losses"],
            "winning_score": round(found["winning_score"], 4),
            "swap_consistency": round(found["swap_consistency"], 4),
            "swap_flip": round(found["swap_flip"], 4),
            "unparsed": found["unparsed"],
            "empty_candidate": found["empty_candidate"],
            "empty_reference": found["empty_reference"],
            "mean_chars_candidate": round(found["mean_chars_candidate"], 1),
            "mean_chars_reference": round(found["mean_chars_reference"], 1),
        }, name


def test_import_says_what_it_wrote(command: Command, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --json, as one object: pairs, judge calls by their state, and the files."""
    monkeypatch.setenv("LONGISMORE_TESTSETS", str(data / "testsets"))
    path = data / "reviews" / "cherry_5per_vs_alpaca" / "koala_wrap_reviews_gpt4.json"
    document = json.loads(command("import", path, "--format", "cherry", "-t", "koala", "-o", "K", "--json").out)
    assert ("koala", "gpt4", 180, {"judged": 360}) == tuple(
        document[key] for key in ("testset", "judge", "pairs", "judgments")
    )
    assert {"judgments.jsonl", "reference.json", "candidate.json"} == set(document["files"])


def test_reviews_of_another_test_set_are_refused(command: Command, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row that does not fit is named."""
    monkeypatch.setenv("LONGISMORE_TESTSETS", str(data / "testsets"))
    path = data / "reviews" / "cherry_5per_vs_alpaca" / "koala_wrap_reviews_gpt4.json"
    ended = command("import", path, "--format", "cherry", "-t", "vicuna", "-o", "K")
    assert 2 == ended.code
    assert "has 180 rows, vicuna has 80" in ended.err
    unknown = command("import", path, "--format", "chery", "-t", "koala", "-o", "K")
    assert 2 == unknown.code
    assert "did you mean cherry?" in unknown.err


def test_the_examples_of_the_readme_work(command: Command) -> None:
    """Those that need no file of the reader's."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    examples = [line.split()[1:] for line in readme.splitlines() if line.startswith("longismore compare mini:")]
    assert examples
    for arguments in examples:
        assert 0 == command(*arguments).code


def test_testsets_list_knows_all(command: Command) -> None:
    """With sizes, and whether they are at hand."""
    rows = json.loads(command("testsets", "list", "--json").out)["testsets"]
    sizes = {"koala": 180, "lima": 300, "mini": 40, "sinstruct": 252, "vicuna": 80, "wizardlm": 218}
    assert {**sizes, "alpaca_eval": 805} == {name: row["size"] for name, row in rows.items()}
    assert ["mini"] == [name for name, row in rows.items() if row["at_hand"]]


def test_testsets_show_prints_one_instruction(command: Command) -> None:
    """By its id; an unknown id is an error with near names."""
    ended = command("testsets", "show", "mini", "--id", "mini_0", "--json")
    assert ["mini_0"] == [example["id"] for example in json.loads(ended.out)["examples"]]
    assert 2 == command("testsets", "show", "mini", "--id", "mini_99").code


def test_testsets_fetch_says_what_is_at_hand(command: Command, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a folder on a machine without network; without either, the message says what to do."""
    assert 2 == command("testsets", "fetch", "vicuna").code
    monkeypatch.setenv("LONGISMORE_TESTSETS", str(data / "testsets"))
    assert "vicuna: 80 instructions at hand\n" == command("testsets", "fetch", "vicuna").out
    assert ["vicuna"] == list(json.loads(command("testsets", "fetch", "vicuna", "--json").out)["testsets"])
    assert 6 == command("testsets", "fetch").out.count(" instructions at hand\n")
    assert command("testsets", "list").err.startswith("fetch what is missing: longismore testsets fetch alpaca_eval\n")


def test_doctor_never_shows_a_key(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only whether it is set."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    for arguments in (["doctor"], ["doctor", "--json"]):
        ended = command(*arguments)
        assert "sk-very-secret" not in ended.out + ended.err
        assert 0 == ended.code


def test_doctor_says_what_to_do(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A store that cannot be used makes it end with 1; what is missing has a remedy."""
    (tmp_path / "store.sqlite").write_text("this is no database")
    monkeypatch.setenv("LONGISMORE_STORE", str(tmp_path / "store.sqlite"))
    ended = command("doctor", "--json")
    report = json.loads(ended.out)
    assert (1, False) == (ended.code, report["ok"])
    checks: list[dict[str, Any]] = [check for group in report["checks"].values() for check in group]
    assert all(check["remedy"] for check in checks if check["state"] == "missing")


def test_version(command: Command) -> None:
    """``--version`` prints it."""
    assert f"longismore {longismore.__version__}\n" == command("--version").out


@pytest.mark.slow
def test_help_of_every_command_answers_without_heavy_imports() -> None:
    """``--help`` loads no lm_eval, numpy, pandas, torch or SDK."""
    program = (
        "import sys; sys.argv = ['longismore', *sys.argv[1:]]\n"
        "from longismore.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'lm_eval', 'numpy', 'pandas', 'torch', 'aiohttp', 'openai', 'datasets', 'scipy'}\n"
        "print(sorted(set(sys.modules) & heavy))"
    )
    for arguments in (
        ["--help"],
        ["compare", "--help"],
        ["import", "--help"],
        ["testsets", "--help"],
        ["store", "--help"],
    ):
        ended = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
        assert "[]" == ended.stdout.splitlines()[-1]
        assert "Usage: longismore" in ended.stdout
