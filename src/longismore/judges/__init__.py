"""Who compares, and how verdicts are made.

A judge is named by a spec that every host and command takes: ``openai/MODEL``, ``length``, ``lexical``,
``replay:FILE``. It is a module of this package; other packages add theirs by the entry-point group
``longismore.judges``, as a function from the rest of the spec and :class:`JudgeOptions` to a :class:`Judge`.
"""

from __future__ import annotations

from longismore.judges._judge import Judge, JudgeFactory, JudgeOptions
from longismore.judges._judgments import judgment_to_row, read_judgments, write_judgments
from longismore.judges._order import combine
from longismore.judges._reviews import REVIEW_FORMATS, ReviewNames
from longismore.judges._spec import make_judge
from longismore.registry import Registry

__all__ = [
    "JUDGES",
    "REVIEW_FORMATS",
    "Judge",
    "JudgeFactory",
    "JudgeOptions",
    "ReviewNames",
    "combine",
    "judgment_to_row",
    "make_judge",
    "read_judgments",
    "write_judgments",
]

JUDGES: Registry[JudgeFactory] = Registry("judge", __name__)
