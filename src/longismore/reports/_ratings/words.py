"""Ratings in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._escape import name_text

if TYPE_CHECKING:
    from longismore.reports.bradley_terry import Rating, Ratings

__all__ = ["ratings_sentences"]

_DASH = "\N{EN DASH}"


def ratings_sentences(ratings: Ratings) -> list[str]:
    """Say who leads, and which neighbours cannot be told apart."""
    at = " at equal length" if ratings.length_controlled else ""
    shown = [f"{name_text(rating.model)} {_elo(rating)}" for rating in ratings.models]
    told = f"Elo{at}, {name_text(ratings.anchor)} being 1000: {', '.join(shown)}"
    basis = (
        f"from {ratings.pairs} judged pairs on {ratings.clusters} prompts by {name_text(ratings.judge)}, ties as half "
        "wins; 100 points are a win rate of 64%"
    )
    left_out = [f"{ratings.unjudged} pairs have no outcome and enter no rating"] if ratings.unjudged else []
    return [told, *_neighbours(ratings), basis, *_slope(ratings), *left_out]


def _neighbours(ratings: Ratings) -> list[str]:
    close = [
        f"{name_text(better.model)} and {name_text(worse.model)}"
        for better, worse in zip(ratings.models, ratings.models[1:], strict=False)
        if better.lead_ci is not None and better.lead_ci[0] <= 0
    ]
    if not close:
        return ["every model is ahead of the next by more than chance explains"]
    return [f"not told apart by these pairs: {'; '.join(close)}"]


def _slope(ratings: Ratings) -> list[str]:
    if ratings.length_slope is None or ratings.length_slope_ci is None:
        return ["raw ratings favour longer answers; length control is not applied here"]
    low, high = ratings.length_slope_ci
    return [f"length slope of this judge: {ratings.length_slope:.2f} ({low:.2f}{_DASH}{high:.2f})"]


def _elo(rating: Rating) -> str:
    if rating.elo_ci is None:
        return f"{rating.elo:.0f}"
    return f"{rating.elo:.0f} ({rating.elo_ci[0]:.0f}{_DASH}{rating.elo_ci[1]:.0f})"
