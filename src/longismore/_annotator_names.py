"""Judges' specs as names of annotators: ``longismore_openai__gpt-4.1`` is the judge ``openai/gpt-4.1``.

alpaca_eval makes a folder of that name for what it writes, so a slash is written as two underscores.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from longismore.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PREFIX", "annotator_name", "is_ours", "spec_of"]

PREFIX = "longismore_"
"""With it begins every annotator that is a judge of ours."""
_FROM_ENVIRONMENT = f"{PREFIX}judge"
_SLASH = "__"
_LONGEST = 150


def is_ours(config: object) -> bool:
    """Whether alpaca_eval's ``annotators_config`` names a judge of ours."""
    return isinstance(config, str) and config.startswith(PREFIX)


def spec_of(config: str, environ: Mapping[str, str]) -> str:
    """The judge that an annotator's name stands for.

    Args:
        config: ``longismore_`` and a spec, as it is or with two underscores for each slash; or ``longismore_judge``.
        environ: Says in ``LONGISMORE_JUDGE`` which judge ``longismore_judge`` is.

    Raises:
        ConfigError: ``longismore_judge``, and the environment names none.
    """
    if config == _FROM_ENVIRONMENT:
        if not (spec := environ.get("LONGISMORE_JUDGE", "")):
            raise ConfigError(
                f"{config} is the judge that LONGISMORE_JUDGE names, which is not set: "
                f"export LONGISMORE_JUDGE=openai/MODEL, or name the judge itself: {PREFIX}openai/MODEL"
            )
        return spec
    spec = config.removeprefix(PREFIX)
    return spec if "/" in spec else spec.replace(_SLASH, "/")


def annotator_name(spec: str) -> str:
    """The annotator's name for a judge: the name of a folder, from which :func:`spec_of` has the judge again.

    Two specs never have the same name but where one holds two underscores in a row.
    """
    name = PREFIX + re.sub(r"^([^/:]+):", rf"\1{_SLASH}", spec.strip()).replace("/", _SLASH)
    if len(name) <= _LONGEST:
        return name
    return f"{name[:_LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
