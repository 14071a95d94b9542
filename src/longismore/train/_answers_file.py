"""Answers on disk as they come, one a line: after a crash nothing that is there is generated again.

The lines have the fields of alpaca_eval's outputs, so that the file is one of answers for everything that reads such
files, e.g. ``judge_reference``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._jsonl import dump_line, explained, read_jsonl
from longismore.errors import DataError, SchemaError, UsageError
from longismore.records import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.records import Example

__all__ = ["AnswersFile"]

_TEXTS = ("id", "dataset", "instruction", "input", "output", "generator")


class AnswersFile:
    """Answers of one model under one set of conditions.

    Args:
        path: Of the file; it and its folder are made.
        made_with: The conditions; a file that was made with others is refused.
    """

    def __init__(self, path: str | Path, made_with: Mapping[str, object]) -> None:
        self._path, self._made_with = Path(path), dict(made_with)

    def read(self, examples: Sequence[Example]) -> dict[tuple[str, str], Answer]:
        """The answers to these examples that are there; a last line that was cut off is taken away.

        Raises:
            DataError: The file cannot be read or mended, or answers another text under one of these names.
            SchemaError: A line is not one of this file's.
            UsageError: The answers were made with other settings.
        """
        if not self._path.exists():
            return {}
        self._mend()
        wanted = {(example.testset, example.id): example for example in examples}
        found = {}
        for number, line in read_jsonl(self._path):
            where = f"{self._path}:{number}"
            if not all(isinstance(line.get(name), str) for name in _TEXTS):
                raise SchemaError(where, f"no line of a generation; it has the texts {', '.join(_TEXTS)}")
            self._check_settings(line.get("made_with"), where)
            place = line["dataset"], line["id"]
            example = wanted.get(place)
            if example is None:
                continue
            if (line["instruction"], line["input"]) != (example.instruction, example.input):
                raise DataError(f"{where}: {place[1]} of {place[0]} is another instruction now; take another file")
            found[place] = Answer(line["generator"], line["output"])
        return found

    def _check_settings(self, made_with: Any, where: str) -> None:
        if made_with == self._made_with:
            return
        then = made_with if isinstance(made_with, dict) else {}
        differing = [name for name in self._made_with if then.get(name) != self._made_with[name]]
        told = ", ".join(f"{name} {then.get(name)} (now {self._made_with[name]})" for name in differing)
        raise UsageError(f"{where}: was made with {told or 'other settings'}; take another file, or delete this one")

    def _mend(self) -> None:
        """Take away the end of a line that a crash has cut off."""
        with explained(self._path), self._path.open("r+b") as file:
            data = file.read()
            if data and not data.endswith(b"\n"):
                file.truncate(data.rfind(b"\n") + 1)

    def add(self, answers: Sequence[tuple[Example, Answer, int, bool]]) -> None:
        """Append answers, each with its tokens and whether it came to its end.

        Raises:
            DataError: They cannot be written.
        """
        lines = [
            dump_line(
                {
                    "id": example.id,
                    "dataset": example.testset,
                    "instruction": example.instruction,
                    "input": example.input,
                    "output": answer.output,
                    "generator": answer.model,
                    "tokens": tokens,
                    "finished": finished,
                    "made_with": self._made_with,
                }
            )
            for example, answer, tokens, finished in answers
        ]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8", newline="\n") as file:
                file.write("".join(f"{line}\n" for line in lines))
        except OSError as error:
            raise DataError(f"{self._path}: answers cannot be written: {error.strerror}") from error
