"""Judges of pairs, who have a prompt or a rule of their own: they compare the conversations as whole texts.

The question is all that the user said so far, one turn after another, and an answer all that the model said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore.judges._calls import Answered
from longismore.judges._chat import ChatJudge
from longismore.judges._client import Completion
from longismore.mtbench._rows import NOT_ANSWERED, Said, comparison_row
from longismore.records import Answer, Example, Order, Pair, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longismore.judges import Estimate, Judge, Usage
    from longismore.mtbench._matches import Match
    from longismore.records import Judgment
    from longismore.store import Store

__all__ = ["PairTurnJudge"]

_TEST_SET = "mt_bench"
_EQUAL = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTurnJudge:
    """Lets a judge of pairs compare the two conversations of a match, in both orders."""

    judged_by: Judge

    @property
    def name(self) -> str:
        """The judge's."""
        return self.judged_by.name

    @property
    def fingerprint(self) -> str:
        """The judge's."""
        return self.judged_by.fingerprint

    @property
    def note(self) -> str:
        """The judge's, and that the prompts are not those of MT-Bench."""
        own = "it compares whole conversations, by no prompt of MT-Bench"
        return f"{self.judged_by.note}; {own}" if self.judged_by.note else f'of the judge "{self.name}": {own}'

    @property
    def usage(self) -> Usage:
        """The judge's."""
        return self.judged_by.usage

    def check(self, matches: Sequence[Match], store: Store) -> None:
        """As the judge does."""
        self.judged_by.check([_example(match) for match in matches], store)

    def estimate(self, matches: Sequence[Match], store: Store) -> Estimate | None:
        """Of a judge that makes calls."""
        if not isinstance(self.judged_by, ChatJudge):
            return None
        return self.judged_by.estimate([_pair(match) for match in matches if match.is_answered], store)

    def judge(
        self, matches: Sequence[Match], *, name: str, store: Store, on_progress: Callable[[int, int], None]
    ) -> list[dict[str, Any]]:
        """Both orders of every match that has answers."""
        pairs = [_pair(match) for match in matches if match.is_answered]
        made: dict[tuple[str, Order], Judgment] = {}

        def on_judgment(judgment: Judgment) -> None:
            made[judgment.id, judgment.order] = judgment
            on_progress(len(made), 2 * len(pairs))

        self.judged_by.judge(pairs, store=store, on_judgment=on_judgment)
        return [
            comparison_row(
                match,
                [_said(made.get((_id(match), order)), answered=match.is_answered) for order in Order],
                judge=(name, "pair" if match.turn == 1 else "pair-multi-turn"),
                fingerprint=self.fingerprint,
            )
            for match in matches
        ]


def _id(match: Match) -> str:
    return "/".join([str(match.question.id), str(match.turn), *match.models])


def _pair(match: Match) -> Pair:
    """``model_1`` is the reference: it is shown first in the first order, as FastChat does."""
    question, texts = match.said
    first, second = (Answer(model, text) for model, text in zip(match.models, texts, strict=True))
    return Pair(id=_id(match), testset=_TEST_SET, prompt=question, reference=first, candidate=second)


def _example(match: Match) -> Example:
    question, _ = match.said
    return Example(
        id=_id(match),
        testset=_TEST_SET,
        instruction=question,
        prompt=question,
        question=question,
        category=match.question.category,
    )


def _said(judgment: Judgment | None, *, answered: bool) -> Said:
    if judgment is None:
        return Said(status=Status.FAILED if answered else NOT_ANSWERED)
    share, winner = judgment.preference, None
    if judgment.status is Status.JUDGED and share is not None:
        winner = "tie" if share == _EQUAL else ("model_2" if share > _EQUAL else "model_1")
    return Said(status=judgment.status, result=winner, answered=_answered(judgment), text=_text(judgment))


def _text(judgment: Judgment) -> str | None:
    """Judges that make no call write nothing, which is not the same as no judgment."""
    return "" if judgment.status is Status.JUDGED else None


def _answered(judgment: Judgment) -> Answered | None:
    if judgment.completion is None:
        return None
    completion = Completion(
        text=judgment.completion,
        input_tokens=judgment.input_tokens,
        output_tokens=judgment.output_tokens,
        cost_usd=judgment.cost_usd,
    )
    return Answered(completion=completion, latency_s=judgment.latency_s, created=judgment.created)
