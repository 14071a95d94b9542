"""A transparent heuristic for smoke runs: word overlap with the instruction, against padding and repetition.

It says so wherever its numbers show. It needs no key and no network; :mod:`longismore.judges._lexical` has the
formula.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.judges import JUDGES
from longismore.judges._lexical import lexical_score
from longismore.judges._offline import ScoringJudge, refuse_argument

if TYPE_CHECKING:
    from longismore.judges._options import JudgeOptions

__all__ = ["lexical_judge"]

_NOTE = 'the judge "lexical" is a word-overlap heuristic for smoke runs: its numbers say nothing of a model'


def lexical_judge(argument: str, options: JudgeOptions) -> ScoringJudge:  # noqa: ARG001  part of the protocol
    """The judge ``lexical``: the score is :func:`longismore.judges._lexical.lexical_score`."""
    refuse_argument("lexical", argument)
    return ScoringJudge(name="lexical", version=1, score=lexical_score, note=_NOTE)


JUDGES.register("lexical", lexical_judge)
