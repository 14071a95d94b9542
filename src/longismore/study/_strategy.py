"""A strategy of a study: a selector by its spec, or one of the three that the study itself fills in.

``random`` is the baseline, drawn once a trial; ``strict_random`` draws from what no strategy took; ``full`` is
all rows.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError
from longismore.selectors import make_selector

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.selectors import Selector

__all__ = ["FULL", "RANDOM", "STRICT", "Strategy", "arguments_of", "read_strategy"]

RANDOM, STRICT, FULL = "random", "strict_random", "full"
_TO_BE_FILLED = "exclude=-"
"""Of ``strict_random``: its real value follows from the other selections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """One way to choose rows."""

    name: str
    """As the study calls it."""
    kind: str
    """The selector's name, or ``full``."""
    selector: Any
    """The :class:`~longismore.selectors.Selector`; ``None`` for ``full``."""

    @property
    def is_ordinary(self) -> bool:
        """Whether it is none of the three."""
        return self.kind not in {RANDOM, STRICT, FULL}


def read_strategy(name: str, spec: str, folder: Path, *, trials: int) -> Strategy:
    """Make a strategy.

    Args:
        name: As the study calls it.
        spec: As ``longismore select`` takes it.
        folder: From which relative paths among its parameters are seen.
        trials: Of random: a strict draw takes the next one, so that it is independent of them all.

    Raises:
        UsageError: The spec will not do.
    """
    kind, _, parameters = (part.strip() for part in spec.partition(":"))
    given = {part.partition("=")[0].strip() for part in parameters.split(",") if part}
    if kind == FULL:
        if parameters:
            raise ConfigError(f'full is all rows and takes no parameters, found "{parameters}"')
        return Strategy(name=name, kind=FULL, selector=None)
    if kind == RANDOM and "trial" in given:
        raise ConfigError("random: trial is counted by the study; say how many with trials: 3")
    if kind == STRICT:
        if "exclude" in given:
            raise ConfigError("strict_random: exclude is what the other strategies select, and is filled in")
        own = [parameters, _TO_BE_FILLED, "" if "trial" in given else f"trial={trials + 1}"]
        return Strategy(name=name, kind=STRICT, selector=make_selector(f"{kind}:{','.join(filter(None, own))}"))
    return Strategy(name=name, kind=kind, selector=_seen_from(make_selector(spec), folder))


def _seen_from(selector: Selector, folder: Path) -> Selector:
    """The selector with the relative paths among its parameters seen from a folder.

    A path is what the selector says is a file, or what has a slash and exists there, such as a model's folder.
    """
    named = {str(path) for path in getattr(selector, "files", tuple)()}

    def seen(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(seen, value))
        if not isinstance(value, str) or not value:
            return value
        is_path = value in named or ("/" in value and (folder / value).exists())
        return str(folder / value) if is_path else value

    changes = {each.name: seen(getattr(selector, each.name)) for each in fields(selector)}  # type: ignore[arg-type]
    return replace(selector, **changes)  # type: ignore[type-var]


def arguments_of(strategy: Strategy) -> list[str]:
    """The strategy as ``longismore select`` is given it: its name, and what differs from the defaults."""
    selector = strategy.selector
    defaults = {each.name: each.default for each in fields(selector)}
    arguments = [strategy.kind]
    for name, value in asdict(selector).items():
        if value != defaults[name]:
            arguments += ["--set", f"{name}={_as_text(value)}"]
    return arguments


def _as_text(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
