"""A better response to the instruction of a row, as a model writes it after a critique: one call a row.

The procedure is that of Long Is More (https://arxiv.org/abs/2402.04833, "refinement by introspection"): criticise the
response by named criteria, then write a better one between two marks; the wording is our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import tee
from typing import TYPE_CHECKING, Any

from longismore.judges._asker import make_asker
from longismore.judges._chat import digest
from longismore.judges._extract import EXTRACTION_VERSION, MARKS, Extraction, extract_response, has_mark
from longismore.judges._quote import prompt_text
from longismore.judges._row_prompt import RowPrompt, quoted_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from longismore.instructions import Row
    from longismore.judges._asker import Asker
    from longismore.judges._calls import Answered
    from longismore.judges._client import Messages
    from longismore.judges._estimate import Estimate
    from longismore.judges._usage import Usage
    from longismore.store import Store

__all__ = ["Kept", "Refinement", "Refiner", "make_refiner"]

_VERSION = 1
_MAX_TOKENS = 2048
"""Of critique and response together, as Long Is More gave at most."""
_USUAL_TOKENS = 700


class Kept(StrEnum):
    """Why a response was kept without that an answer was read."""

    REFUSED = "refused"
    FAILED = "failed"
    EMPTY = "empty response"
    MULTI_TURN = "multi-turn"
    TOO_LONG = "too long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refinement:
    """What became of one row."""

    status: Extraction | Kept
    response: str | None = None
    """The better one; ``None``: the old one is kept."""
    critique: str | None = None
    completion: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refiner:
    """Asks a model for better responses."""

    asker: Asker
    prompt: RowPrompt
    max_chars: int | None = None
    """Rows whose texts are longer together are not asked about."""

    @property
    def name(self) -> str:
        """The model's."""
        return self.asker.name

    @property
    def fingerprint(self) -> str:
        """Hash of the model with its settings, the prompt and the way of reading answers."""
        return digest([self.asker.fingerprint, self.prompt.identity, EXTRACTION_VERSION])

    @property
    def settings(self) -> Mapping[str, object]:
        """The model's: address, temperature, ..."""
        return self.asker.settings

    @property
    def usage(self) -> Usage:
        """Of its calls."""
        return self.asker.usage

    def check(self, store: Store) -> None:
        """Ask the client, unless this model has refined before.

        Raises:
            UsageError: Asking cannot work.
        """
        self.asker.check(store)

    def kept(self, row: Row) -> Kept | None:
        """Why a row is not asked about, or ``None`` where it is."""
        if row.is_multi_turn:
            return Kept.MULTI_TURN
        if not row.response.strip():
            return Kept.EMPTY
        if self.max_chars is not None and sum(map(len, quoted_texts(row).values())) > self.max_chars:
            return Kept.TOO_LONG
        return None

    def estimate(self, rows: Iterable[Row], store: Store) -> Estimate:
        """What refining these rows will take."""
        return self.asker.estimate(self._chats(rows), store)

    def ask(self, rows: Iterable[Row], *, total: int, store: Store, on_answer: Callable[[], None]) -> None:
        """Get the answers into the store; *total* rows, *on_answer* after each.

        Raises:
            JudgeError: No further call can succeed; what was answered is in the store.
        """
        self.asker.ask(self._chats(rows), total=total, store=store, on_answer=lambda _index, _answered: on_answer())

    def refinements(self, rows: Iterable[Row], store: Store) -> Iterator[tuple[Row, Refinement]]:
        """These rows with what became of them, in their order; nothing is asked."""
        every, asked = tee(rows)
        answers = self.asker.stored(self._chats(asked), store)
        for row in every:
            kept = self.kept(row)
            yield row, self._read(row, next(answers)) if kept is None else Refinement(status=kept)

    def _chats(self, rows: Iterable[Row]) -> Iterator[Messages]:
        for row in rows:
            if self.kept(row) is None:
                opening, closing = MARKS
                if self._in_marks(row):
                    opening, closing = (f"{mark[:-1]} @CODE@]" for mark in MARKS)
                yield self.prompt.messages(row, OPEN=opening, CLOSE=closing)

    def _in_marks(self, row: Row) -> bool:
        """Whether the row's own texts contain marks, so that those of the answer need the code to be told apart."""
        return "@OPEN@" in self.prompt.text and any(map(has_mark, quoted_texts(row).values()))

    def _read(self, row: Row, answered: Answered) -> Refinement:
        completion = answered.completion
        if completion is None:
            return Refinement(status=Kept.FAILED)
        status: Extraction | Kept = Kept.REFUSED
        response = critique = None
        if not completion.refused:
            status, response, critique = extract_response(
                completion.text,
                was_cut=self.asker.was_cut(answered),
                code=self.prompt.code(row),
                in_marks=self._in_marks(row),
            )
            if response == row.response.strip():
                status, response = Extraction.SAME, None
        return Refinement(
            status=status,
            response=response,
            critique=critique,
            completion=completion.text,
            input_tokens=completion.input_tokens,
            output_tokens=completion.output_tokens,
            cost_usd=completion.cost_usd,
        )


def make_refiner(
    spec: str,
    settings: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    prompt: str | None = None,
    max_chars: int | None = None,
) -> Refiner:
    """Make whoever refines.

    Args:
        spec: ``PROVIDER/MODEL`` or a judge file.
        settings: As for a judge.
        environ: Where keys are looked up.
        prompt: Rules or a template in the place of our own prompt; ``@OPEN@`` and ``@CLOSE@`` stand for the marks.
        max_chars: Rows whose texts are longer together are kept as they are.

    Raises:
        UsageError: There is no such model, or it cannot be asked.
    """
    asker = make_asker(
        spec,
        settings,
        environ,
        purpose={"refine": _VERSION},
        max_tokens=_MAX_TOKENS,
        usual_output_tokens=_USUAL_TOKENS,
    )
    shown = RowPrompt(
        text=prompt or prompt_text("refine"),
        request="The critique, then the better response between its two marks:",
        values={},
    )
    return Refiner(asker=asker, prompt=shown, max_chars=max_chars)
