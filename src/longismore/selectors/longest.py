"""Select the rows with the longest answers: a hard baseline for every selection by score.

Only the answers count, not what was asked; those of a conversation are added up. The measure of Long Is More is not in
its paper: of the measures that were tried, NLTK's ``word_tokenize`` alone puts every row of the published selection at
or above the cut (192 tokens for 1,000 of 52,002) and every other row at or below it. Chasing Random counts characters,
sorts after a shuffle, and so has another order among equal ones: ``measure=chars,ties=chasing_random``.

Rows are ranked without measuring all of them: most are settled by their size in bytes, or by two bounds
(``_length/nltk_words.py``).

Sources: Zhao et al., Long Is More for Alignment, ICML 2024, https://arxiv.org/abs/2402.04833; Diddee and Ippolito,
Chasing Random, https://arxiv.org/abs/2410.15225.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError, UsageError
from longismore.selectors import SELECTORS, Choice
from longismore.selectors._length.measures import measure_of
from longismore.selectors._length.scan import WHOLE, LengthScan

if TYPE_CHECKING:
    from longismore.instructions import InstructionData
    from longismore.selectors import Work
    from longismore.selectors._length.topk import Cut

__all__ = ["Longest"]

EMPTY = "empty response"
SHORTER = "shorter than the chosen"
TIED = "as long as the shortest chosen"
DUPLICATE = "duplicate of an earlier row"


@dataclass(frozen=True, slots=True, kw_only=True)
class Longest:
    """Keep the rows with the longest answers."""

    measure: str = "nltk_words"
    """``nltk_words``, ``chars``, ``words`` or ``tokens:TOKENIZER`` (a folder, or a name on the hub)."""
    ties: str = "earlier"
    """Which of equally long rows goes first: the ``earlier``, or the one that comes earlier after Chasing Random's
    shuffle (``chasing_random``: seed 42)."""

    def __post_init__(self) -> None:
        problems = []
        try:
            measure_of(self.measure)
        except ConfigError as error:
            problems += error.problems
        if self.ties not in {"earlier", "chasing_random"}:
            problems.append(f'ties must be earlier or chasing_random, found "{self.ties}"')
        if problems:
            raise ConfigError(problems)

    def prepare(self, data: InstructionData, work: Work) -> None:
        """Find the candidates of *work*'s shard and commit them; without a shard :meth:`choose` does it all."""
        scan = self._scan(data, work)
        if work.shard is None:
            return
        if scan.results is None:
            raise UsageError("a shard's candidates must be kept for the job that chooses; give a folder for them")
        if work.shard.index not in scan.results.finished(scan.k).get(work.shard.count, {}):
            scan.results.add(scan.shard(work.shard), work.shard)

    def choose(self, data: InstructionData, work: Work) -> Choice:
        """Choose among the candidates of all rows."""
        scan = self._scan(data, work)
        result = scan.whole()
        if scan.settle(result.largest) and scan.results is not None:
            scan.results.add(result, WHOLE)
        cut = result.largest.cut()
        chosen = scan.order.rows(cut.rows)
        dropped = {EMPTY: result.empty, DUPLICATE: cut.twins, TIED: cut.ties_outside}
        dropped[SHORTER] = result.seen - len(chosen) - sum(dropped.values())
        return Choice(
            rows=chosen.tolist(),
            dropped={reason: count for reason, count in dropped.items() if count},
            facts={"measure": scan.measure.name, "measure_version": scan.measure.version, "cut": _cut_facts(cut)},
        )

    def _scan(self, data: InstructionData, work: Work) -> LengthScan:
        return LengthScan(data, work, measure=self.measure, ties=self.ties)


def _cut_facts(cut: Cut) -> dict[str, Any]:
    return {
        "smallest_inside": cut.smallest_inside,
        "largest_outside": cut.largest_outside,
        "ties_inside": cut.ties_inside,
        "ties_outside": cut.ties_outside,
    }


SELECTORS.register("longest", Longest)
