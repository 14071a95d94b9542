"""One table of everything: the results of lm_eval, longismore, alpaca_eval and MT-Bench, a row for each model.

Files are recognised by what is in them, read as their programs write them, and never changed. What cannot be compared
does not stand in one column without a word.
"""

from __future__ import annotations

from longismore.collecting._collect import collect
from longismore.collecting._outputs import check_outputs

__all__ = ["check_outputs", "collect"]
