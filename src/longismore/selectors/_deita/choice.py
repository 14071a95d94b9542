"""DEITA's choice: rows by score, each unless it is too similar to one that was taken before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from longismore.errors import SchemaError
from longismore.selectors import Choice
from longismore.selectors._deita.columns import read_rows
from longismore.selectors._deita.diversity import DiversityFilter, Fate
from longismore.selectors._deita.turns import TurnScores, evol
from longismore.selectors._deita.vectors import vectors_of
from longismore.selectors._hash_sampling import DUPLICATE, EMPTY, repeated

if TYPE_CHECKING:
    from longismore.instructions import InstructionData
    from longismore.selectors import Work
    from longismore.selectors._deita.vectors import Vectors
    from longismore.selectors.deita import Deita

__all__ = ["choose"]

Rows = npt.NDArray[np.int64]

BELOW = "below the budget"
SIMILAR = "too similar to a better row"
_FATES = {
    Fate.SIMILAR: SIMILAR,
    Fate.ZERO: "embedding is zero",
    Fate.NOT_FINITE: "embedding is not finite",
}
_FEWEST, _MOST = 256, 8192
"""Rows whose embeddings are asked for at once."""
_SHOWN_ERRORS = 5


@dataclass(slots=True)
class _Fates:
    """Why each row is not chosen; the first reason counts."""

    codes: npt.NDArray[np.int16]
    reasons: list[str] = field(default_factory=lambda: [""])

    def drop(self, rows: Any, reason: str) -> None:
        rows = np.asarray(rows, dtype=np.int64)
        if reason not in self.reasons:
            self.reasons.append(reason)
        self.codes[rows[self.codes[rows] == 0]] = self.reasons.index(reason)

    def left(self) -> Rows:
        return np.flatnonzero(self.codes == 0)

    def counts(self) -> dict[str, int]:
        counts = np.bincount(self.codes, minlength=len(self.reasons)).tolist()
        return {reason: count for reason, count in zip(self.reasons, counts, strict=True) if reason and count}


def choose(deita: Deita, data: InstructionData, work: Work) -> Choice:
    """Choose as many rows as *work* has a budget for, or all that qualify.

    Raises:
        SchemaError: A field of the data with scores or embeddings is not as it must be.
    """
    answered, turns, keys = read_rows(data, deita.columns(), with_keys=work.drop_duplicates)
    fates = _Fates(np.zeros(len(answered), dtype=np.int16))
    fates.drop(np.flatnonzero(~answered), EMPTY)
    if work.drop_duplicates:
        fates.drop(np.flatnonzero(repeated(keys)), DUPLICATE)
    facts: dict[str, Any] = {"scorer_settings": {}, "cut_texts": {}}
    errors: list[str] = []
    for scorer in deita.digit_scorers():
        kind = scorer.kind
        frame = work.engine.scores(data, scorer, on_progress=work.on_progress)
        turns[kind] = TurnScores.of_frame(frame, kind)
        facts["scorer_settings"][kind] = dict(scorer.settings)
        facts["cut_texts"][kind] = turns[kind].cut
        errors += turns[kind].errors
    for kind in ("complexity", "quality"):
        for reason, rows in turns[kind].missing.items() if kind in turns else ():
            fates.drop(rows, reason)
    scores = _scores(deita, data, turns, fates)
    left = fates.left()
    ranked = left[np.argsort(-scores[left], kind="stable")]
    if deita.embedder == "none":
        chosen = ranked if work.budget is None else ranked[: work.budget]
        scanned = len(chosen)
    else:
        source = vectors_of(deita, data, work)
        chosen, scanned = _take(deita, ranked, source, work.budget, fates)
        errors += source.errors
        if deita.embeds:
            facts["scorer_settings"]["embedding"] = dict(deita.embedding_scorer().settings)
            facts["cut_texts"]["embedding"] = source.cut
    fates.drop(ranked[~np.isin(ranked, chosen)], BELOW)
    facts |= {
        "scanned": scanned,
        "lowest_score": float(scores[chosen[-1]]) if len(chosen) else None,
        "errors": errors[:_SHOWN_ERRORS],
    }
    return Choice(rows=np.sort(chosen).tolist(), dropped=fates.counts(), facts=facts)


def _scores(
    deita: Deita, data: InstructionData, turns: dict[str, TurnScores], fates: _Fates
) -> npt.NDArray[np.float64]:
    """One number a row; rows without one are dropped."""
    if deita.sort == "evol":
        scores, differing = evol(turns["complexity"], turns["quality"])
        differing = differing[fates.codes[differing] == 0]
        if len(differing):
            number = int(differing[0])
            counts = [int(turns[kind].counts[number]) for kind in ("complexity", "quality")]
            raise SchemaError(
                data.pick([number])[0].place,
                f"there are {counts[0]} complexity scores and {counts[1]} quality scores; as many are wanted, "
                "one a turn, or a single one",
            )
    else:
        scores = turns[deita.sort].sums()
    fates.drop(np.flatnonzero(~np.isfinite(scores)), f"{deita.sort} score is not a finite number")
    return scores


def _take(deita: Deita, ranked: Rows, source: Vectors, budget: int | None, fates: _Fates) -> tuple[Rows, int]:
    """The rows that pass the filter, the best first, and how many were looked at."""
    diverse = DiversityFilter(threshold=deita.threshold, budget=budget, device=source.device)
    chosen: list[Rows] = []
    scanned = 0
    while scanned < len(ranked) and not diverse.is_full:
        # At least so many more rows must be looked at; further ones may never be, and embedding them is dear.
        wanted = _MOST if budget is None else min(max(budget - diverse.kept, _FEWEST), _MOST)
        block = ranked[scanned : scanned + wanted]
        vectors, reasons = source.read(block)
        embedded = np.flatnonzero(np.array([reason is None for reason in reasons], dtype=np.bool_))
        found = diverse.add(vectors) if len(embedded) else np.zeros(0, dtype=np.int8)
        looked_at = int(embedded[len(found) - 1]) + 1 if diverse.is_full else len(block)
        chosen.append(block[embedded[: len(found)][found == Fate.KEPT]])
        for fate, reason in _FATES.items():
            fates.drop(block[embedded[: len(found)][found == fate]], reason)
        for place, why_not in enumerate(reasons[:looked_at]):
            if why_not is not None:
                fates.drop([block[place]], why_not)
        scanned += looked_at
    return np.concatenate([ranked[:0], *chosen]), scanned
