"""Judging each pair in one order, as alpaca_eval does it: for figures that stand beside its own.

Which answer is shown first is alpaca_eval's own draw, from the instruction and its seed 0. Calls have the keys that
they have in both orders, so that an answer that is stored from there is not paid again. alpaca_eval asks nothing where
both answers are equal: that is a tie.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from longismore.comparison import Comparison, Progress
from longismore.errors import ConfigError
from longismore.harness._alpaca_protocol import AlpacaProtocol
from longismore.judges import ChatJudge, combine
from longismore.judges._annotations import drawn_order
from longismore.judges._asker import Asker
from longismore.judges._calls import Call
from longismore.judges._chat import key_of
from longismore.judges._order import make_judgment
from longismore.records import Order, Status
from longismore.reports import summarize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from longismore.harness._ranks import Ranks
    from longismore.judges import Judge
    from longismore.judges._calls import Answered
    from longismore.judges._judge import OnJudgment
    from longismore.records import Judgment, Pair
    from longismore.store import Store

__all__ = ["OneOrderJudge", "compare_one_order", "one_order_judge"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOrderJudge(ChatJudge):
    """Asks a chat model once a pair."""

    draws_order: bool
    """Else the reference is shown first."""

    def order_of(self, pair: Pair) -> Order:
        """Which answer is shown first."""
        return drawn_order(pair.prompt) if self.draws_order else Order.REFERENCE_FIRST

    def calls(self, pairs: Sequence[Pair]) -> Iterator[Call]:
        """One of every pair whose answers differ."""
        fingerprint = self.fingerprint
        for pair in pairs:
            if not _is_settled(pair):
                messages = self.protocol.render(pair, self.order_of(pair))
                yield Call(key_of(fingerprint, messages), messages)

    def judge(self, pairs: Sequence[Pair], *, store: Store, on_judgment: OnJudgment) -> None:
        """One order of every pair, all in one pool."""
        fingerprint, asked = self.fingerprint, [pair for pair in pairs if not _is_settled(pair)]
        for pair in pairs:
            if _is_settled(pair):
                equal = Status.JUDGED
                on_judgment(
                    make_judgment(
                        pair, self.order_of(pair), judge=self.name, fingerprint=fingerprint, status=equal,
                        preference=0.5,
                    )
                )  # fmt: skip

        def on_answer(index: int, answered: Answered) -> None:
            pair = asked[index]
            on_judgment(self._judgment(pair, self.order_of(pair), answered, fingerprint))

        asker = Asker(
            name=self.name,
            client=self.client,
            options=self.options,
            purpose={"protocol": self.protocol.identity},  # the judge's own fingerprint, and so its own store
            max_tokens=self._max_tokens,
            usual_output_tokens=self.protocol.usual_output_tokens,
            usage=self.usage,
        )
        asker.ask((call.messages for call in self.calls(asked)), total=len(asked), store=store, on_answer=on_answer)


def one_order_judge(judge: Judge) -> OneOrderJudge:
    """The same judge, asked in one order.

    Raises:
        ConfigError: It is no evaluator of alpaca_eval.
    """
    if not isinstance(judge, ChatJudge) or not isinstance(judge.protocol, AlpacaProtocol):
        raise ConfigError(f'"{judge.name}" is no evaluator of alpaca_eval: it is asked in both orders')
    same = {each.name: getattr(judge, each.name) for each in fields(ChatJudge)}
    return OneOrderJudge(**same, draws_order=judge.protocol.config.draws_order)


def compare_one_order(
    pairs: Sequence[Pair],
    judge: OneOrderJudge,
    *,
    store: Store,
    on_progress: Callable[[Progress], None],
    ranks: Ranks,
    all_pairs: Sequence[Pair],
) -> Comparison:
    """Judge one order of every pair and compute the results.

    Args:
        pairs: What this process judges.
        judge: By whom.
        store: Where answers are kept.
        on_progress: Called with every judgment made.
        ranks: The processes that judge together.
        all_pairs: What all of them judge.

    Raises:
        JudgeError: The judge could not go on; what it said is in the store.
    """
    made: list[Judgment] = []

    def on_judgment(judgment: Judgment) -> None:
        made.append(judgment)
        spent = judge.usage.known_cost_usd
        on_progress(Progress(made=len(made), wanted=len(pairs), calls_per_s=None, left_s=None, spent_usd=spent))

    try:
        judge.judge(pairs, store=store, on_judgment=on_judgment)
    except Exception as error:
        logger.error(  # noqa: TRY400  the traceback belongs to whoever handles the error
            "judging stopped after %d of %d judgments; what was answered is kept in %s, "
            "and the same command goes on from there",
            len(made), len(pairs), store.path,
        )  # fmt: skip
        ranks.abandon(error)
        raise
    by_place = {(judgment.testset, judgment.id): judgment for judgment in ranks.gather(made)}
    judgments = [by_place[pair.testset, pair.id] for pair in all_pairs]
    verdicts = combine(all_pairs, judgments, one_order=True)
    return Comparison(judgments=judgments, verdicts=verdicts, results=summarize(verdicts), folder=None)


def _is_settled(pair: Pair) -> bool:
    """Whether nothing has to be asked."""
    return pair.reference.output == pair.candidate.output
