"""Which data to train on: selectors of instruction data.

A selector is a module of this package; other packages add theirs by the entry-point group
``longismore.selectors``, as a frozen dataclass whose fields are its parameters (:class:`Selector`).
"""

from __future__ import annotations

from longismore.registry import Registry
from longismore.selectors._length.measures import MEASURES, Measure, measure_of
from longismore.selectors._manifest import manifest_path, read_manifest
from longismore.selectors._overlap import Chance, Overlap, Shared, chance_overlap, overlap
from longismore.selectors._row_keys import RowKeys, row_keys
from longismore.selectors._run import Selection, select_rows
from longismore.selectors._scorer import RowScorer, Skipped, fingerprint
from longismore.selectors._scores.local_engine import LocalEngine
from longismore.selectors._scores.ray_engine import RayEngine
from longismore.selectors._scores.store import ScoreStore, default_scores_path
from longismore.selectors._selector import Choice, Engine, OnProgress, Selector, Shard, Work
from longismore.selectors._spec import Parameter, make_selector, parameters_of

__all__ = [
    "MEASURES",
    "SELECTORS",
    "Chance",
    "Choice",
    "Engine",
    "LocalEngine",
    "Measure",
    "OnProgress",
    "Overlap",
    "Parameter",
    "RayEngine",
    "RowKeys",
    "RowScorer",
    "ScoreStore",
    "Selection",
    "Selector",
    "Shard",
    "Shared",
    "Skipped",
    "Work",
    "chance_overlap",
    "default_scores_path",
    "fingerprint",
    "make_selector",
    "manifest_path",
    "measure_of",
    "overlap",
    "parameters_of",
    "read_manifest",
    "row_keys",
    "select_rows",
]

SELECTORS: Registry[type[Selector]] = Registry("selector", __name__)
