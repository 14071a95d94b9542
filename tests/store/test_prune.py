from __future__ import annotations

import logging
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import ConfigError, DataError
from longismore.store import AnswerFilter, Store, older_than

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEYS = ["1", "2", "3", "4"]


@pytest.fixture
def filled(store: Store, put: Callable[..., None]) -> Store:
    """A store with answers of two judges from two years."""
    put(store, "1", judge="a", fingerprint="abc", created="2023-05-01T00:00:00+00:00")
    put(store, "2", judge="a", fingerprint="abd", created="2025-05-01T00:00:00+00:00", cost_usd=None)
    put(store, "3", judge="b", fingerprint="xyz", created="2023-05-01T00:00:00+00:00", cost_usd=0.25)
    put(store, "4", judge="b", fingerprint="xyz", created="")
    return store


@pytest.mark.parametrize(
    ("wanted", "gone"),
    [
        (AnswerFilter(judge="a"), ["1", "2"]),
        (AnswerFilter(fingerprint="ab"), ["1", "2"]),
        (AnswerFilter(fingerprint="abd"), ["2"]),
        (AnswerFilter(judge="b", before="2024-01-01T00:00:00+00:00"), ["3"]),
        (AnswerFilter(before="2024-01-01T00:00:00+00:00"), ["1", "3"]),
        (AnswerFilter(before="2023-05-01T00:00:01+00:00"), ["1", "3"]),
        (AnswerFilter(before="2023-05-01T00:00:00+00:00"), []),
        (AnswerFilter(before="2023-05-01T02:00:00+02:00"), []),
        (AnswerFilter(judge="A"), []),
        (AnswerFilter(fingerprint="%"), []),
    ],
)
def test_only_what_is_wanted_goes(wanted: AnswerFilter, gone: list[str], filled: Store) -> None:
    """Filters hold together; what has no time is never old; looking first changes nothing and says the same."""
    would_go = filled.prune(wanted, only_look=True)
    assert KEYS == sorted(filled.get(KEYS))
    assert would_go == filled.prune(wanted, only_look=False)
    assert (len(gone), sorted(set(KEYS) - set(gone))) == (would_go.answers, sorted(filled.get(KEYS)))


def test_cost_of_what_goes_is_said(filled: Store) -> None:
    """The known cost added up, and how many answers have none."""
    would_go = filled.prune(AnswerFilter(before="2026-01-01"), only_look=True)
    assert (3, 0.75, 1) == (would_go.answers, would_go.cost_usd, would_go.without_cost)


@pytest.mark.parametrize("created", ["5", "now", "yesterday", "2023"])
def test_what_is_no_date_is_never_old(created: str, store: Store, put: Callable[..., None]) -> None:
    """SQLite reads numbers and words as times: here they are none."""
    put(store, "1", created=created)
    assert 0 == store.prune(AnswerFilter(before="2999-01-01"), only_look=True).answers


def test_pruning_all_is_refused(filled: Store) -> None:
    """Without a filter nothing happens, not even looking."""
    for only_look in (True, False):
        with pytest.raises(ConfigError, match="pruning needs a filter: --judge NAME, --fingerprint PREFIX or --older"):
            filled.prune(AnswerFilter(), only_look=only_look)
    assert 4 == filled.count()


@pytest.mark.parametrize("name", ["judge", "fingerprint"])
def test_empty_filter_is_refused(name: str) -> None:
    """A variable of the shell that is not set must not mean everything."""
    with pytest.raises(ConfigError, match=f"{name} is empty"):
        AnswerFilter(**{name: ""})


def test_space_is_given_back(store: Store, put: Callable[..., None]) -> None:
    """The file is small again."""
    for number in range(500):
        put(store, str(number), text="x" * 3000)
    put(store, "kept", judge="b")
    before = store.stats().size_bytes
    store.prune(AnswerFilter(judge="openai/test"), only_look=False)
    assert store.stats().size_bytes < before / 10
    assert ["kept"] == list(store.get(["kept", "1"]))


def test_running_processes_are_not_disturbed(filled: Store) -> None:
    """While others make judge calls nothing is deleted; looking, and what they have given back, is no obstacle."""
    with Store(filled.path) as other:
        other.claim(["x", "y"])
        assert 2 == filled.prune(AnswerFilter(judge="a"), only_look=True).answers
        with pytest.raises(DataError, match=r"1 other process\(es\) are making 2 judge calls; nothing was deleted"):
            filled.prune(AnswerFilter(judge="a"), only_look=False)
        assert 4 == filled.count()
        filled.claim(["mine"])
        other.release(["x", "y"])
        assert 2 == filled.prune(AnswerFilter(judge="a"), only_look=False).answers


def test_space_that_cannot_be_given_back_is_a_warning(
    tmp_path: Path, put: Callable[..., None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The answers are gone all the same, and the message says so."""
    connect = sqlite3.connect

    class Full(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            if sql == "VACUUM":
                raise sqlite3.OperationalError("database or disk is full")
            return super().execute(sql, *parameters)

    monkeypatch.setattr(sqlite3, "connect", lambda *a, **options: connect(*a, factory=Full, **options))
    with Store(tmp_path / "store.sqlite") as store, caplog.at_level(logging.WARNING):
        put(store, "1")
        assert 1 == store.prune(AnswerFilter(judge="openai/test"), only_look=False).answers
        assert 0 == store.count()
    assert "the answers are deleted, but the file stays as large as it was: database or disk is full" in caplog.text


def test_age_is_a_number_of_days() -> None:
    """The time so many days back, in UTC."""
    before = datetime.now(UTC) - timedelta(days=90, seconds=1)
    found = datetime.fromisoformat(older_than("90d"))
    assert before <= found <= datetime.now(UTC) - timedelta(days=90)


@pytest.mark.parametrize("age", ["", "90", "d", "-1d", "1.5d", "90 d", "3w", "9999999d", f"{'9' * 30}d", "90d\n"])
def test_other_ages_are_refused(age: str) -> None:
    """What is no number of days, or lies before all calendars, is named."""
    with pytest.raises(ConfigError, match="an age is a number of days such as 90d, found "):
        older_than(age)
