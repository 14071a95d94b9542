"""A call of the library as a command line, for ``run.json``: what made a run stands in its folder."""

from __future__ import annotations

from pathlib import Path

__all__ = ["call_line"]


def call_line(function: str, *arguments: object, **named: object) -> list[str]:
    """Write a call as a command that repeats it; what only this process has stands as ``...``.

    Args:
        function: Its name in the package.
        arguments: By place.
        named: By name; those that are ``None`` or empty are left out.
    """
    shown = [_shown(value) for value in arguments]
    shown += [f"{name}={_shown(value)}" for name, value in named.items() if not _is_nothing(value)]
    return ["python", "-c", f"import longismore; print(longismore.{function}({', '.join(shown)}))"]


def _is_nothing(value: object) -> bool:
    """Whether a value is as good as none; what NumPy or pandas have is compared with nothing."""
    return value is None or (isinstance(value, tuple | list | dict) and not value)


def _shown(value: object) -> str:
    if isinstance(value, Path):
        return repr(str(value))
    if isinstance(value, list | tuple) and all(isinstance(each, str | Path) for each in value):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, dict) and all(isinstance(each, str | int | float) for each in value.values()):
        return repr(value)
    return repr(value) if isinstance(value, str | int | float) else "..."
