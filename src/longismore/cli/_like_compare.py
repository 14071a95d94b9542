"""Commands that judge take the options of ``longismore compare``: declared once, the same everywhere."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from longismore.cli._compare import compare

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["with_options_of_compare"]

_POSITIONAL = {"reference", "candidate"}


def with_options_of_compare(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command with ``**options`` take every option of ``compare`` that it does not declare itself."""
    own = inspect.signature(command, eval_str=True).parameters
    known = inspect.signature(compare, eval_str=True).parameters
    parameters = [each for each in own.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    parameters += [each for name, each in known.items() if name not in own and name not in _POSITIONAL]
    # What typer reads; the values arrive by name.
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command
