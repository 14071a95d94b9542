"""The pairs of probes: an answer against itself, changed in a way that adds nothing to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.judges._chat import digest
from longismore.judges._probe_texts import INJECTIONS, PAD_FACTORS, inject, pad
from longismore.records import Answer, Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["ChangedPairs", "injected_pairs", "padded_pairs", "texts_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedPairs:
    """What a probe asks: the changed answer is the candidate."""

    pairs: list[Pair]
    kinds: list[str]
    """What was done to the answer of each pair."""
    skipped: int
    """Empty answers: there is nothing to change."""


def padded_pairs(pairs: Sequence[Pair], *, seed: int) -> ChangedPairs:
    """An answer of every pair against itself, padded: the kinds are the factors, as text."""
    factors = {f"{factor:g}": factor for factor in PAD_FACTORS}
    return _changed(pairs, "padded", list(factors), lambda text, kind: pad(text, factors[kind], seed=seed))


def injected_pairs(pairs: Sequence[Pair]) -> ChangedPairs:
    """An answer of every pair against itself with a word to the judge: the kinds are the names of the texts."""
    return _changed(pairs, "injected", list(INJECTIONS), inject)


def texts_of(pair: Pair) -> str:
    """A code of everything that a judge is asked with: two pairs that differ in the names of models only share it."""
    return digest([pair.testset, pair.id, pair.prompt, pair.reference.output, pair.candidate.output])


def _changed(pairs: Sequence[Pair], name: str, kinds: Sequence[str], change: Callable[[str, str], str]) -> ChangedPairs:
    """The reference's and the candidate's answer in turn, the kinds in turn after every two."""
    made: dict[Pair, str] = {}
    skipped = 0
    for number, pair in enumerate(pairs):
        text, kind = (pair.reference, pair.candidate)[number % 2].output, kinds[number // 2 % len(kinds)]
        if not text.strip():
            skipped += 1
            continue
        changed = change(text, kind)
        # The id follows from the texts, so that pairs with one id, of several candidates, stay apart.
        code = digest([pair.prompt, text, changed])[:12]
        changed_pair = Pair(
            id=f"{pair.id}~{name}-{code}",
            testset=pair.testset,
            prompt=pair.prompt,
            reference=Answer("plain", text),
            candidate=Answer(name, changed),
        )
        made.setdefault(changed_pair, kind)
    return ChangedPairs(pairs=list(made), kinds=list(made.values()), skipped=skipped)
