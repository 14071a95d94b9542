"""A judge that is asked by chat: a prompt protocol, a client, a parser."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from longismore._collector import few_collections
from longismore.errors import ConfigError, JudgeError
from longismore.judges._batch import batches_of, run_batches
from longismore.judges._budget import Budget
from longismore.judges._calls import Call
from longismore.judges._estimate import estimate_calls
from longismore.judges._event_loop import run_to_end
from longismore.judges._order import by_model, make_judgment
from longismore.judges._prices import require_price
from longismore.judges._protocol import find_protocol
from longismore.judges._run import run_calls
from longismore.judges._usage import Usage
from longismore.records import Order, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from longismore.judges._calls import Answered
    from longismore.judges._client import ChatClient, Completion, Messages
    from longismore.judges._estimate import Estimate
    from longismore.judges._judge import OnJudgment
    from longismore.judges._options import JudgeOptions
    from longismore.judges._protocol import PromptProtocol
    from longismore.records import Example, Judgment, Pair
    from longismore.store import Store

__all__ = ["ChatJudge", "chat_judge", "digest", "key_of"]

logger = logging.getLogger(__name__)


def digest(value: object) -> str:
    """SHA-256 of a JSON value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def key_of(fingerprint: str, messages: Messages) -> str:
    """The key of a call in the store: a hash of the judge and of what it is sent."""
    parts = [fingerprint, *(part for message in messages for part in (message["role"], message["content"]))]
    # With their lengths, so that no text can pass for two.
    text = "".join([f"{len(part)}:{part}" for part in parts])
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatJudge:
    """Asks a chat model under a prompt protocol."""

    name: str
    client: ChatClient
    options: JudgeOptions
    protocol: PromptProtocol = field(default_factory=lambda: find_protocol("score_pair"))
    note: str | None = None
    usage: Usage = field(default_factory=Usage)

    @property
    def fingerprint(self) -> str:
        """Hash of the prompt, the model with its settings, and the parser."""
        return digest({"protocol": self.protocol.identity, "client": self.client.settings})

    @property
    def settings(self) -> Mapping[str, object]:
        """The protocol's name and the client's: model, address, temperature, ..."""
        return {"protocol": self.protocol.name, **self.client.settings}

    def check(self, examples: Sequence[Example], store: Store) -> None:  # noqa: ARG002  part of the protocol
        """Ask the client, unless this judge has answered before: then a run may need no call at all.

        Raises:
            UsageError: Calls cannot work, the price is unknown where a cap was given, or the server gives no
                log-probabilities where they are read.
        """
        self._check_price()
        if self.options.batch:
            batches_of(self.client, self.name)
        if store.count(self.fingerprint) > 0:
            return
        self.client.check()
        if self.protocol.top_logprobs is not None:
            self._probe_logprobs()

    def _check_price(self) -> None:
        if self.options.max_cost_usd is not None:
            require_price(self.client.price, self.name)

    def _probe_logprobs(self) -> None:
        """Ask for one letter: a server may take the wish for log-probabilities and not fulfil it."""
        try:
            completion = run_to_end(self._once([{"role": "user", "content": "Reply with the letter A."}]))
        except JudgeError as error:
            raise ConfigError(f"a first small call did not work: {error}") from error
        if not completion.logprobs or not completion.logprobs[0].top:
            advice = "take protocol=choice (--protocol choice, judge_protocol=choice), or another judge"
            if self.protocol.name != "logprob":
                advice = "take another judge"
            raise ConfigError(
                f"{self.name} gives no log-probabilities, which the protocol {self.protocol.name} reads; {advice}"
            )

    async def _once(self, messages: Messages) -> Completion:
        try:
            return await self.client.complete(messages)
        finally:
            await self.client.close()

    def calls(self, pairs: Sequence[Pair]) -> Iterator[Call]:
        """Reference first, candidate first of every pair, each with its key in the store."""
        fingerprint = self.fingerprint
        for pair in pairs:
            for order in Order:
                messages = self.protocol.render(pair, order)
                yield Call(key_of(fingerprint, messages), messages)

    def judge(self, pairs: Sequence[Pair], *, store: Store, on_judgment: OnJudgment) -> None:
        """Both orders of every pair, all in one pool."""
        fingerprint, orders = self.fingerprint, tuple(Order)
        cut = 0

        def on_answer(index: int, answered: Answered) -> None:
            nonlocal cut
            judgment = self._judgment(pairs[index // 2], orders[index % 2], answered, fingerprint)
            cut += judgment.status is Status.UNPARSED and (judgment.output_tokens or 0) >= self._max_tokens
            on_judgment(judgment)

        ask = self._judge_by_batches if self.options.batch else self._judge_by_calls
        with few_collections():
            ask(pairs, store, on_answer)
        if cut:
            logger.warning(
                "%d unreadable answers of %s were cut off at max_tokens=%d, thoughts included; give it more "
                "(--max-tokens, judge_max_tokens)", cut, self.name, self._max_tokens,
            )  # fmt: skip

    def _judge_by_calls(self, pairs: Sequence[Pair], store: Store, on_answer: Callable[[int, Answered], None]) -> None:
        run_calls(
            self.calls(pairs),
            total=2 * len(pairs),
            client=self.client,
            store=store,
            judge=self.name,
            fingerprint=self.fingerprint,
            retries=self.options.retries,
            usage=self.usage,
            budget=self.budget(),
            on_answer=on_answer,
        )

    def _judge_by_batches(
        self, pairs: Sequence[Pair], store: Store, on_answer: Callable[[int, Answered], None]
    ) -> None:
        budget = self.budget()
        run_batches(
            self.calls(pairs),
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

    def estimate(self, pairs: Sequence[Pair], store: Store) -> Estimate:
        """What judging these pairs will take.

        Raises:
            ConfigError: A limit on the cost was given that cannot be kept, because the price is unknown.
        """
        self._check_price()
        calls = {call.key: call for call in self.calls(pairs)}
        known = store.get(calls)
        discount = batches_of(self.client, self.name).discount if self.options.batch else 1.0
        return estimate_calls(
            (call.messages for key, call in calls.items() if key not in known),
            from_store=len(known),
            usual_output_tokens=self.protocol.usual_output_tokens,
            max_tokens=self._max_tokens,
            price=self.client.price,
            discount=discount,
        )

    def announce(self, pairs: Sequence[Pair], store: Store) -> None:
        """Log what judging these pairs will take, unless all of it seems to be in the store."""
        if store.count(self.fingerprint) < 2 * len(pairs):
            logger.info("%s", self.estimate(pairs, store).sentence())

    def budget(self) -> Budget:
        """What may still be spent in this process."""
        return Budget(
            cap_usd=self.options.max_cost_usd,
            price=self.client.price,
            max_tokens=self._max_tokens,
            spent_usd=self.usage.cost_usd + self.usage.lost_usd,
        )

    @property
    def _max_tokens(self) -> int:
        return self.options.max_tokens or self.protocol.max_tokens

    def _judgment(self, pair: Pair, order: Order, answered: Answered, fingerprint: str) -> Judgment:
        completion, reading = answered.completion, None
        if completion is None:
            status = Status.FAILED
        elif completion.refused:
            status = Status.REFUSED
        else:
            reading = self.protocol.read(completion)
            status = Status.UNPARSED if reading is None else Status.JUDGED
        preference = None if reading is None else reading.preference
        if preference is not None and order is Order.REFERENCE_FIRST:
            preference = 1.0 - preference
        return make_judgment(
            pair,
            order,
            judge=self.name,
            fingerprint=fingerprint,
            status=status,
            scores=by_model(None if reading is None else reading.scores, order),
            preference=preference,
            answered=answered,
        )


def chat_judge(name: str, options: JudgeOptions, client_of: Callable[[JudgeOptions], ChatClient]) -> ChatJudge:
    """The judge of a provider.

    Args:
        name: What people read, e.g. ``openai/gpt-4.1``.
        options: As the user gave them.
        client_of: Makes the client from options in which the protocol has filled in what it needs.

    Raises:
        UsageError: The protocol is unknown, or the client cannot be made.
    """
    protocol = find_protocol(options.protocol, options.prompt)
    settled = replace(options, max_tokens=options.max_tokens or protocol.max_tokens, top_logprobs=protocol.top_logprobs)
    return ChatJudge(name=name, client=client_of(settled), options=settled, protocol=protocol)
