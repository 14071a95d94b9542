"""A model that is asked anything, through the judges' clients, engine and store.

What is sent, and what the answers mean, is the business of whoever asks: here calls get their keys, answers are kept
when they arrive, costs are capped, and nothing that was answered is paid again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError
from longismore.judges._batch import batches_of, run_batches
from longismore.judges._budget import Budget
from longismore.judges._calls import Answered, Call
from longismore.judges._chat import ChatJudge, digest, key_of
from longismore.judges._estimate import estimate_calls
from longismore.judges._options import JudgeOptions
from longismore.judges._prices import require_price
from longismore.judges._run import run_calls
from longismore.judges._spec import make_judge
from longismore.judges._usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from longismore.judges._client import ChatClient, Messages
    from longismore.judges._estimate import Estimate
    from longismore.store import Store

__all__ = ["WITHOUT_CHAT", "Asker", "make_asker"]

WITHOUT_CHAT = frozenset({"replay", "lexical", "length", "alpaca_eval"})
"""Judges that cannot be asked anything else than who is better."""

_LOOKED_UP_AT_ONCE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Asks one model. Chats are taken as they are needed: no more of them is in memory than is in flight."""

    name: str
    client: ChatClient
    options: JudgeOptions
    purpose: Mapping[str, object]
    """What is asked for, with a version: answers that were given for another purpose are never used."""
    max_tokens: int
    """That one answer may have."""
    usual_output_tokens: int
    """Of one answer, for estimates."""
    usage: Usage = field(default_factory=Usage)

    @property
    def fingerprint(self) -> str:
        """Hash of the purpose, the model and its settings."""
        return digest({**self.purpose, "client": self.client.settings})

    @property
    def settings(self) -> Mapping[str, object]:
        """Model, address, temperature, ..."""
        return self.client.settings

    def check(self, store: Store) -> None:
        """Find out, without spending, whether asking can work.

        Raises:
            UsageError: It cannot.
        """
        self._check_price()
        if self.options.batch:
            batches_of(self.client, self.name)
        if store.count(self.fingerprint) == 0:
            self.client.check()

    def ask(
        self, chats: Iterable[Messages], *, total: int, store: Store, on_answer: Callable[[int, Answered], None]
    ) -> None:
        """Get every chat answered, from the store where it is known; what is answered is in the store at once.

        Args:
            chats: What to send; equal ones are sent once.
            total: How many those are.
            store: Where answers are kept.
            on_answer: Gets the place of a chat and what became of it, once for each, in any order.

        Raises:
            ConfigError: A batch could cost more than is allowed.
            JudgeError: No further call can succeed; what was answered has been stored and handed over.
        """
        calls = self._calls(chats)
        budget = Budget(
            cap_usd=self.options.max_cost_usd,
            price=self.client.price,
            max_tokens=self.max_tokens,
            spent_usd=self.usage.cost_usd + self.usage.lost_usd,
        )
        if self.options.batch:
            run_batches(
                calls,
                client=batches_of(self.client, self.name),
                price=self.client.price,
                store=store,
                judge=self.name,
                fingerprint=self.fingerprint,
                usage=self.usage,
                poll_s=self.options.batch_poll_s,
                retries=self.options.retries,
                on_answer=on_answer,
                max_cost_usd=self.options.max_cost_usd,
                worst_cost_usd=lambda call: budget.most_usd(call.messages),
            )
            return
        run_calls(
            calls,
            total=total,
            client=self.client,
            store=store,
            judge=self.name,
            fingerprint=self.fingerprint,
            retries=self.options.retries,
            usage=self.usage,
            budget=budget,
            on_answer=on_answer,
        )

    def stored(self, chats: Iterable[Messages], store: Store) -> Iterator[Answered]:
        """What the store has of these chats, in their order; without a completion where it has nothing."""
        for calls in self._in_chunks(chats):
            records = store.get({call.key for call in calls})
            for call in calls:
                record = records.get(call.key)
                yield Answered(completion=None) if record is None else Answered.from_record(record)

    def estimate(self, chats: Iterable[Messages], store: Store) -> Estimate:
        """What asking these chats will take.

        Raises:
            ConfigError: A limit on the cost was given that cannot be kept, because the price is unknown.
        """
        self._check_price()
        known = 0

        def missing() -> Iterator[Messages]:
            nonlocal known
            seen: set[bytes] = set()
            for calls in self._in_chunks(chats):
                fresh = {call.key: call for call in calls if bytes.fromhex(call.key) not in seen}
                seen.update(map(bytes.fromhex, fresh))
                stored = store.get(fresh)
                known += len(stored)
                yield from (call.messages for key, call in fresh.items() if key not in stored)

        estimate = estimate_calls(
            missing(),
            from_store=0,
            usual_output_tokens=self.usual_output_tokens,
            max_tokens=self.max_tokens,
            price=self.client.price,
            discount=batches_of(self.client, self.name).discount if self.options.batch else 1.0,
        )
        return replace(estimate, from_store=known)

    def was_cut(self, answered: Answered) -> bool | None:
        """Whether an answer ended only because it had :attr:`max_tokens`; ``None``: nobody said how many it has."""
        tokens = None if answered.completion is None else answered.completion.output_tokens
        return None if tokens is None else tokens >= self.max_tokens

    def _check_price(self) -> None:
        if self.options.max_cost_usd is not None:
            require_price(self.client.price, self.name)

    def _calls(self, chats: Iterable[Messages]) -> Iterator[Call]:
        fingerprint = self.fingerprint
        return (Call(key_of(fingerprint, messages), messages) for messages in chats)

    def _in_chunks(self, chats: Iterable[Messages]) -> Iterator[list[Call]]:
        calls = self._calls(chats)
        while chunk := list(islice(calls, _LOOKED_UP_AT_ONCE)):
            yield chunk


def make_asker(
    spec: str,
    settings: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    purpose: Mapping[str, object],
    max_tokens: int,
    usual_output_tokens: int,
    otherwise: str = "",
    usage: Usage | None = None,
) -> Asker:
    """Make the model that *spec* names, in the same words as a judge.

    Args:
        spec: ``PROVIDER/MODEL``, or a judge file; of that, what is about judging pairs is passed over.
        settings: As for a judge.
        environ: Where keys are looked up.
        purpose: What is asked for, with a version.
        max_tokens: Of one answer, unless *settings* say otherwise.
        usual_output_tokens: Of one answer, for estimates.
        otherwise: The end of the message where *spec* names no model: what else may be named.
        usage: Shared with somebody else, so that one limit holds for both.

    Raises:
        UsageError: There is no such provider, or it cannot be asked.
    """
    # Named, so that a judge file's settings for judging do not take their place.
    own = {"max_tokens": max_tokens, **settings, "protocol": "score_pair"}
    options = JudgeOptions.from_mapping(own, environ)
    cannot = re.split("[:/]", spec.strip(), maxsplit=1)[0] in WITHOUT_CHAT
    judge = None if cannot else make_judge(spec, options)
    if not isinstance(judge, ChatJudge):
        raise ConfigError(f'"{spec}" cannot write answers; name a model, e.g. openai/gpt-4.1{otherwise}')
    return Asker(
        name=judge.name,
        client=judge.client,
        options=judge.options,
        purpose=purpose,
        max_tokens=judge.options.max_tokens or max_tokens,
        usual_output_tokens=usual_output_tokens,
        usage=usage or Usage(),
    )
