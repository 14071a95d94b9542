"""``longismore store``: stats, export, prune."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow.parquet
import pytest

from longismore.store import BatchNote, Store, default_store_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]

EVIL = "[red]evil[/red]\x1b[2J\x9b1m"
COMMANDS = (["stats"], ["stats", "--json"], ["export", "out.jsonl"], ["prune", "--judge", "x", "--yes"])


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with three answers, which the environment names."""
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        for key, judge, cost_usd in (("1", "openai/gpt-4.1", 0.5), ("2", "openai/gpt-4.1", None), ("3", EVIL, 0.25)):
            record = {"text": f"8 7 \ud800{key}", "refused": False, "input_tokens": 100, "output_tokens": 20,
                      "cost_usd": cost_usd, "latency_s": 1.0, "created": "2025-01-02T03:04:05+00:00"}  # fmt: skip
            store.put(key, judge=judge, fingerprint="0123456789abcdef", created=record["created"], record=record)
    monkeypatch.setenv("LONGISMORE_STORE", str(path))
    return path


@pytest.mark.parametrize("arguments", COMMANDS)
def test_absent_store_is_not_made(arguments: list[str], command: Command, tmp_path: Path) -> None:
    """A wrong path is an error with exit code 2, from the option, the environment or the default; no file appears."""
    ended = command("store", *arguments, "--store", "typo.sqlite")
    assert (2, "") == (ended.code, ended.out)
    assert "typo.sqlite: there is no store; a run with a paid judge makes one, and --store FILE" in ended.err
    assert 2 == command("store", *arguments).code
    assert ([], False) == (list(tmp_path.iterdir()), default_store_path().parent.exists())


def test_stats_are_a_table(command: Command, filled: Path) -> None:
    """Judges by name and the beginning of the fingerprint, with money that is known and answers whose cost is not."""
    ended = command("store", "stats")
    assert 0 == ended.code
    assert f"{filled}: 0.1 MB, version 2" in ended.out
    rows = [line.split() for line in ended.out.splitlines()]
    assert ["openai/gpt-4.1", "2", "0", "200", "40", "0.5000", "2025-01-02"] in rows
    assert ["0123456789ab", "1", "unknown", "2025-01-02"] in rows
    assert ["all", "3", "0", "300", "60", "0.7500", "2025-01-02"] in rows
    assert "calls in flight: 0, processes that make them: 0" in ended.out


def test_names_from_elsewhere_are_only_text(command: Command, filled: Path) -> None:
    """A judge's name neither colours nor clears the terminal, and shows as it is."""
    for arguments in (["stats"], ["stats", "--json"]):
        ended = command("store", *arguments)
        assert "[red]evil[/red]" in ended.out
        assert not {"\x1b", "\x9b"} & set(ended.out + ended.err)


def test_stats_for_programs(command: Command, filled: Path) -> None:
    """One JSON object, unknown is null."""
    with Store(filled) as store:
        store.note_batch(BatchNote(label="l", provider="openai", fingerprint="f", created="2025-01-02", batch=None,
                                   keys=("a", "b"), state="submitting"))  # fmt: skip
        store.claim(["a", "b"])
        document = json.loads(command("store", "stats", "--json").out)
        table = command("store", "stats").out
    assert ["path", "size_bytes", "version", "total", "judges", "open_batches", "claims", "processes"] == list(document)
    assert (str(filled), 2, 3, 0.75, 1, 2, 1) == (
        document["path"],
        document["version"],
        document["total"]["answers"],
        document["total"]["cost_usd"],
        document["total"]["without_cost"],
        document["claims"],
        document["processes"],
    )
    assert [(EVIL, 0.25), ("openai/gpt-4.1", 0.5)] == [(each["judge"], each["cost_usd"]) for each in document["judges"]]
    assert [("openai", 2, None)] == [
        (each["provider"], each["keys"], each["batch"]) for each in document["open_batches"]
    ]
    assert (
        "open batch: openai, 2 calls, submitting 2025-01-02, -\ncalls in flight: 2, processes that make them: 1"
        in table
    )


def test_stats_of_an_empty_store(command: Command, tmp_path: Path) -> None:
    """A store without answers says so."""
    Store(tmp_path / "empty.sqlite").close()
    ended = command("store", "stats", "--store", "empty.sqlite")
    assert (0, True) == (ended.code, "no answers yet" in ended.out)
    total = json.loads(command("store", "stats", "--store", "empty.sqlite", "--json").out)["total"]
    assert (0, None, None) == (total["answers"], total["cost_usd"], total["oldest"])


def test_export_says_what_it_wrote(command: Command, filled: Path, tmp_path: Path) -> None:
    """The count, and for Parquet the texts that it could not hold."""
    ended = command("store", "export", "out.jsonl")
    assert (0, "3 answers written to out.jsonl\n", "") == (ended.code, ended.out, ended.err)
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert ["8 7 \ud8001", "8 7 \ud8002", "8 7 \ud8003"] == [json.loads(line)["text"] for line in lines]
    ended = command("store", "export", "out.parquet", "--judge", "openai/gpt-4.1", "--fingerprint", "0123")
    assert (0, "2 answers written to out.parquet\n") == (ended.code, ended.out)
    assert "2 texts had half characters, which Parquet cannot hold" in ended.err
    assert ["1", "2"] == pyarrow.parquet.read_table(tmp_path / "out.parquet").column("key").to_pylist()


def test_prune_shows_first_and_needs_a_yes(command: Command, filled: Path) -> None:
    """Without --yes nothing is deleted; with it, what was shown is."""
    ended = command("store", "prune", "--judge", "openai/gpt-4.1")
    assert (0, "2 answers would go: US$ 0.5000 and 1 of unknown cost\n") == (ended.code, ended.out)
    assert "nothing was deleted; --yes does it" in ended.err
    ended = command("store", "prune", "--judge", "openai/gpt-4.1", "--yes")
    assert (0, "2 answers deleted: US$ 0.5000 and 1 of unknown cost\n", "") == (ended.code, ended.out, ended.err)
    ended = command("store", "prune", "--older-than", "30d", "--fingerprint", "0123", "--yes")
    assert "1 answers deleted: US$ 0.2500\n" == ended.out
    ended = command("store", "prune", "--older-than", "30d", "--yes")
    assert (0, "0 answers deleted\n") == (ended.code, ended.out)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["prune", "--yes"], "pruning needs a filter"),
        (["prune", "--yes", "--fingerprint", ""], "fingerprint is empty"),
        (["prune", "--yes", "--older-than", "90"], 'a number of days such as 90d, found "90"'),
        (["export", "out.csv"], "ends in .jsonl or .parquet"),
        (["export", "out.jsonl", "--judge", "nobody"], "no answer is as wanted"),
        (["stats", "--store", "."], "the store cannot be used"),
    ],
)
def test_wrong_use_is_explained(arguments: list[str], problem: str, command: Command, filled: Path) -> None:
    """Exit code 2 and one message; no answer is lost and no file is made."""
    ended = command("store", *arguments)
    assert (2, "") == (ended.code, ended.out)
    assert problem in ended.err
    assert ["store.sqlite"] == [each.name for each in filled.parent.iterdir()]
    with Store(filled) as store:
        assert 3 == store.count()


def test_prune_waits_for_running_processes(command: Command, filled: Path) -> None:
    """While a process makes judge calls, its store is left alone."""
    with Store(filled) as store:
        store.claim(["a"])
        ended = command("store", "prune", "--judge", "openai/gpt-4.1", "--yes")
        assert (2, 3) == (ended.code, store.count())
    assert "1 other process(es) are making 1 judge calls" in ended.err
