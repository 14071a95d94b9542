"""Recipes that make the models which are scored, and their answers.

Nothing heavy is loaded before it is used: no torch, no Transformers.
"""

from __future__ import annotations

from longismore.train._generate import generate
from longismore.train._record import TrainingRecord, read_record
from longismore.train._run import TrainResult, train
from longismore.train.settings import PRESETS, Preset, TrainSettings, load_preset, read_preset

__all__ = [
    "PRESETS",
    "Preset",
    "TrainResult",
    "TrainSettings",
    "TrainingRecord",
    "generate",
    "load_preset",
    "read_preset",
    "read_record",
    "train",
]
