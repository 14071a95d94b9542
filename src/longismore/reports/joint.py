"""Several comparisons at once: candidates of the same judge and reference are fitted together.

What one candidate's pairs cannot tell, the others' may: the slope of length is the judge's, up to a small deviation
of each candidate, and how hard a prompt is shows in what all candidates did with it. So the length-controlled rates of
candidates that were judged on the same prompts come out of one fit. Raw rates are those of each comparison alone.

Source: Dubois et al., Length-Controlled AlpacaEval, https://arxiv.org/abs/2404.04475, whose model has the difficulty of
each instruction from a joint fit to many models.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from longismore.reports._interval import cluster_key
from longismore.reports.length_control import DEFAULT_PRIOR
from longismore.reports.winrate import summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Judged
    from longismore.reports.length_control import Controls, LengthPrior
    from longismore.reports.winrate import Results

__all__ = ["summarize_together"]


def summarize_together(
    judged: Sequence[Judged], *, prior: LengthPrior = DEFAULT_PRIOR, seed: int = 0, draws: int = 1000
) -> list[Results]:
    """Summarize each comparison, with one fit of the length slope for those that share judge and reference.

    Args:
        judged: Comparisons; a judge with other settings is another judge.
        prior: Of the slope.
        seed: Of the resampling.
        draws: How often is resampled.

    Returns:
        The results, in the order of *judged*.
    """
    groups: dict[tuple[str | None, str, str], list[int]] = {}
    for place, each in enumerate(judged):
        groups.setdefault((each.fingerprint, each.judge, each.reference), []).append(place)
    controls: dict[int, Controls] = {}
    for places in groups.values():
        known = [place for place in places if any(verdict.outcome is not None for verdict in judged[place].verdicts)]
        if len(known) > 1:
            from longismore.reports._joint.draws import control_together

            shared = replace(prior, source=f"{prior.source}, with {len(known) - 1} other candidates in the fit")
            members = [
                [verdict for verdict in judged[place].verdicts if verdict.outcome is not None] for place in known
            ]
            keys = [[cluster_key(each.prompt) for each in verdicts] for verdicts in members]
            found = control_together(members, keys, prior=shared, seed=seed, draws=draws)
            controls |= dict(zip(known, found, strict=True))
    return [
        summarize(each.verdicts, prior=prior, seed=seed, draws=draws, controls=controls.get(place))
        for place, each in enumerate(judged)
    ]
