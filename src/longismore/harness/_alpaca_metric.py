"""The metric ``longismore_lc_winrate`` of alpaca_eval: better, or only longer?

It takes the annotations of any annotator and gives alpaca_eval's own figures of a leaderboard, with ours beside them.
All rates are percent here, as everywhere on a leaderboard.
"""

from __future__ import annotations

import logging
import math
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from longismore.harness._alpaca_annotations import annotation_verdicts
from longismore.reports import cluster_key, explain, printable, standard_error, summarize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.records import Verdict
    from longismore.reports import Rates

__all__ = ["METRIC", "SORT_BY", "leaderboard_values", "longismore_lc_winrate"]

logger = logging.getLogger(__name__)

METRIC = "longismore_lc_winrate"
"""Its name for ``--fn_metric``."""
SORT_BY = "longismore_lc_win_rate"
"""The column by which a leaderboard with it is sorted."""
_EVEN = 0.5


def longismore_lc_winrate(annotations: Any, *, seed: int = 0, draws: int = 1000) -> dict[str, Any]:
    """Win rates as alpaca_eval has them, and at equal length as longismore has it.

    Args:
        annotations: Rows of ``annotations.json``: dictionaries, or a frame of pandas.
        seed: Of the resampling behind the intervals at equal length.
        draws: How often is resampled.

    Returns:
        The row of a leaderboard; what is unknown is NaN, or empty where it is a word.
    """
    rows = annotations.to_dict("records") if hasattr(annotations, "to_dict") else list(annotations)
    verdicts = annotation_verdicts(rows)
    results = summarize(verdicts, seed=seed, draws=draws)
    rates = results.pooled
    if rates.n < rates.pairs:
        logger.warning("%d of %d annotations have no preference and enter no rate", rates.pairs - rates.n, rates.pairs)
    for sentence in explain(results):
        logger.info("%s", printable(sentence))
    return leaderboard_values(verdicts, rates)


def leaderboard_values(verdicts: Sequence[Verdict], rates: Rates) -> dict[str, Any]:
    """The row of a leaderboard.

    Args:
        verdicts: What was judged.
        rates: Of these verdicts.
    """
    judged = [verdict for verdict in verdicts if verdict.outcome is not None]
    shares = [fmean(share for share in verdict.preferences if share is not None) for verdict in judged]
    return {**_head_to_head(shares), **_ours(shares, [cluster_key(verdict.prompt) for verdict in judged], rates)}


def _head_to_head(shares: Sequence[float]) -> dict[str, float]:
    """What alpaca_eval's ``get_winrate`` gives, under its names: a mean of preferences, not of wins and ties."""
    wins, losses = (sum(share > _EVEN for share in shares), sum(share < _EVEN for share in shares))
    n = len(shares)
    return {
        "win_rate": _percent(fmean(shares) if shares else None),
        "standard_error": _percent(stdev(shares) / math.sqrt(n) if n > 1 else None),
        "n_wins": wins,
        "n_wins_base": losses,
        "n_draws": n - wins - losses,
        "n_total": n,
        "discrete_win_rate": _percent((wins + (n - wins - losses) / 2) / n if n else None),
    }


def _ours(shares: Sequence[float], clusters: Sequence[str], rates: Rates) -> Mapping[str, Any]:
    low, high = rates.lc_win_rate_ci or (None, None)
    slope_low, slope_high = rates.length_slope_ci or (None, None)
    return {
        SORT_BY: _percent(rates.lc_win_rate),
        "longismore_lc_low": _percent(low),
        "longismore_lc_high": _percent(high),
        "longismore_length_verdict": rates.length_verdict,
        "longismore_standard_error": _percent(standard_error(shares, clusters)),
        "longismore_length_slope": _number(rates.length_slope),
        "longismore_length_slope_low": _number(slope_low),
        "longismore_length_slope_high": _number(slope_high),
        "longismore_length_tipping_slope": _number(rates.length_tipping_slope),
        "longismore_length_prior_weight": _percent(rates.length_prior_weight),
        "longismore_overlap": _number(rates.overlap),
        "longismore_length_ratio": _number(rates.length_ratio),
        "longismore_swap_consistency": _percent(rates.swap_consistency),
        "longismore_n_unjudged": rates.pairs - rates.n,
    }


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _percent(rate: float | None) -> float:
    return math.nan if rate is None else 100 * rate
