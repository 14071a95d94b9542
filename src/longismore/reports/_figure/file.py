"""One figure in one file, whose ending says the format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore._optional import require
from longismore.errors import ConfigError, DataError
from longismore.reports._figure.style import FORMATS, render

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from longismore.reports._figure.style import Canvas

__all__ = ["check_figure", "write_figure"]


def check_figure(path: Path) -> str:
    """Find out before the work whether a figure can be written there, and give its format.

    Raises:
        ConfigError: The ending is no format.
        MissingDependencyError: matplotlib is not installed.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        endings = ", ".join(f".{each}" for each in FORMATS)
        raise ConfigError(f'{path}: a figure cannot be written as "{path.suffix}"; name a file that ends in {endings}')
    require("matplotlib", extra="plot")
    return kind


def write_figure(draw: Callable[[Canvas], None], *, height: float, path: Path) -> None:
    """Draw into a file; its folder is made where it is missing.

    Raises:
        ConfigError: The ending is no format.
        DataError: The file cannot be written.
        MissingDependencyError: matplotlib is not installed.
    """
    kind = check_figure(path)
    content = render(draw, height=height, formats=[kind])[kind]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}; name another place") from error
