"""A control: the longer answer wins, whatever it says.

Not a judge of quality. A comparison that this control decides the same way as a real judge has shown nothing
but length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.judges import JUDGES
from longismore.judges._offline import ScoringJudge, refuse_argument

if TYPE_CHECKING:
    from longismore.judges._options import JudgeOptions

__all__ = ["length_judge"]

_NOTE = 'the judge "length" is a control: it prefers the longer answer and knows nothing of quality'


def length_judge(argument: str, options: JudgeOptions) -> ScoringJudge:  # noqa: ARG001  part of the protocol
    """The judge ``length``: the score is the number of characters."""
    refuse_argument("length", argument)
    return ScoringJudge(name="length", version=1, score=_characters, note=_NOTE)


def _characters(prompt: str, answer: str) -> float:  # noqa: ARG001  part of the protocol
    return float(len(answer))


JUDGES.register("length", length_judge)
