"""What a model says of each row by itself: the losses behind its IFD, and the features of the pre-experience step."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.selectors._ifd.texts import EMPTY, NO_PROMPT_LOSS, Layout, prompt_tokens, texts_of
from longismore.selectors._models import causal_lm as _causal_lm
from longismore.selectors._scorer import Skipped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.instructions import Row
    from longismore.instructions._templates import Template
    from longismore.selectors._models.causal_lm import CausalLM

__all__ = ["Instrument", "LossScorer", "PromptScorer"]

_VERSION = 1
"""Goes up when the same settings give other numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A model, how it is loaded, and the template in which it reads rows."""

    model: str
    template: str
    dtype: str = "auto"
    device: str = "auto"
    max_tokens: int | None = None
    """Of a batch, padding counted; ``None``: what suits the device."""

    @property
    def settings(self) -> dict[str, object]:
        """What changes the numbers: the hash of the model's files, number format, template."""
        # A chat template is among the files of the model.
        template = self.template if self.template == "chat" else _template(self.template).digest
        return {**_causal_lm.identity(self.model, dtype=self.dtype), "template": template, "version": _VERSION}

    def check(self, max_length: int) -> None:
        """Find out whether model and template can be used; weights are not loaded.

        Raises:
            UsageError: They cannot.
        """
        _causal_lm.check(self.model, dtype=self.dtype, device=self.device, max_length=max_length)
        if self.template != "chat":
            _template(self.template)

    def takes_input(self) -> bool:
        """Whether the template has a form for rows with an input."""
        return self.template == "chat" or _template(self.template).takes_input

    def ready(self) -> tuple[CausalLM, Template]:
        """The model, loaded with the first call in this process, and the template."""
        identity = tuple(_causal_lm.identity(self.model, dtype=self.dtype).values())
        lm = _loaded(self.model, self.dtype, self.device, identity)
        return lm, _template(self.template, lm.tokenizer if self.template == "chat" else None)


def _template(name: str, tokenizer: object = None) -> Template:
    from longismore.instructions._templates import load_template

    return load_template(name, tokenizer)


@functools.lru_cache(maxsize=1)
def _loaded(model: str, dtype: str, device: str, identity: tuple[object, ...]) -> CausalLM:  # noqa: ARG001  part of the key
    return _causal_lm.load(model, dtype=dtype, device=device)


@dataclass(frozen=True, slots=True, kw_only=True)
class LossScorer:
    """The mean losses of each row's answer: after its prompt, and by itself."""

    instrument: Instrument
    layout: Layout
    batch_rows: int = 256

    @property
    def name(self) -> str:
        """The name of its folder in the score store."""
        return "ifd"

    @property
    def settings(self) -> Mapping[str, object]:
        """Model, template, and where texts are cut; not the filter, which any stored losses go through."""
        return {
            **self.instrument.settings,
            "max_length": self.layout.max_length,
            "prefixed": self.layout.prefixed,
            "direct_extra": self.layout.direct_extra,
        }

    @property
    def columns(self) -> Mapping[str, str]:
        """Losses in nats a token; how many tokens have one; tokens of the prompt; whether the answer shares one."""
        return {
            "loss_conditional": "float",
            "loss_direct": "float",
            "tokens_conditional": "integer",
            "tokens_direct": "integer",
            "tokens_prompt": "integer",
            "joined": "integer",
        }

    def check(self) -> None:
        """Find out whether model and template can be used.

        Raises:
            UsageError: They cannot.
        """
        self.instrument.check(self.layout.max_length)

    def score(self, rows: Sequence[Row]) -> list[tuple[object, ...] | Skipped]:
        """The numbers of each row, or why it has none."""
        lm, template = self.instrument.ready()
        results: list[tuple[object, ...] | Skipped] = []
        texts = texts_of(lm, template, rows, self.layout)
        scored = [text for text in texts if not isinstance(text, Skipped)]
        losses = iter(
            _causal_lm.answer_losses(
                lm,
                [ids for text in scored for ids in (text.whole, text.direct)],
                [start for text in scored for start in (text.whole_start, text.direct_start)],
                max_tokens=self.instrument.max_tokens,
            )
        )
        for text in texts:
            if isinstance(text, Skipped):
                results.append(text)
                continue
            whole, direct = next(losses), next(losses)
            counts = (whole.tokens, direct.tokens, text.prompt_tokens, int(text.is_joined))
            results.append((whole.mean, direct.mean, *counts))
        return results


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptScorer:
    """What the base model makes of each row's prompt: the mean of its last hidden layer, and the loss."""

    instrument: Instrument
    max_length: int
    batch_rows: int = 256

    @property
    def name(self) -> str:
        """The name of its folder in the score store."""
        return "ifd_prompts"

    @property
    def settings(self) -> Mapping[str, object]:
        """Model, template, and where prompts are cut."""
        return {**self.instrument.settings, "max_length": self.max_length}

    @property
    def columns(self) -> Mapping[str, str]:
        """The mean over the prompt's tokens of the last hidden layer; loss in nats a token; tokens of the prompt."""
        return {"embedding": "vector", "loss": "float", "tokens": "integer"}

    def check(self) -> None:
        """Find out whether model and template can be used.

        Raises:
            UsageError: They cannot.
        """
        self.instrument.check(self.max_length)

    def score(self, rows: Sequence[Row]) -> list[tuple[object, ...] | Skipped]:
        """The numbers of each row, or why it has none."""
        lm, template = self.instrument.ready()
        answered = [row for row in rows if row.response.strip()]
        prompts = prompt_tokens(lm, template, answered, self.max_length)
        found = iter(
            _causal_lm.losses_and_means(lm, prompts, [0] * len(prompts), max_tokens=self.instrument.max_tokens)
        )
        results: list[tuple[object, ...] | Skipped] = []
        for row in rows:
            if not row.response.strip():
                results.append(Skipped(EMPTY))
                continue
            loss, vector = next(found)
            results.append((vector, loss.mean, loss.tokens + 1) if loss.tokens else Skipped(NO_PROMPT_LOSS))
        return results
