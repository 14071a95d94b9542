"""Which data to train on: selectors of instruction data.

A selector is a module of this package; other packages add theirs by the entry-point group
``longismore.selectors``, as a frozen dataclass whose fields are its parameters (:class:`Selector`).
"""

from __future__ import annotations

from longismore.registry import Registry
from longismore.selectors._local_engine import LocalEngine
from longismore.selectors._manifest import manifest_path, read_manifest
from longismore.selectors._ray_engine import RayEngine
from longismore.selectors._run import Selection, select_rows
from longismore.selectors._score_store import ScoreStore, default_scores_path
from longismore.selectors._scorer import RowScorer, Skipped, fingerprint
from longismore.selectors._selector import Choice, Engine, OnProgress, Selector, Shard, Work
from longismore.selectors._spec import Parameter, make_selector, parameters_of

__all__ = [
    "SELECTORS",
    "Choice",
    "Engine",
    "LocalEngine",
    "OnProgress",
    "Parameter",
    "RayEngine",
    "RowScorer",
    "ScoreStore",
    "Selection",
    "Selector",
    "Shard",
    "Skipped",
    "Work",
    "default_scores_path",
    "fingerprint",
    "make_selector",
    "manifest_path",
    "parameters_of",
    "read_manifest",
    "select_rows",
]

SELECTORS: Registry[type[Selector]] = Registry("selector", __name__)
