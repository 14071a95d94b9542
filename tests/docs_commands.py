"""The commands that pages of the documentation show, in blocks and between back quotes, and whether they exist."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Shown", "problem_of", "shown_commands"]

_PROGRAM = "longismore"
_HOSTS = ("eval", "alpaca")
"""Commands whose arguments are a host's own."""
_START = re.compile(rf"^(?:\$ |>>> )?(?:\S+=\S* )*(?:\S*/)?{_PROGRAM}(?= |$)")
_MODULE = re.compile(rf"-m +{_PROGRAM}(?= |$)")
_ENDS = frozenset({"|", "||", "&&", ";", ">", ">>", "<", "2>", "&", "do", "done", "then", "#", ")"})


@dataclass(frozen=True, slots=True)
class Shown:
    """A command on a page."""

    page: str
    line: int
    words: tuple[str, ...]
    """What follows the program's name."""
    is_inline: bool = False
    """Whether it stands in a sentence, which may name an option without its value."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {_PROGRAM} {' '.join(self.words)}"


def shown_commands(path: Path) -> Iterator[Shown]:
    """Every command of ours on a page."""
    text = path.read_text(encoding="utf-8")
    fenced = False
    lines = text.split("\n")
    place = 0
    while place < len(lines):
        number, line = place + 1, lines[place]
        place += 1
        if re.match(r" *(`{3,}|~{3,})", line):
            fenced = not fenced
            continue
        if not fenced:
            yield from _inline(path.name, number, line, lines[place : place + 1])
            continue
        while line.endswith("\\") and place < len(lines):
            line = f"{line[:-1]} {lines[place].strip()}"
            place += 1
        for command in _commands(line):
            yield Shown(path.name, number, command)


def _inline(page: str, number: int, line: str, following: list[str]) -> Iterator[Shown]:
    # What stands between back quotes may go over the end of a line.
    opened = line.count("`") % 2
    joined = f"{line} {following[0].strip().partition('`')[0]}`" if opened and following else line
    for quoted in re.findall(r"(?<!`)`([^`]+)`(?!`)", joined):
        if re.match(rf"{_PROGRAM} [a-z-]", quoted):
            for command in _commands(quoted):
                yield Shown(page, number, command, is_inline=True)


def _commands(line: str) -> Iterator[tuple[str, ...]]:
    stripped = line.strip()
    if not (_START.match(stripped) or _MODULE.search(stripped) or re.search(rf"(?:&&|;|\||\() *{_PROGRAM} ", stripped)):
        return
    # Options that may be left out stand in brackets: [--json].
    cleaned = re.sub(r"\[(-[^\]]*)\]", r"\1", stripped).replace("`", " ")
    lexer = shlex.shlex(cleaned, posix=True, punctuation_chars="|&;<>()")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    try:
        words = list(lexer)
    except ValueError as error:
        raise AssertionError(f"cannot be read by a shell: {stripped}: {error}") from error
    while words:
        start = next((at for at, word in enumerate(words) if word.rpartition("/")[2] == _PROGRAM), None)
        if start is None:
            return
        end = next((at for at in range(start + 1, len(words)) if words[at] in _ENDS), len(words))
        command = words[start + 1 : end]
        if command and command[-1].isdigit() and end < len(words) and words[end] in {">", ">>"}:
            command.pop()
        if start == 0 or words[start - 1] not in {"install", "import", "uv", "add"}:
            yield tuple(word for word in command if word not in {"...", "…"})
        words = words[end + 1 :]


@cache
def _root() -> Any:
    import typer

    from longismore.cli import app

    return typer.main.get_command(app)


def problem_of(shown: Shown) -> str | None:
    """What is wrong with a command: an unknown name or option, a missing value, a value that is not allowed.

    Arguments may be missing, since sentences leave them out, and values in capitals stand for others.
    """
    command, words, names = _root(), list(shown.words), [_PROGRAM]
    while words and words[0] in {"-v", "--verbose", "--version", "-h", "--help"}:
        words.pop(0)
    is_help = bool({"-h", "--help"} & set(words))
    while hasattr(command, "commands"):
        if not words or words[0] in {"-h", "--help"}:
            return None
        name = words.pop(0)
        if name not in command.commands:
            known = ", ".join(sorted(command.commands))
            return f'{" ".join(names)} has no command "{name}"; it has {known}'
        names.append(name)
        command = command.commands[name]
    if is_help or names[1] in _HOSTS:
        return None
    problem = _parsed(command, names, words)
    return _parsed(command, names, [*words, "1"]) if problem is not None and shown.is_inline else problem


def _parsed(command: Any, names: list[str], words: list[str]) -> str | None:
    context = command.context_class(command, info_name=" ".join(names), **command.context_settings)
    try:
        values, rest, _ = command.make_parser(context).parse_args(words)
    except Exception as error:  # noqa: BLE001  typer's click is its own copy
        return f"{' '.join(names)}: {getattr(error, 'message', '') or error}"
    if rest and not context.allow_extra_args:
        return f"{' '.join(names)}: unexpected {' '.join(rest)}"
    for parameter in command.params:
        given = values.get(parameter.name)
        choices = getattr(getattr(parameter, "type", None), "choices", None)
        for value in given if isinstance(given, (list, tuple)) else [given]:
            if choices and isinstance(value, str) and not value.isupper() and value not in [*map(str, choices)]:
                return f"{' '.join(names)}: {value} is none of {', '.join(map(str, choices))}"
    return None
