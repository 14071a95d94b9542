"""What a store holds: answers, tokens and money by judge, open batches, calls in flight."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from longismore.store._batches import noted_batches
from longismore.store._rows import AnswerFilter, stored_answers

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from longismore.store._batches import BatchNote
    from longismore.store._claims import Claims
    from longismore.store._database import Database
    from longismore.store._rows import StoredAnswer

__all__ = ["StoreStats", "Totals", "add_up", "store_stats"]


@dataclass(slots=True)
class Totals:
    """Answers added up. A sum is over what is known, and ``None`` where nothing is."""

    answers: int = 0
    refused: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    without_tokens: int = 0
    """Answers of which one of the two numbers is unknown."""
    cost_usd: float | None = None
    without_cost: int = 0
    """Answers whose cost is unknown."""
    oldest: str | None = None
    newest: str | None = None

    def add(self, answer: StoredAnswer) -> None:
        """Count one answer."""
        self.answers += 1
        self.refused += answer.refused
        if answer.input_tokens is not None:
            self.input_tokens = (self.input_tokens or 0) + answer.input_tokens
        if answer.output_tokens is not None:
            self.output_tokens = (self.output_tokens or 0) + answer.output_tokens
        self.without_tokens += answer.input_tokens is None or answer.output_tokens is None
        if answer.cost_usd is None:
            self.without_cost += 1
        else:
            self.cost_usd = (self.cost_usd or 0.0) + answer.cost_usd
        if answer.created is not None:
            self.oldest = min(self.oldest or answer.created, answer.created)
            self.newest = max(self.newest or answer.created, answer.created)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    """What ``longismore store stats`` says."""

    path: Path
    size_bytes: int
    """On disk, with what SQLite has not yet merged into the file."""
    version: int
    judges: dict[tuple[str, str], Totals]
    """By name, which is empty where it was not recorded, and fingerprint."""
    total: Totals
    batches: list[BatchNote]
    """Those that are open."""
    claims: int
    """Calls that living processes have promised to make."""
    processes: int
    """How many promised them."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON; the keys of batches are only counted."""
        return {
            "path": str(self.path),
            "size_bytes": self.size_bytes,
            "version": self.version,
            "total": asdict(self.total),
            "judges": [
                {"judge": judge, "fingerprint": fingerprint, **asdict(totals)}
                for (judge, fingerprint), totals in self.judges.items()
            ],
            "open_batches": [asdict(note) | {"keys": len(note.keys)} for note in self.batches],
            "claims": self.claims,
            "processes": self.processes,
        }


def add_up(answers: Iterable[StoredAnswer]) -> tuple[dict[tuple[str, str], Totals], Totals]:
    """Totals for each judge, by name and fingerprint, and of all."""
    judges: dict[tuple[str, str], Totals] = {}
    total = Totals()
    for answer in answers:
        judges.setdefault((answer.judge, answer.fingerprint), Totals()).add(answer)
        total.add(answer)
    return dict(sorted(judges.items())), total


def store_stats(database: Database, claims: Claims) -> StoreStats:
    """Look at every answer once, in constant memory."""
    judges, total = add_up(stored_answers(database, AnswerFilter()))
    with database.explained():
        in_flight, processes = claims.in_flight(database.connection)
        path = database.path
        return StoreStats(
            path=path,
            size_bytes=sum(_size(path.with_name(path.name + end)) for end in ("", "-wal", "-shm")),
            version=database.version(),
            judges=judges,
            total=total,
            batches=noted_batches(database),
            claims=in_flight,
            processes=processes,
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
