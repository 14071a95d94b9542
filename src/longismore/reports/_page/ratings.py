"""Ratings of all models by one judge, where more than two were compared: raw, and at equal length."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from longismore.errors import DataError
from longismore.reports._escape import html_text, name_text
from longismore.reports._page.frame import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Judged
    from longismore.reports._page.entry import Entry
    from longismore.reports.bradley_terry import Rating, Ratings

__all__ = ["ratings_tables"]

logger = logging.getLogger(__name__)

_PAIR = 2
_DASH = "\N{EN DASH}"


def ratings_tables(entries: Sequence[Entry]) -> list[str]:
    """Rate all models that one judge compared; nothing where there are two, or where nothing links them."""
    judges: dict[tuple[str, str | None], list[Entry]] = {}
    for entry in entries:
        judges.setdefault((entry.judged.judge, entry.judged.fingerprint), []).append(entry)
    tables = []
    for group in judges.values():
        judged = [entry.judged for entry in group]
        if len({name for each in judged for name in (each.reference, each.candidate)}) <= _PAIR:
            continue
        try:
            tables.append(_table(group[0].judge, judged))
        except DataError as error:
            logger.warning("the page has no ratings by %s: %s", group[0].judge, error)
    return tables


def _table(judge: str, judged: Sequence[Judged]) -> str:
    # Imported here: few pages have more than two models.
    from longismore.reports.bradley_terry import bradley_terry

    raw, controlled = bradley_terry(judged), bradley_terry(judged, length_controlled=True)
    unlike = {rating.model: rating for rating in raw.models}
    rows = [_row(rating, unlike[rating.model]) for rating in controlled.models]
    head = ["model", "rank", "Elo at equal length", "rank, raw", "Elo, raw", "pairs"]
    caption = f"Ratings by {judge}, with 95% intervals; {name_text(raw.anchor)} is fixed at 1000"
    said = "".join(f"<li>{html_text(sentence)}</li>" for sentence in _sentences(controlled))
    return f'{table(caption, head, [("", rows)])}<ul class="said">{said}</ul>'


def _sentences(ratings: Ratings) -> list[str]:
    """All but the first, whose numbers stand in the table."""
    return ratings.sentences()[1:]


def _row(rating: Rating, raw: Rating) -> list[object]:
    return [name_text(rating.model), _rank(rating), _elo(rating), _rank(raw), _elo(raw), rating.pairs]


def _rank(rating: Rating) -> str:
    low, high = rating.rank_ci
    return f"{rating.rank}" if low == high else f"{rating.rank} ({low}{_DASH}{high})"


def _elo(rating: Rating) -> str:
    if rating.elo_ci is None:
        return f"{rating.elo:.0f}"
    return f"{rating.elo:.0f} ({rating.elo_ci[0]:.0f}{_DASH}{rating.elo_ci[1]:.0f})"
