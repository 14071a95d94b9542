"""Which pairs of two candidates stand beside each other, and whether they may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.errors import DataError
from longismore.reports._escape import name_text
from longismore.reports._interval import cluster_key

if TYPE_CHECKING:
    from longismore.records import Judged, Verdict

__all__ = ["Matched", "match_candidates"]


@dataclass(frozen=True, slots=True)
class Matched:
    """Pairs of two candidates, and how many each has alone."""

    shared: list[tuple[Verdict, Verdict]]
    only_a: list[Verdict]
    only_b: list[Verdict]

    def of(self, testset: str) -> Matched:
        """Only those of one test set."""
        return Matched(
            [pair for pair in self.shared if pair[0].testset == testset],
            [verdict for verdict in self.only_a if verdict.testset == testset],
            [verdict for verdict in self.only_b if verdict.testset == testset],
        )

    def known(self) -> list[tuple[Verdict, Verdict]]:
        """Those with an outcome for both."""
        return [(one, other) for one, other in self.shared if one.outcome is not None and other.outcome is not None]


def match_candidates(a: Judged, b: Judged) -> Matched:
    """Find the pairs of both, by test set and id.

    Raises:
        DataError: The two have another judge, reference or prompt, a pair stands twice, or one of the candidates was
            judged in one order and the other in both.
    """
    _check(a, b)
    first, second = _by_id(a), _by_id(b)
    shared = [(verdict, second[key]) for key, verdict in first.items() if key in second]
    for one, other in shared:
        where = f"pair {one.testset}/{one.id}"
        if cluster_key(one.prompt) != cluster_key(other.prompt):
            raise DataError(
                f"{where}: the two candidates were given different prompts, {one.prompt!r:.60} and "
                f"{other.prompt!r:.60}; compare judgments of the same test set"
            )
        if one.one_order != other.one_order:
            raise DataError(
                f"{where}: one candidate was judged in both orders and the other in one, where the position counts "
                "too; judge both alike"
            )
    return Matched(
        shared,
        [verdict for key, verdict in first.items() if key not in second],
        [verdict for key, verdict in second.items() if key not in first],
    )


def _check(a: Judged, b: Judged) -> None:
    for what, one, other in (("judge", a.judge, b.judge), ("reference", a.reference, b.reference)):
        if one != other:
            raise DataError(
                f'two candidates need the same {what}, but have "{name_text(one)}" and "{name_text(other)}"; '
                f"give judgments with one {what}"
            )
    if a.fingerprint and b.fingerprint and a.fingerprint != b.fingerprint:
        raise DataError(
            f'the judge "{name_text(a.judge)}" had other settings for each candidate (fingerprints '
            f"{a.fingerprint:.12} and {b.fingerprint:.12}); judge both with the same settings"
        )


def _by_id(judged: Judged) -> dict[tuple[str, str], Verdict]:
    found: dict[tuple[str, str], Verdict] = {}
    for verdict in judged.verdicts:
        if found.setdefault((verdict.testset, verdict.id), verdict) is not verdict:
            raise DataError(
                f'pair {verdict.testset}/{verdict.id} stands twice among the verdicts on "'
                f'{name_text(judged.candidate)}"; give the verdicts of one comparison'
            )
    return found
