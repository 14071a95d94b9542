"""Where a row lies among all: the last hidden layer of a model at the last token of the whole conversation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longismore.instructions._templates import TextTemplate, load_template
from longismore.selectors._deita.scorer import batch_tokens
from longismore.selectors._hash_sampling import EMPTY
from longismore.selectors._models.causal_lm import identity, last_hidden, load
from longismore.selectors._scorer import Skipped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.instructions import Row
    from longismore.instructions._templates import Template
    from longismore.selectors._models.causal_lm import CausalLM

__all__ = ["Embedder"]

VERSION = 1
"""Goes up when the same settings give other numbers."""


@dataclass(kw_only=True)
class Embedder:
    """Embeds whole rows, all turns in the words of a template, with the tokenizer's end of text behind them.

    Args:
        model: A folder, or an id of the Hugging Face Hub.
        template: As :func:`~longismore.instructions._templates.load_template` takes it.
        dtype: As :func:`~longismore.selectors._models.causal_lm.load` takes it.
        device: The same.
        max_length: The longest text, in tokens; or what the model was made for, if that is less.
        truncate: Whether a longer text loses its end; otherwise the row has no embedding.
        max_tokens: Of a batch that goes through the model at once, padding counted; ``None``: what suits the device.
        batch_rows: How many rows are embedded and committed at once.
    """

    model: str
    template: str = "plain"
    dtype: str = "auto"
    device: str = "auto"
    max_length: int = 2048
    truncate: bool = False
    max_tokens: int | None = None
    batch_rows: int = 128
    _loaded: tuple[CausalLM, Template] | None = field(default=None, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_loaded": None}

    @property
    def name(self) -> str:
        """``deita_embedding``."""
        return "deita_embedding"

    @property
    def settings(self) -> Mapping[str, object]:
        """The model, the words around the turns, and what becomes of long texts."""
        # The chat template is among the model's files.
        words = "chat" if self.template == "chat" else load_template(self.template).digest
        return {
            "version": VERSION,
            **identity(self.model, dtype=self.dtype),
            "template": words,
            "max_length": self.max_length,
            "truncate": self.truncate,
        }

    @property
    def columns(self) -> Mapping[str, str]:
        """The embedding, and how many tokens were cut off."""
        return {"embedding": "vector", "cut": "integer"}

    def check(self) -> None:
        """Load the model and the template.

        Raises:
            UsageError: One of the two fails.
        """
        self._model()

    def score(self, rows: Sequence[Row]) -> list[tuple[object, ...] | Skipped]:
        """The embedding of each row."""
        lm, template = self._model()
        limit = min(self.max_length, lm.positions or self.max_length)
        texts = lm.encode([_text(row, template) for row in rows], special=not template.is_complete)
        results: list[Any] = []
        fitting: list[list[int]] = []
        for row, found in zip(rows, texts, strict=True):
            ids = _ended(found, lm.tokenizer.eos_token_id)
            if not any(turn.response.strip() for turn in row.turns):
                results.append(Skipped(EMPTY))
            elif len(ids) > limit and not self.truncate:
                results.append(Skipped("text longer than max_length"))
            else:
                results.append((len(fitting), max(0, len(ids) - limit)))
                fitting.append(ids[:limit])
        vectors = last_hidden(lm, fitting, max_tokens=self.max_tokens or batch_tokens(lm))
        return [each if isinstance(each, Skipped) else (vectors[each[0]], each[1]) for each in results]

    def _model(self) -> tuple[CausalLM, Template]:
        if self._loaded is None:
            lm = load(self.model, dtype=self.dtype, device=self.device)
            self._loaded = lm, load_template(self.template, lm.tokenizer)
        return self._loaded


def _text(row: Row, template: Template) -> str:
    last = row.turns[-1]
    gap = template.answer_gap if isinstance(template, TextTemplate) else ""
    return template.prompt(last.instruction, row.input, row.system, row.turns[:-1]) + gap + last.response


def _ended(ids: list[int], end: int | None) -> list[int]:
    return ids if end is None or ids[-1:] == [end] else [*ids, end]
