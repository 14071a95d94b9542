"""``longismore audit``: tables and sentences for people, JSON for programs, Markdown for pages, probes for money."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer
from longismore.judges import write_judgments
from longismore.judges._gold import write_gold
from longismore.records import Order, Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from longismore.records import Judgment, Pair

    Command = Callable[..., Any]

SERVER_JUDGE = ("--judge", "openai/test-judge", "--price-input", "2", "--price-output", "8")


@pytest.fixture
def judgments(
    tmp_path: Path, make_pair: Callable[..., Pair], make_judgment: Callable[..., Judgment]
) -> tuple[Path, Path]:
    """Two judges of 40 pairs: one keeps its verdicts, the other always prefers the answer shown second."""
    pairs = [
        make_pair(str(number), prompt=f"prompt {number}", candidate="long " * (3 + number % 9)) for number in range(40)
    ]
    steady = [
        make_judgment(pair, order, preference=float(number % 2), score_reference=None, score_candidate=None)
        for number, pair in enumerate(pairs)
        for order in Order
    ]
    swayed = [
        replace(
            each, judge="openai/swayed", fingerprint="5" * 64, preference=float(each.order is Order.REFERENCE_FIRST)
        )
        for each in steady
    ]
    paths = tmp_path / "steady.jsonl", tmp_path / "swayed.jsonl"
    for path, rows in zip(paths, (steady, swayed), strict=True):
        write_judgments(path, rows)
    return paths


def test_people_get_tables_and_sentences(
    command: Command, judgments: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """80 columns, the verdict on each judge in words, and how far the two agree."""
    monkeypatch.setenv("COLUMNS", "80")
    ended = command("audit", *judgments)
    assert (0, "") == (ended.code, ended.err)
    assert 80 >= max(map(len, ended.out.splitlines()))
    text = " ".join(ended.out.split())
    assert "- openai/test-judge changes its verdict with the order in 0.0% of 40 pairs: it is steady" in text
    assert "- openai/swayed changes its verdict with the order in 100.0% of 40 pairs: do not use it one-way" in text
    assert "- openai/swayed favours the answer shown second: in 40 of the 40 pairs" in text
    assert "agree in 0.0% of 40 pairs" in text


def test_programs_get_one_object(command: Command, judgments: tuple[Path, Path]) -> None:
    """Judges by name, every two of them, and the sentences; nothing else on stdout."""
    document = json.loads(command("audit", *judgments, "--json").out)
    assert ["judges", "pairs", "sentences"] == list(document)
    assert ["openai/test-judge", "openai/swayed"] == list(document["judges"])
    swayed = document["judges"]["openai/swayed"]
    assert (40, 0.0, 1.0) == (swayed["n"], swayed["swap_consistency"], swayed["swap_flip"])
    assert (0, 40) == (swayed["flips_favour_first"], swayed["flips_favour_second"])
    for name in ("prefers_longer", "length_slope", "unparsed", "refused"):
        assert name in swayed
    (pair,) = document["pairs"]
    assert ["openai/test-judge", "openai/swayed"] == pair["judges"]
    assert (40, 0.0, 0, None) == tuple(pair[name] for name in ("n", "agreement", "n_decided", "agreement_decided"))
    assert {"cohen_kappa", "cohen_kappa_quadratic", "krippendorff_alpha"} <= pair.keys()


def test_gold_labels_add_accuracy(command: Command, judgments: tuple[Path, Path], tmp_path: Path) -> None:
    """A judge that the labels were made from is always right; labels of other pairs are an error."""
    write_gold(tmp_path / "gold.jsonl", {("mini", str(number)): float(number % 2) for number in range(40)})
    ended = command("audit", *judgments, "--gold", tmp_path / "gold.jsonl", "--json")
    judges = json.loads(ended.out)["judges"]
    assert (1.0, 0.0) == (judges["openai/test-judge"]["acc_both"], judges["openai/swayed"]["acc_both"])
    assert 0.5 == judges["openai/swayed"]["acc_mean"]
    write_gold(tmp_path / "other.jsonl", {("koala", "1"): 1.0})
    ended = command("audit", *judgments, "--gold", tmp_path / "other.jsonl")
    assert 2 == ended.code
    assert "none of the 1 gold labels" in ended.err


def test_markdown_is_written_beside(command: Command, judgments: tuple[Path, Path], tmp_path: Path) -> None:
    """The file has the sentences and the tables; stdout has what it has anyway."""
    ended = command("audit", *judgments, "--markdown", tmp_path / "audit.md")
    text = (tmp_path / "audit.md").read_text(encoding="utf-8")
    assert text.startswith("# Audit of judges\n\n- openai/test-judge changes its verdict")
    assert "## Between judges" in text
    assert "Between judges" in ended.out


def test_nothing_readable_is_a_bad_end(
    command: Command, tmp_path: Path, make_judgment: Callable[..., Judgment]
) -> None:
    """Exit code 1, and a table that says so."""
    fields = {"status": Status.UNPARSED, "preference": None, "score_reference": None, "score_candidate": None}
    write_judgments(tmp_path / "j.jsonl", [make_judgment(order=order, **fields) for order in Order])
    ended = command("audit", tmp_path / "j.jsonl")
    assert 1 == ended.code
    assert "was read in both orders on no pair" in " ".join(ended.out.split())


def test_files_that_are_no_judgments_are_refused(command: Command, tmp_path: Path) -> None:
    """Exit code 2 and the file's name."""
    (tmp_path / "a.json").write_text("[]")
    for path in (tmp_path / "a.json", tmp_path / "absent.jsonl"):
        ended = command("audit", path)
        assert (2, "") == (ended.code, ended.out)
        assert path.name in ended.err


@pytest.mark.parametrize("option", [("--judge", "length"), ("--limit", "3"), ("--dry-run",), ("--protocol", "choice")])
def test_options_of_probes_want_a_probe(
    command: Command, judgments: tuple[Path, Path], option: tuple[str, ...]
) -> None:
    """They would do nothing: the message says what is missing."""
    ended = command("audit", *judgments, *option)
    assert 2 == ended.code
    assert f"{option[0]}: only a probe asks a judge; add --probe" in ended.err


def test_the_environment_may_name_a_judge_for_other_commands(
    command: Command, judgments: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a probe it is not used and does no harm."""
    monkeypatch.setenv("LONGISMORE_JUDGE", "openai/none")
    monkeypatch.setenv("LONGISMORE_JUDGE_BASE_URL", "http://127.0.0.1:9")
    assert 0 == command("audit", *judgments).code


def test_a_probe_needs_a_judge_and_a_known_name(command: Command, judgments: tuple[Path, Path]) -> None:
    """Both are errors of usage."""
    ended = command("audit", *judgments, "--probe", "length")
    assert (2, True) == (ended.code, "no judge was given" in ended.err)
    ended = command("audit", *judgments, "--probe", "lenght", "--judge", "length")
    assert (2, True) == (ended.code, "length" in ended.err)


def test_a_free_judge_is_probed_for_length(command: Command, judgments: tuple[Path, Path]) -> None:
    """The judge that only likes length prefers every padded answer; the sentence stands with the others."""
    options = ("--probe", "length", "--judge", "length", "--limit", "8")
    document = json.loads(command("audit", *judgments, *options, "--json").out)
    (probe,) = document["probes"]
    assert ("length", 1.0) == (probe["probe"], probe["padded_wins"])
    assert document["sentences"][-1].startswith("length prefers the padded answer in 100")
    ended = command("audit", judgments[0], *options)
    assert "- length prefers the padded answer in 100" in ended.out


def test_a_paid_probe_says_what_it_takes_and_is_paid_once(command: Command, judgments: tuple[Path, Path]) -> None:
    """A dry run sends nothing; the second run of the same probe is answered by the store."""
    with JudgeServer() as server:
        options = ("--probe", "length", "--limit", "4", *SERVER_JUDGE, "--base-url", server.base_url)
        dry = command("audit", judgments[0], *options, "--dry-run")
        estimate = json.loads(command("audit", judgments[0], *options, "--dry-run", "--json").out)["estimates"]
        assert [] == server.requests
        first = json.loads(command("audit", judgments[0], *options, "--json").out)["probes"]
        asked = len(server.requests)
        second = json.loads(command("audit", judgments[0], *options, "--json").out)["probes"]
        assert asked == len(server.requests)
    assert "probe length: " in dry.out
    assert "Nothing was sent." in dry.out
    assert asked == estimate["length"]["calls"]
    assert first == second
