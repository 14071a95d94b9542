"""Complexity or quality of each turn of a row, as a model's expected digit from 1 to 6.

The model is asked for a digit; the score is the mean of 1 to 6, weighted by the probabilities that the digits have
among themselves as the next token. The published program generates two tokens for one prompt at a time, from logits
of the whole vocabulary, and gives 3.0 where a digit is missing; here prompts go through the model once, in batches,
and only six logits are computed, at the last position.

Source: Liu et al., What Makes Good Data for Alignment?, ICLR 2024, section 2.2, https://arxiv.org/abs/2312.15685.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longismore.selectors._deita.prompts import digit_tokens, filled, instructions_of
from longismore.selectors._hash_sampling import EMPTY
from longismore.selectors._models.causal_lm import identity, load, next_token_logits
from longismore.selectors._scorer import Skipped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from longismore.instructions import Row
    from longismore.selectors._models.causal_lm import CausalLM

__all__ = ["DigitScorer", "batch_tokens", "expected_digits"]

VERSION = 1
"""Goes up when the same settings give other numbers."""


@dataclass(kw_only=True)
class DigitScorer:
    """Scores every turn of a row by itself, as the published program does.

    Args:
        kind: ``complexity`` or ``quality``.
        model: A folder, or an id of the Hugging Face Hub.
        prompt: With the placeholders ``{instruction}`` and, for quality, ``{output}``.
        dtype: As :func:`~longismore.selectors._models.causal_lm.load` takes it.
        device: The same.
        max_prompt: The longest prompt, in tokens; or what the model was made for, if that is less.
        truncate: Whether a text too long for its prompt loses its end; otherwise the row has no score.
        max_tokens: Of a batch that goes through the model at once, padding counted; ``None``: what suits the device.
        batch_rows: How many rows are scored and committed at once.
    """

    kind: str
    model: str
    prompt: str
    dtype: str = "auto"
    device: str = "auto"
    max_prompt: int = 2048
    truncate: bool = False
    max_tokens: int | None = None
    batch_rows: int = 128
    _loaded: tuple[CausalLM, list[int]] | None = field(default=None, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_loaded": None}

    @property
    def name(self) -> str:
        """``deita_complexity`` or ``deita_quality``."""
        return f"deita_{self.kind}"

    @property
    def settings(self) -> Mapping[str, object]:
        """The model, the words, and what becomes of long texts."""
        return {
            "version": VERSION,
            **identity(self.model, dtype=self.dtype),
            "prompt": self.prompt,
            "max_prompt": self.max_prompt,
            "truncate": self.truncate,
        }

    @property
    def columns(self) -> Mapping[str, str]:
        """The score of each turn, and how many characters were cut off to make the prompts fit."""
        return {"scores": "vector", "cut": "integer"}

    def check(self) -> None:
        """Load the model and find the digits among its tokens.

        Raises:
            UsageError: One of the two fails.
        """
        self._model()

    def score(self, rows: Sequence[Row]) -> list[tuple[object, ...] | Skipped]:
        """The expected digit of each turn.

        Raises:
            ValueError: The model's logits are no numbers.
        """
        import numpy as np

        lm, digits = self._model()
        texts = [self._texts(row) for row in rows]
        whole = iter(lm.encode([self._filled(*each) for turns in texts for each in turns]))
        results: list[Any] = []
        prompts: list[list[int]] = []
        for turns in texts:
            fitting = [self._fitting(lm, each, next(whole)) for each in turns]
            found = [each for each in fitting if each is not None]
            if not turns:
                results.append(Skipped(EMPTY))
            elif len(found) < len(turns):
                results.append(Skipped(f"{self.kind} prompt longer than max_prompt"))
            else:
                results.append((slice(len(prompts), len(prompts) + len(turns)), sum(cut for _, cut in found)))
                prompts += [ids for ids, _ in found]
        logits = next_token_logits(lm, prompts, digits, max_tokens=self.max_tokens or batch_tokens(lm))
        if not np.isfinite(logits).all():
            raise ValueError(f'model "{self.model}": logits in {lm.dtype} are not finite; take another dtype')
        scores = expected_digits(logits)
        return [each if isinstance(each, Skipped) else (scores[each[0]], each[1]) for each in results]

    def _model(self) -> tuple[CausalLM, list[int]]:
        if self._loaded is None:
            lm = load(self.model, dtype=self.dtype, device=self.device)
            self._loaded = lm, digit_tokens(lm.encode, self.prompt, model=self.model)
        return self._loaded

    def _texts(self, row: Row) -> list[tuple[str, str]]:
        """Instruction and answer of each turn; none if every answer is empty."""
        if not any(turn.response.strip() for turn in row.turns):
            return []
        return list(zip(instructions_of(row), (turn.response for turn in row.turns), strict=True))

    def _filled(self, instruction: str, output: str) -> str:
        return filled(self.prompt, instruction=instruction, output=output)

    def _fitting(self, lm: CausalLM, texts: tuple[str, str], ids: list[int]) -> tuple[list[int], int] | None:
        """A prompt that fits, and how many characters were cut off for it; ``None`` if none fits."""
        limit = min(self.max_prompt, lm.positions or self.max_prompt)
        if len(ids) <= limit:
            return ids, 0
        if not self.truncate:
            return None
        instruction, output = texts
        long = instruction if self.kind == "complexity" else output
        best, shortest, longest = None, 0, len(long)
        while longest - shortest > 1:  # the longest beginning that fits; one of *longest* characters does not
            size = (shortest + longest) // 2
            cut = (long[:size], output) if self.kind == "complexity" else (instruction, long[:size])
            (ids,) = lm.encode([self._filled(*cut)])
            if len(ids) <= limit:
                best, shortest = (ids, len(long) - size), size
            else:
                longest = size
        return best


def batch_tokens(lm: CausalLM) -> int:
    """How many tokens to send through a model at once: a processor's caches are small, a GPU wants work."""
    return 1024 if lm.device == "cpu" else 16_384


def expected_digits(logits: npt.NDArray[np.float32]) -> list[float]:
    """The mean of 1 to 6 by the softmax of the digits' logits, (n, 6)."""
    import numpy as np

    wide = logits.astype(np.float64)
    weights = np.exp(wide - wide.max(axis=1, keepdims=True, initial=-np.inf))  # (n, 6)
    return (weights @ np.arange(1.0, 7.0) / weights.sum(axis=1)).tolist()  # type: ignore[no-any-return]
