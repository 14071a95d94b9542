"""Simulated gates, a few thousand at once, through the same looks, limits and bets as real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from longismore.reports._gate.looks import design_looks, normal_limits
from longismore.reports._interval import cluster_key
from longismore.reports._sequential import student_bound

if TYPE_CHECKING:
    from longismore.reports.gate import GateRule


@dataclass(frozen=True)
class Rates:
    """How the simulated gates ended."""

    passed: float
    regressed: float
    asked: float
    """Share of the pairs."""


def prompts_of(singles: int, doubles: int) -> list[str]:
    """Prompts, some of which stand twice, with other punctuation."""
    alone = [f"question {number}" for number in range(singles)]
    twice = [f"asked twice, {number}" for number in range(doubles)]
    return [*alone, *twice, *(f"{prompt}?" for prompt in twice)]


def simulate(  # noqa: PLR0917
    rule: GateRule, rate: float, runs: int, prompts: list[str], ties: float = 0.3, spread: float = 0.1
) -> Rates:
    """Run gates on pairs whose mean win rate is *rate*.

    Half of the prompts are easier for the candidate by *spread*, half are harder; pairs of one prompt agree in 70 %
    beyond chance.
    """
    design = design_looks(prompts, rule)
    values = _values(prompts, rate, runs, ties=ties, spread=spread)
    passed, regressed = np.zeros(runs, bool), np.zeros(runs, bool)
    asked = np.ones(runs)
    places: list[int] = []
    for look, group in enumerate(design.groups, start=1):
        places += group
        keys = [cluster_key(prompts[place]) for place in places]
        above, below = _left(design, look, keys, values[:, places], rule.bar)
        first = ~(passed | regressed)
        asked[first & (above | below)] = design.shares[look - 1]
        passed |= first & above
        regressed |= first & below
    return Rates(float(passed.mean()), float(regressed.mean()), float(asked.mean()))


def _values(prompts: list[str], rate: float, runs: int, *, ties: float, spread: float) -> Any:
    """(runs, pairs) wins, ties and losses."""
    stream = np.random.RandomState(20)
    keys = [cluster_key(prompt) for prompt in prompts]
    number = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    cluster = np.array([number[key] for key in keys])
    shift = np.where(np.arange(len(number)) % 2 == 0, spread, -spread)
    shift -= np.average(shift, weights=np.bincount(cluster))
    own, shared = stream.random_sample((runs, len(prompts))), stream.random_sample((runs, len(number)))
    drawn = np.where(stream.random_sample((runs, len(prompts))) < 0.7, shared[:, cluster], own)
    wins = (rate + shift - ties / 2)[cluster]
    return np.where(drawn < wins, 1.0, np.where(drawn < wins + ties, 0.5, 0.0))


def _left(design: Any, look: int, keys: list[str], values: Any, bar: float) -> tuple[Any, Any]:
    """(runs,) whether the pairs asked so far are surely above the bar, and surely below."""
    number = {key: place for place, key in enumerate(sorted(set(keys)))}
    member = np.zeros((len(keys), len(number)))
    member[np.arange(len(keys)), [number[key] for key in keys]] = 1.0
    sums, sizes = values @ member, member.sum(axis=0)
    if design.bets is None:
        low, high = normal_limits(sums, sizes, student_bound(design.bounds[look - 1], len(sizes) - 1))
        return low > bar, high < bar
    needed = -np.log(design.alpha)
    return design.bets.won(sums, sizes, bar) >= needed, design.bets.won(sizes - sums, sizes, 1 - bar) >= needed
