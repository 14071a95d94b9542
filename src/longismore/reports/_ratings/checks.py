"""Whether comparisons can be rated on one scale, and against which model."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from longismore.errors import DataError
from longismore.reports._escape import name_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Judged

__all__ = ["check_judged", "check_links", "check_orders", "choose_anchor"]


def check_judged(judged: Sequence[Judged]) -> None:
    """Ratings are of one judge with one set of settings, and of models against others."""
    judges = sorted({name_text(comparison.judge) for comparison in judged})
    if len(judges) > 1:
        raise DataError(
            f"ratings of several judges mean nothing when mixed; found {', '.join(judges)}; give judgments of one judge"
        )
    fingerprints = sorted({f"{comparison.fingerprint:.12}" for comparison in judged if comparison.fingerprint})
    if len(fingerprints) > 1:
        raise DataError(
            f'the judge "{judges[0]}" had different settings (fingerprints {", ".join(fingerprints)}); '
            "give judgments with the same settings"
        )
    for comparison in judged:
        if comparison.candidate == comparison.reference:
            name = name_text(comparison.candidate)
            raise DataError(f'"{name}" is compared with itself, which says nothing of its rating; leave it out')


def check_orders(one_order: set[bool]) -> None:
    """Either all pairs were judged in both orders, or all in one."""
    if len(one_order) > 1:
        raise DataError(
            "some pairs were judged in both orders and some in one, where the position counts too; give judgments "
            "that were all made alike"
        )


def check_links(names: Sequence[str], edges: set[tuple[str, str]]) -> None:
    """Ratings exist only where a chain of comparisons links every two models."""
    part = {name: name for name in names}

    def root(name: str) -> str:
        while part[name] != name:
            name = part[name]
        return name

    for first, second in sorted(edges):
        part[root(first)] = root(second)
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(root(name), []).append(name_text(name))
    if len(groups) > 1:
        parts = " | ".join(", ".join(group) for group in groups.values())
        raise DataError(
            f"no comparison links these groups of models, so they have no common scale: {parts}; rate each group by "
            "itself, or compare two models of different groups"
        )


def choose_anchor(wanted: str | None, names: Sequence[str], judged: Sequence[Judged]) -> str:
    """Give the model that was wanted, or that which is the reference most often."""
    if wanted is None:
        often = Counter(comparison.reference for comparison in judged if comparison.reference in names)
        return min(often, key=lambda name: (-often[name], name))
    if wanted not in names:
        raise DataError(
            f'the anchor "{name_text(wanted)}" was not compared; models: {", ".join(map(name_text, names))}'
        )
    return wanted
