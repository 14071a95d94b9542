"""Forget answers on purpose: only by a filter, and never under the feet of a run."""

from __future__ import annotations

import logging
import re
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from longismore.errors import ConfigError, DataError
from longismore.store._rows import stored_answers
from longismore.store._stats import add_up

if TYPE_CHECKING:
    from longismore.store._claims import Claims
    from longismore.store._database import Database
    from longismore.store._rows import AnswerFilter
    from longismore.store._stats import Totals

__all__ = ["older_than", "prune_answers"]

logger = logging.getLogger(__name__)

_DAYS = re.compile(r"(\d+)d")


def older_than(age: str) -> str:
    """The time, in ISO 8601 and UTC, that lies so many days back.

    Raises:
        ConfigError: *age* is not written like ``90d``, or lies before all calendars.
    """
    days = _DAYS.fullmatch(age)
    try:
        if days is None:
            raise OverflowError
        return (datetime.now(UTC) - timedelta(days=int(days[1]))).isoformat(timespec="seconds")
    except (OverflowError, ValueError):
        raise ConfigError(f'an age is a number of days such as 90d, found "{age}"') from None


def prune_answers(database: Database, claims: Claims, wanted: AnswerFilter, *, only_look: bool) -> Totals:
    """Delete what is wanted, or only add it up; see :meth:`Store.prune`."""
    if not wanted:
        raise ConfigError("pruning needs a filter: --judge NAME, --fingerprint PREFIX or --older-than 90d")
    if only_look:
        return add_up(stored_answers(database, wanted))[1]
    condition, values = wanted.where()
    with database.transaction() as connection:
        calls, processes = claims.in_flight(connection, elsewhere=True)
        if calls:
            raise DataError(
                f"{database.path}: {processes} other process(es) are making {calls} judge calls; "
                "nothing was deleted; wait until they are done"
            )
        total = add_up(stored_answers(database, wanted))[1]
        connection.execute(f"DELETE FROM judgments WHERE {condition}", values)  # noqa: S608  only names and marks
    if total.answers:
        _give_space_back(database)
    return total


def _give_space_back(database: Database) -> None:
    try:
        database.connection.execute("VACUUM")
        database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        logger.warning("%s: the answers are deleted, but the file stays as large as it was: %s", database.path, error)
