"""A chat model that judges turns by the published prompts."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore.judges._chat import digest
from longismore.mtbench._parse import PARSER_VERSION, parse_rating, parse_verdict
from longismore.mtbench._prompts import prompt_name
from longismore.mtbench._published import JUDGE_PROMPTS
from longismore.mtbench._rows import NOT_ANSWERED, Said, comparison_row, grade_row
from longismore.records import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from longismore.judges import Estimate, Usage
    from longismore.judges._asker import Asker
    from longismore.judges._calls import Answered
    from longismore.judges._client import Messages
    from longismore.mtbench._matches import Match
    from longismore.mtbench._prompts import JudgePrompts
    from longismore.store import Store

__all__ = ["ChatTurnJudge"]

logger = logging.getLogger(__name__)

_WINNERS = ({"A": "model_1", "B": "model_2", "tie": "tie"}, {"A": "model_2", "B": "model_1", "tie": "tie"})
"""In the first and in the second order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTurnJudge:
    """Asks a model: once to grade a turn, twice to compare two, with either answer shown first."""

    asker: Asker
    prompts: JudgePrompts
    pairwise: bool

    @property
    def name(self) -> str:
        """The model's."""
        return self.asker.name

    @property
    def fingerprint(self) -> str:
        """Hash of the model with its settings, the prompts and the parser."""
        return digest([self.asker.fingerprint, JUDGE_PROMPTS.sha256, PARSER_VERSION])

    @property
    def note(self) -> str:
        """What the published prompts lack."""
        return "the prompts of MT-Bench do not quote the answers, so an answer can pose as instructions to the judge"

    @property
    def usage(self) -> Usage:
        """Of its calls."""
        return self.asker.usage

    def check(self, matches: Sequence[Match], store: Store) -> None:  # noqa: ARG002  part of the protocol
        """Ask the client, unless this model has judged before."""
        self.asker.check(store)

    def estimate(self, matches: Sequence[Match], store: Store) -> Estimate:
        """Calls, tokens and cost."""
        return self.asker.estimate(self._chats(matches), store)

    def judge(
        self, matches: Sequence[Match], *, name: str, store: Store, on_progress: Callable[[int, int], None]
    ) -> list[dict[str, Any]]:
        """Ask whatever is not in the store, and read the answers."""
        total = sum(match.is_answered for match in matches) * (2 if self.pairwise else 1)
        answers: dict[int, Answered] = {}

        def on_answer(index: int, answered: Answered) -> None:
            answers[index] = answered
            on_progress(len(answers), total)

        self.asker.ask(self._chats(matches), total=total, store=store, on_answer=on_answer)
        said = self._said(answers)
        rows = [self._row(match, said, name) for match in matches]
        self._warn_of_cut(answers)
        return rows

    def _chats(self, matches: Sequence[Match]) -> Iterator[Messages]:
        """Of every match that has answers."""
        for match in matches:
            if match.is_answered:
                yield from self._orders(match)

    def _orders(self, match: Match) -> Iterator[Messages]:
        yield self.prompts.messages(match.question, match.turn, match.answers)
        if self.pairwise:
            yield self.prompts.messages(match.question, match.turn, match.answers[::-1])

    def _said(self, answers: dict[int, Answered]) -> Iterator[Answered]:
        return (answers[index] for index in range(len(answers)))

    def _row(self, match: Match, answers: Iterator[Answered], name: str) -> dict[str, Any]:
        if match.is_answered:
            chats = list(self._orders(match))
            said = [self._read(chat, next(answers), order) for order, chat in enumerate(chats)]
        else:
            said = [Said(status=NOT_ANSWERED)] * (2 if self.pairwise else 1)
        judge = (name, prompt_name(match.question, match.turn, pairwise=self.pairwise))
        if self.pairwise:
            return comparison_row(match, said, judge=judge, fingerprint=self.fingerprint)
        return grade_row(match, said[0], judge=judge, fingerprint=self.fingerprint)

    def _read(self, chat: Messages, answered: Answered, order: int) -> Said:
        completion, result = answered.completion, None
        if completion is None:
            status = Status.FAILED
        elif completion.refused:
            status = Status.REFUSED
        else:
            result = self._result(completion.text, order)
            status = Status.UNPARSED if result is None else Status.JUDGED
        return Said(status=status, result=result, prompt=chat[-1]["content"], answered=answered)

    def _result(self, text: str, order: int) -> float | str | None:
        if not self.pairwise:
            return parse_rating(text)
        verdict = parse_verdict(text)
        return None if verdict is None else _WINNERS[order][verdict]

    def _warn_of_cut(self, answers: dict[int, Answered]) -> None:
        cut = sum(
            self.asker.was_cut(answered) is True
            for answered in answers.values()
            if answered.completion is not None and self._result(answered.completion.text, 0) is None
        )
        if cut:
            logger.warning(
                "unreadable answers of %s that were cut off at max_tokens=%d, thoughts included: %d; give it more "
                "(--max-tokens)", self.name, self.asker.max_tokens, cut,
            )  # fmt: skip
