"""Answers of a model, made through the judges' clients, engine and store: for a reference that is a model itself."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore.errors import JudgeError
from longismore.judges._asker import WITHOUT_CHAT, make_asker
from longismore.judges._files import find_file
from longismore.judges._quote import sendable
from longismore.records import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from longismore.judges._asker import Asker
    from longismore.judges._calls import Answered
    from longismore.judges._client import ChatClient, Messages
    from longismore.judges._estimate import Estimate
    from longismore.judges._options import JudgeOptions
    from longismore.judges._usage import Usage
    from longismore.records import Example
    from longismore.store import Store

__all__ = ["REFERENCE_OPTIONS", "Generator", "is_model", "make_generator"]

logger = logging.getLogger(__name__)

REFERENCE_OPTIONS = (
    "base_url",
    "temperature",
    "max_tokens",
    "parameters",
    "api_key_env",
    "price_input",
    "price_output",
)
"""Settings that a reference has for itself; how fast and how often is asked, and what may be spent, is the judge's."""

_VERSION = 1
_MAX_TOKENS = 1024
"""As the lm_eval tasks of longismore give a candidate."""
_USUAL_TOKENS = 350


def is_model(source: str) -> bool:
    """Whether *source* names a model that can be asked, and no file of answers."""
    from longismore.judges import JUDGES  # the registry is made after this module

    if find_file(source) is not None:
        return True
    if Path(source).exists():
        return False
    match = re.match(r"([^/:\\]+)/(.+)", source)
    return match is not None and match[1] in JUDGES.names() and match[1] not in WITHOUT_CHAT


def _messages(examples: Iterable[Example]) -> Iterator[Messages]:
    return ([{"role": "user", "content": sendable(example.prompt)}] for example in examples)


@dataclass(frozen=True, slots=True)
class Generator:
    """A model that answers instructions."""

    asker: Asker

    @property
    def name(self) -> str:
        """What people read, e.g. ``openai/gpt-4.1``."""
        return self.asker.name

    @property
    def client(self) -> ChatClient:
        """The provider's client."""
        return self.asker.client

    @property
    def options(self) -> JudgeOptions:
        """As they are after all defaults."""
        return self.asker.options

    @property
    def usage(self) -> Usage:
        """What its calls have taken so far in this process."""
        return self.asker.usage

    @property
    def fingerprint(self) -> str:
        """Hash of the model and its settings."""
        return self.asker.fingerprint

    @property
    def settings(self) -> Mapping[str, object]:
        """Model, address, temperature, ..."""
        return self.asker.settings

    def check(self, store: Store) -> None:
        """Find out, without spending, whether asking can work.

        Raises:
            UsageError: It cannot.
        """
        self.asker.check(store)

    def answer(
        self, examples: Sequence[Example], store: Store, on_progress: Callable[[int, int], None] | None = None
    ) -> dict[tuple[str, str], Answer]:
        """An answer to every example, by test set and id; each is asked for once and kept in the store.

        Raises:
            JudgeError: Some could not be had; those that could are in the store.
        """
        answers: dict[tuple[str, str], Answer] = {}
        refused = made = 0

        def on_answer(index: int, answered: Answered) -> None:
            nonlocal refused, made
            made += 1
            if on_progress is not None:
                on_progress(made, len(examples))
            if answered.completion is not None:
                refused += answered.completion.refused
                example = examples[index]
                answers[example.testset, example.id] = Answer(self.name, answered.completion.text)

        self.asker.ask(_messages(examples), total=len(examples), store=store, on_answer=on_answer)
        if refused:
            logger.warning("%s refused %d of %d instructions; its refusal is its answer", self.name, refused, made)
        if missing := len(examples) - len(answers):
            raise JudgeError(
                f"{missing} of {len(examples)} answers of {self.name} could not be had (the reasons stand above); "
                "the others are kept, and the same command asks for these again"
            )
        return answers

    def estimate(self, examples: Sequence[Example], store: Store) -> Estimate:
        """What answering these examples will take."""
        return self.asker.estimate(_messages(examples), store)


def make_generator(
    spec: str, settings: Mapping[str, Any], judge_options: JudgeOptions, usage: Usage | None = None
) -> Generator:
    """Make the model that *spec* names, in the same words as a judge.

    Args:
        spec: ``PROVIDER/MODEL``, or a judge file.
        settings: Values of :data:`REFERENCE_OPTIONS`.
        judge_options: Say how fast and how often is asked, and what may be spent.
        usage: Shared with the judge, so that one limit holds for both.

    Raises:
        UsageError: There is no such provider, or it cannot be asked.
    """
    shared: dict[str, Any] = {
        name: getattr(judge_options, name)
        for name in ("concurrency", "timeout_s", "retries", "max_cost_usd")
        if name in judge_options.given
    }
    asker = make_asker(
        spec,
        # Of a judge file, batches are for judging too.
        {"batch": False, **shared, **settings},
        judge_options.environ,
        purpose={"generate": _VERSION},
        max_tokens=_MAX_TOKENS,
        usual_output_tokens=_USUAL_TOKENS,
        otherwise=", or a file of answers",
        usage=usage,
    )
    return Generator(asker)
