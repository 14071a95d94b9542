"""Presets: settings of training as a paper's scripts have them, one YAML file each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from longismore.errors import SchemaError, UnknownNameError

__all__ = ["PRESETS", "Preset", "read_preset"]

_FOLDER = files("longismore.train").joinpath("presets")

PRESETS = tuple(sorted(each.name.removesuffix(".yaml") for each in _FOLDER.iterdir() if each.name.endswith(".yaml")))
"""Their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What a file says."""

    name: str
    summary: str
    base_model: str
    """Which model the source trains; for people to read: a run's model is given by whoever runs it."""
    source: str
    deviations: tuple[str, ...]
    """What differs from the source, on purpose."""
    values: Mapping[str, object]
    """The settings."""


@cache
def read_preset(name: str) -> Preset:
    """Read a preset's file.

    Raises:
        UnknownNameError: There is no such preset.
        SchemaError: The file is not as a preset must be.
    """
    import yaml  # only needed where a preset is wanted

    if name not in PRESETS:
        raise UnknownNameError("preset", name, PRESETS)
    where = f"presets/{name}.yaml"
    document = yaml.safe_load(_FOLDER.joinpath(f"{name}.yaml").read_text(encoding="utf-8"))
    if not isinstance(document, Mapping) or not isinstance(document.get("settings"), Mapping):
        raise SchemaError(where, 'the field "settings" is missing')
    return Preset(
        name=name,
        summary=_text(document, "summary", where),
        base_model=_text(document, "base_model", where),
        source=_text(document, "source", where),
        deviations=tuple(" ".join(str(each).split()) for each in document.get("deviations") or ()),
        values=dict(document["settings"]),
    )


def _text(document: Mapping[str, Any], field: str, where: str) -> str:
    value = document.get(field)
    if not isinstance(value, str) or not value.strip():
        raise SchemaError(where, f'the field "{field}" is missing')
    return " ".join(value.split())
