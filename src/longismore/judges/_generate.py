"""Answers of a model, made through the judges' clients, engine and store: for a reference that is a model itself."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError, JudgeError
from longismore.judges._budget import Budget
from longismore.judges._calls import Call
from longismore.judges._chat import ChatJudge, digest, key_of
from longismore.judges._estimate import estimate_calls
from longismore.judges._files import find_file
from longismore.judges._options import JudgeOptions
from longismore.judges._prices import require_price
from longismore.judges._quote import sendable
from longismore.judges._run import run_calls
from longismore.judges._spec import make_judge
from longismore.judges._usage import Usage
from longismore.records import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from longismore.judges._calls import Answered
    from longismore.judges._client import ChatClient, Messages
    from longismore.judges._estimate import Estimate
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
_WITHOUT_CHAT = frozenset({"replay", "lexical", "length", "alpaca_eval"})


def is_model(source: str) -> bool:
    """Whether *source* names a model that can be asked, and no file of answers."""
    from longismore.judges import JUDGES  # the registry is made after this module

    if find_file(source) is not None:
        return True
    if Path(source).exists():
        return False
    match = re.match(r"([^/:\\]+)/(.+)", source)
    return match is not None and match[1] in JUDGES.names() and match[1] not in _WITHOUT_CHAT


def _messages(example: Example) -> Messages:
    return [{"role": "user", "content": sendable(example.prompt)}]


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """A model that answers instructions."""

    name: str
    client: ChatClient
    options: JudgeOptions
    usage: Usage = field(default_factory=Usage)

    @property
    def fingerprint(self) -> str:
        """Hash of the model and its settings."""
        return digest({"generate": _VERSION, "client": self.client.settings})

    @property
    def settings(self) -> Mapping[str, object]:
        """Model, address, temperature, ..."""
        return self.client.settings

    def check(self, store: Store) -> None:
        """Find out, without spending, whether asking can work.

        Raises:
            UsageError: It cannot.
        """
        if self.options.max_cost_usd is not None:
            require_price(self.client.price, self.name)
        if store.count(self.fingerprint) == 0:
            self.client.check()

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

        run_calls(
            self._calls(examples),
            total=len(examples),
            client=self.client,
            store=store,
            judge=self.name,
            fingerprint=self.fingerprint,
            retries=self.options.retries,
            usage=self.usage,
            budget=Budget(
                cap_usd=self.options.max_cost_usd,
                price=self.client.price,
                max_tokens=self.options.max_tokens or _MAX_TOKENS,
                spent_usd=self.usage.cost_usd + self.usage.lost_usd,
            ),
            on_answer=on_answer,
        )
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
        calls = {call.key: call for call in self._calls(examples)}
        known = store.get(calls)
        return estimate_calls(
            (call.messages for key, call in calls.items() if key not in known),
            from_store=len(known),
            usual_output_tokens=_USUAL_TOKENS,
            max_tokens=self.options.max_tokens or _MAX_TOKENS,
            price=self.client.price,
        )

    def _calls(self, examples: Sequence[Example]) -> list[Call]:
        fingerprint = self.fingerprint
        return [Call(key_of(fingerprint, _messages(example)), _messages(example)) for example in examples]


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
    # Named, so that a judge file's settings for judging do not take their place.
    own: dict[str, Any] = {"protocol": "score_pair", "max_tokens": _MAX_TOKENS, "batch": False}
    judge = make_judge(spec, JudgeOptions.from_mapping({**own, **shared, **settings}, judge_options.environ))
    if not isinstance(judge, ChatJudge):
        raise ConfigError(f'"{spec}" cannot write answers; name a model, e.g. openai/gpt-4.1, or a file of answers')
    return Generator(name=judge.name, client=judge.client, options=judge.options, usage=usage or Usage())
