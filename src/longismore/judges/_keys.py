"""Keys of providers: out of the environment, and never into a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["clean_text", "read_key"]

_LONGEST_QUOTE = 300


def read_key(environ: Mapping[str, str], names: Sequence[str], *, is_needed: bool, otherwise: str = "") -> str | None:
    """The first key that is set.

    Args:
        environ: Where to look.
        names: Of the variables.
        is_needed: Whether the server insists on one.
        otherwise: What else the user can do, for the message.

    Raises:
        ConfigError: None is set and one is needed, or it cannot be a key.
    """
    for name in names:
        key = environ.get(name, "").strip()
        if key and not (key.isascii() and key.isprintable() and " " not in key):
            raise ConfigError(
                f"{name} holds characters that no key has, e.g. a line end or a quotation mark of a word processor; "
                "export it again"
            )
        if key:
            return key
    if not is_needed:
        return None
    missing = f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} not set"
    raise ConfigError(f"{missing}; export {names[0]}=... (the key is read from the environment only){otherwise}")


def clean_text(text: str, key: str | None) -> str:
    """What a server said, on one line, shortened; without the key, should it have repeated it."""
    line = " ".join(text.split())
    return (line if key is None else line.replace(key, "***"))[:_LONGEST_QUOTE]
