"""The library's face: what the commands do, as seven functions that a program or a notebook calls.

Each takes files or what is in memory, and gives back a result that shows itself: as a table in a terminal, as HTML
with pictures in a notebook, and as plain data by ``to_dict()``. ``longismore.compare`` and ``longismore.api.compare``
are the same function; the results' types are here.
"""

from __future__ import annotations

from longismore.api._audit import audit
from longismore.api._audited import Audited
from longismore.api._compare import compare
from longismore.api._compared import Compared
from longismore.api._gate import GateOptions, gate
from longismore.api._gated import Gated
from longismore.api._judge import judge
from longismore.api._judged_sources import JudgedSource
from longismore.api._rows import Rows
from longismore.api._select import select
from longismore.api._selected import Selected
from longismore.api._sources import Answers, JudgeSettings
from longismore.api._summarize import summarize
from longismore.api._summarized import Summarized
from longismore.api._train import train
from longismore.api._trained import Trained

__all__ = [
    "Answers",
    "Audited",
    "Compared",
    "GateOptions",
    "Gated",
    "JudgeSettings",
    "JudgedSource",
    "Rows",
    "Selected",
    "Summarized",
    "Trained",
    "audit",
    "compare",
    "gate",
    "judge",
    "select",
    "summarize",
    "train",
]
