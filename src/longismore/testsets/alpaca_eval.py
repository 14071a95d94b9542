"""AlpacaEval: 805 instructions, with the answers of GPT-4 Turbo that AlpacaEval 2 compares with.

Both stand in one file of AlpacaEval's repository: the published annotations of one model, of which only the
instructions and the reference's answers are read. An instruction's category is the data set that it was taken from.

Source: Dubois et al., Length-Controlled AlpacaEval, 2024, https://arxiv.org/abs/2404.04475,
https://github.com/tatsu-lab/alpaca_eval
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore._jsonl import read_json
from longismore.errors import SchemaError
from longismore.records import Answer
from longismore.testsets import TESTSETS
from longismore.testsets._published import make_example
from longismore.testsets._row import Row, json_type
from longismore.testsets._source import fetch, is_at_hand

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.records import Example

__all__ = ["ALPACA_EVAL", "REFERENCE", "AlpacaEvalSet"]

REFERENCE = "gpt4_1106_preview"
"""The model that AlpacaEval 2 compares with, by its name there."""
_ADDRESS = (
    "https://raw.githubusercontent.com/tatsu-lab/alpaca_eval/cd543a149df89434d8a54582c0151c0b945c3d20/"
    "results/alpaca-7b/weighted_alpaca_eval_gpt4_turbo/annotations.json"
)
_FILE = "alpaca_eval/annotations.json"
"""In the cache, and in the folder that somebody filled by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpacaEvalSet:
    """The instructions in AlpacaEval's own order, on which its length control depends."""

    name: str = "alpaca_eval"
    version: int = 1
    size: int = 805
    sha256: str = "41047c654c6c5ddc0290fb207367e3f458d22692045eb41927eb64103a2cb764"
    licence: str = "CC BY-NC 4.0 (data of the repository tatsu-lab/alpaca_eval)"
    source: str = "Dubois et al., Length-Controlled AlpacaEval, 2024, https://github.com/tatsu-lab/alpaca_eval"

    def load(self, folder: Path | None = None) -> list[Example]:
        """All examples; see :class:`longismore.testsets.TestSet`."""
        return [
            make_example(self.name, self._id(row), row.text("instruction"), category=row.text("dataset"))
            for row in self._rows(folder)
        ]

    def reference(self, folder: Path | None = None) -> dict[tuple[str, str], Answer]:
        """The answers of GPT-4 Turbo, by test set and id; the rest is as for :meth:`load`."""
        return {
            (self.name, self._id(row)): Answer(row.text("generator_1"), row.text("output_1"))
            for row in self._rows(folder)
        }

    def is_at_hand(self, folder: Path | None = None) -> bool:
        """Whether :meth:`load` would work without the network."""
        return is_at_hand(_ADDRESS, self.sha256, folder=folder, name=_FILE)

    def _id(self, row: Row) -> str:
        return f"{self.name}_{row.position}"

    def _rows(self, folder: Path | None) -> list[Row]:
        path = fetch(_ADDRESS, self.sha256, folder=folder, name=_FILE)
        found = read_json(path)
        if not isinstance(found, list) or len(found) != self.size:
            raise SchemaError(str(path), f"a list of {self.size} annotations was expected, found {json_type(found)}")
        return [Row(fields, f"{path}: row {number + 1}", number) for number, fields in enumerate(found)]


ALPACA_EVAL = AlpacaEvalSet()

TESTSETS.register("alpaca_eval", ALPACA_EVAL)
