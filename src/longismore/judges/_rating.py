"""How good one response is, 0 to 5, as a model says: the rating of AlpaGasus, one call a row.

The procedure is that of AlpaGasus (https://arxiv.org/abs/2307.08701, section 2: a mark from 0 to 5 on the first line,
then the reasons, by a named dimension); the wording is our own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import tee
from typing import TYPE_CHECKING, Any, Protocol

from longismore._rating_text import HIGHEST_RATING, RATING_PARSER_VERSION, parse_rating
from longismore.errors import ConfigError
from longismore.judges._asker import make_asker
from longismore.judges._chat import digest
from longismore.judges._lexical import lexical_score
from longismore.judges._quote import prompt_text
from longismore.judges._row_prompt import RowPrompt, is_unanswered, quoted_texts
from longismore.judges._usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from longismore.instructions import Row
    from longismore.judges._asker import Asker
    from longismore.judges._calls import Answered
    from longismore.judges._estimate import Estimate
    from longismore.store import Store

__all__ = ["DIMENSIONS", "ModelRater", "Rater", "Rating", "RatingStatus", "WordRater", "make_rater"]

DIMENSIONS = {
    "accuracy": "A response is accurate as far as what it states is true, is worked out correctly, and answers this "
    "very instruction about this very input. ",
    "helpfulness": "A response is helpful as far as whoever gave the instruction can use it as it stands: it does what "
    "was asked, says all that is needed for it, and is easy to follow. ",
}
"""Dimensions that our prompt explains; any other words are named in it as they are."""

_VERSION = 1
_MAX_TOKENS = 512
"""The mark and a few sentences; AlpaGasus gave 256."""
_USUAL_TOKENS = 100
_LONGEST_DIMENSION = 200
_WORDS_NOTE = 'the rating "lexical" is a word-overlap heuristic for smoke runs: it knows nothing of {}'


class RatingStatus(StrEnum):
    """What became of a row."""

    RATED = "rated"
    UNREADABLE = "unreadable"
    REFUSED = "refused"
    FAILED = "failed"
    EMPTY = "empty response"
    """Nothing was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One row's rating; a state that is none has no score."""

    status: RatingStatus
    score: float | None = None
    completion: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    """Of the answer; equal rows share one. ``None``: unknown, or nothing was asked."""


class Rater(Protocol):
    """Rates rows, each by itself. Rows without a response are never asked about."""

    @property
    def name(self) -> str:
        """What people read, e.g. ``openai/gpt-4.1``."""

    @property
    def dimension(self) -> str:
        """What is rated, e.g. ``accuracy``."""

    @property
    def fingerprint(self) -> str:
        """Hash of prompt, dimension, model, settings and parser: ratings with equal ones may be compared."""

    @property
    def settings(self) -> Mapping[str, object]:
        """What changes its ratings, as far as it has settings; never a key."""

    @property
    def note(self) -> str | None:
        """A caveat that must stand wherever the ratings show, or nothing."""

    @property
    def usage(self) -> Usage:
        """What its calls have taken so far in this process."""

    def check(self, store: Store) -> None:
        """Find out, without spending, whether rating can work.

        Raises:
            UsageError: It cannot.
        """

    def estimate(self, rows: Iterable[Row], store: Store) -> Estimate | None:
        """What rating these rows will take; ``None``: no calls."""

    def ask(self, rows: Iterable[Row], *, total: int, store: Store, on_answer: Callable[[], None]) -> None:
        """Get what rating takes into the store; *total* rows, *on_answer* after each.

        Raises:
            JudgeError: No further call can succeed; what was answered is in the store.
        """

    def ratings(self, rows: Iterable[Row], store: Store) -> Iterator[tuple[Row, Rating]]:
        """These rows with their ratings, in their order; nothing is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRater:
    """Asks a model."""

    asker: Asker
    prompt: RowPrompt
    dimension: str
    note: str | None = None

    @property
    def name(self) -> str:
        """The model's."""
        return self.asker.name

    @property
    def fingerprint(self) -> str:
        """Hash of the model with its settings, the prompt, the dimension and the parser."""
        return digest([self.asker.fingerprint, self.prompt.identity, self.dimension, RATING_PARSER_VERSION])

    @property
    def settings(self) -> Mapping[str, object]:
        """The model's: address, temperature, ..."""
        return self.asker.settings

    @property
    def usage(self) -> Usage:
        """Of its calls."""
        return self.asker.usage

    def check(self, store: Store) -> None:
        """Ask the client, unless this model has rated before."""
        self.asker.check(store)

    def estimate(self, rows: Iterable[Row], store: Store) -> Estimate:
        """Calls, tokens and cost."""
        return self.asker.estimate(map(self.prompt.messages, self._asked(rows)), store)

    def ask(self, rows: Iterable[Row], *, total: int, store: Store, on_answer: Callable[[], None]) -> None:
        """One call a row."""
        chats = map(self.prompt.messages, self._asked(rows))
        self.asker.ask(chats, total=total, store=store, on_answer=lambda _index, _answered: on_answer())

    def ratings(self, rows: Iterable[Row], store: Store) -> Iterator[tuple[Row, Rating]]:
        """As the stored answers say."""
        every, asked = tee(rows)
        answers = self.asker.stored(map(self.prompt.messages, self._asked(asked)), store)
        for row in every:
            if is_unanswered(row, whole=self.prompt.whole):
                yield row, Rating(status=RatingStatus.EMPTY)
            else:
                yield row, self._rating(next(answers))

    def _asked(self, rows: Iterable[Row]) -> Iterator[Row]:
        return (row for row in rows if not is_unanswered(row, whole=self.prompt.whole))

    def _rating(self, answered: Answered) -> Rating:
        completion = answered.completion
        if completion is None:
            return Rating(status=RatingStatus.FAILED)
        score = None if completion.refused else parse_rating(completion.text, self.dimension)
        status = RatingStatus.UNREADABLE if score is None else RatingStatus.RATED
        return Rating(
            status=RatingStatus.REFUSED if completion.refused else status,
            score=score,
            completion=completion.text,
            input_tokens=completion.input_tokens,
            output_tokens=completion.output_tokens,
            cost_usd=completion.cost_usd,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WordRater:
    """Counts words, for smoke runs: half of what the judge ``lexical`` gives, which is 0 to 10."""

    dimension: str
    whole: bool = False
    usage: Usage = field(default_factory=Usage, init=False)

    @property
    def name(self) -> str:
        """As in the spec."""
        return "lexical"

    @property
    def fingerprint(self) -> str:
        """Hash of name and version: the dimension changes nothing."""
        return digest(["rate", self.name, _VERSION])

    @property
    def settings(self) -> Mapping[str, object]:
        """Its version."""
        return {"version": _VERSION}

    @property
    def note(self) -> str:
        """That it is a heuristic."""
        return _WORDS_NOTE.format(self.dimension)

    def check(self, store: Store) -> None:
        """Nothing can fail."""

    def estimate(self, rows: Iterable[Row], store: Store) -> None:
        """No calls."""

    def ask(self, rows: Iterable[Row], *, total: int, store: Store, on_answer: Callable[[], None]) -> None:
        """Nothing to ask."""

    def ratings(self, rows: Iterable[Row], store: Store) -> Iterator[tuple[Row, Rating]]:  # noqa: ARG002  part of the protocol
        """Of instruction and input on one side, and all responses on the other."""
        for row in rows:
            if is_unanswered(row, whole=self.whole):
                yield row, Rating(status=RatingStatus.EMPTY)
                continue
            texts = quoted_texts(row, whole=self.whole)
            said = "\n".join(text for title, text in texts.items() if title.startswith("response"))
            asked = "\n".join(text for title, text in texts.items() if not title.startswith("response"))
            score = lexical_score(asked, said) * HIGHEST_RATING / 10
            yield row, Rating(status=RatingStatus.RATED, score=round(score, 2))


def make_rater(
    spec: str,
    settings: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    dimension: str = "accuracy",
    prompt: str | None = None,
    whole: bool = False,
) -> ModelRater | WordRater:
    """Make whoever rates.

    Args:
        spec: ``PROVIDER/MODEL`` or a judge file; ``lexical`` for smoke runs.
        settings: As for a judge.
        environ: Where keys are looked up.
        dimension: ``accuracy``, ``helpfulness``, or any other words that name one.
        prompt: Rules or a template in the place of our own prompt, with ``@DIMENSION@`` where it shall be named.
        whole: Rate all turns of a conversation together, and not only the first.

    Raises:
        UsageError: There is no such model, it cannot be asked, or the dimension is none.
    """
    dimension = dimension.strip()
    if not 0 < len(dimension) <= _LONGEST_DIMENSION or "@" in dimension or not dimension.isprintable():
        raise ConfigError(
            f'"{dimension:.80}" is no dimension; give accuracy, helpfulness, or a few words on one line, without @'
        )
    if spec.strip() == "lexical":
        if prompt is not None:
            raise ConfigError('"lexical" counts words and is asked nothing: leave out the prompt')
        return WordRater(dimension=dimension, whole=whole)
    asker = make_asker(
        spec,
        settings,
        environ,
        purpose={"rate": _VERSION},
        max_tokens=_MAX_TOKENS,
        usual_output_tokens=_USUAL_TOKENS,
        otherwise=", or lexical for a smoke run",
    )
    shown = RowPrompt(
        text=prompt or prompt_text("rate"),
        request="The mark alone on the first line, then the reasons:",
        values={"DIMENSION": dimension, "MEANING": DIMENSIONS.get(dimension, "")},
        whole=whole,
    )
    return ModelRater(asker=asker, prompt=shown, dimension=dimension)
