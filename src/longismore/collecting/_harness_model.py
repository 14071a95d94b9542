"""Which model a results file of lm_eval is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["arguments_of", "model_of"]

_NAMES = ("peft", "delta", "pretrained", "model", "path", "engine")
"""Arguments that name a model, the most special first, as lm_eval takes them: an adapter before what it sits on."""
_MAIN = {"", "main", "None"}


def model_of(document: Mapping[str, Any], path: Path) -> str:
    """Name the model: by its name, or, in old files, by its arguments; with its revision where that is not main.

    Args:
        document: The file's content.
        path: The file; where it says nothing at all, its folder's name is the model's.
    """
    arguments = arguments_of(document)
    named = document.get("model_name")
    if not isinstance(named, str) or not named:
        named = next((arguments[name] for name in _NAMES if arguments.get(name)), "")
    parts = [part for part in (arguments.get("revision"), arguments.get("subfolder")) if part not in {None, *_MAIN}]
    return "@".join([named or path.parent.name or "unnamed", *map(str, parts)])


def arguments_of(document: Mapping[str, Any]) -> dict[str, str]:
    """Give the model's arguments: an object in new files, ``name=value,...`` in old ones."""
    config = document.get("config")
    given = config.get("model_args") if isinstance(config, dict) else None
    if isinstance(given, dict):
        return {str(name): str(value) for name, value in given.items()}
    if not isinstance(given, str):
        return {}
    pairs = (part.partition("=") for part in given.split(","))
    return {name.strip(): value.strip() for name, sign, value in pairs if sign}
