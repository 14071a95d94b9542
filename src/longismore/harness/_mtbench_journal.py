"""The answers of a model to MT-Bench as they come, turn by turn, so that a run that was killed goes on where it was.

A folder has the settings they were made with, and one file of answers for every process that generates. Files are only
appended to, by one process at a time; of two lines for one turn the later holds.
"""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from longismore._jsonl import dump_line, explained, read_json, read_jsonl, write_json
from longismore._lock import alone
from longismore.errors import BusyError, DataError, SchemaError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from longismore.mtbench import Question

__all__ = ["Journal", "SavedTurn"]

_KINDS: Mapping[str, tuple[type, ...]] = {
    "question": (int,),
    "turn": (int,),
    "asked": (str,),
    "output": (str, type(None)),
    "shortened": (bool,),
    "created": (int, float),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedTurn:
    """What a model said in one turn; a line of the file."""

    question: int
    turn: int
    """From 1."""
    asked: str
    """Hash of the conversation so far."""
    output: str | None
    """``None`` where the model's context had no room for an answer."""
    shortened: bool
    """Whether it had room for fewer tokens than were allowed."""
    created: float
    """Seconds since 1970."""


class Journal:
    """The saved answers of one model. They are read at once.

    Args:
        folder: Where they lie.
        made_with: The settings of this run, as far as they are known before the model is.

    Raises:
        DataError: A file cannot be read or mended.
        SchemaError: A line is not one of these files'.
        UsageError: They were made with other settings.
    """

    def __init__(self, folder: Path, made_with: Mapping[str, Any]) -> None:
        self._folder = folder
        self._made_with = made_with
        self._path: Path | None = None
        self._saved: dict[tuple[int, int], SavedTurn] = {}
        self.new: list[SavedTurn] = []
        """What this process has added."""
        self._check(made_with)
        self._sizes: dict[Path, int] = {}
        for path in sorted(folder.glob("turns-*.jsonl")):
            self._sizes[path] = _mend(path)
            self.learn(_saved(line, f"{path}:{number}") for number, line in read_jsonl(path))

    @contextmanager
    def opened(self, prompts: str, rank: int, *, notes: bool, writes: bool) -> Iterator[None]:
        """Be ready to add answers, while no other process is.

        Args:
            prompts: Hash of how the model is asked.
            rank: Of this process, among several that generate.
            notes: Whether this process writes the settings down.
            writes: Whether it writes what it adds.

        Raises:
            BusyError: Another process is adding answers, or has since these were read.
            DataError: The settings cannot be written.
            UsageError: The answers that are there were asked for otherwise.
        """
        with self._alone(self._folder / f"turns-{rank}.jsonl") if writes else nullcontext():
            made_with = {**self._made_with, "prompts": prompts}
            self._check(made_with)
            if notes:
                try:
                    write_json(self._folder / "settings.json", made_with)
                except OSError as error:
                    raise DataError(f"{self._folder}: cannot be written to: {error.strerror}") from error
            yield

    @contextmanager
    def _alone(self, path: Path) -> Iterator[None]:
        with alone(path.with_name(f".{path.stem}.lock"), wait=False):
            with explained(path):
                size = path.stat().st_size if path.exists() else 0
            if size != self._sizes.get(path, 0):
                raise BusyError(f"{path}: another process has added answers just now; repeat the command")
            self._path = path
            try:
                yield
            finally:
                self._path = None

    def answers(self, question: Question) -> tuple[str | None, ...]:
        """The answers to the first turns of a question, as far as they are there and were given to just these turns."""
        found: tuple[str | None, ...] = ()
        for turn in range(1, len(question.turns) + 1):
            saved = self._saved.get((question.id, turn))
            if saved is None or saved.asked != _digest(question.turns[:turn], found):
                break
            found = (*found, saved.output)
        return found

    def saved(self, question: int, turns: int) -> list[SavedTurn]:
        """The first so many turns of a question, or fewer."""
        found = [self._saved.get((question, turn)) for turn in range(1, turns + 1)]
        return [each for each in found if each is not None]

    def add(self, question: Question, before: Sequence[str | None], output: str | None, *, shortened: bool) -> None:
        """Append an answer.

        Args:
            question: That was asked.
            before: The answers to the turns before.
            output: The answer.
            shortened: Whether there was room for fewer tokens than were allowed.

        Raises:
            DataError: It cannot be written.
        """
        turn = len(before) + 1
        saved = SavedTurn(
            question=question.id,
            turn=turn,
            asked=_digest(question.turns[:turn], before),
            output=output,
            shortened=shortened,
            created=time.time(),
        )
        self.new.append(saved)
        self.learn([saved])
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8", newline="\n") as file:
                file.write(dump_line(asdict(saved)) + "\n")
        except OSError as error:
            raise DataError(f"{self._path}: an answer cannot be written: {error.strerror}") from error

    def learn(self, saved: Iterable[SavedTurn]) -> None:
        """Know answers that are written elsewhere: another process has made them."""
        for each in saved:
            self._saved[each.question, each.turn] = each

    def _check(self, made_with: Mapping[str, Any]) -> None:
        path = self._folder / "settings.json"
        if not path.exists():
            return
        then = read_json(path)
        if not isinstance(then, dict):
            raise SchemaError(str(path), "a JSON object is wanted")
        differing = [name for name, value in made_with.items() if then.get(name) != value]
        if differing:
            told = ", ".join(f"{name} {_shown(then.get(name))} (now {_shown(made_with[name])})" for name in differing)
            raise UsageError(
                f"{self._folder}: the answers there were made with {told}; "
                "give the model another name, or delete that folder and the file of its answers"
            )


def _digest(turns: Sequence[str], answers: Sequence[str | None]) -> str:
    """Hash of what was said before an answer (16 hexadecimal digits)."""
    return hashlib.sha256(json.dumps([list(turns), list(answers)]).encode()).hexdigest()[:16]


def _shown(value: object) -> str:
    return "not set" if value is None else str(value)


def _saved(line: Mapping[str, Any], where: str) -> SavedTurn:
    for name, kinds in _KINDS.items():
        value = line.get(name)
        if name not in line or type(value) not in kinds:
            raise SchemaError(where, f'no line of a generation: the field "{name}" is {value!r:.80}')
    return SavedTurn(**{each.name: line[each.name] for each in fields(SavedTurn)})


def _mend(path: Path) -> int:
    """Take away the end of a line that a crash has cut off; gives the size in bytes."""
    with explained(path), path.open("r+b") as file:
        data = file.read()
        size = data.rfind(b"\n") + 1
        if size < len(data):
            file.truncate(size)
        return size
