"""The blocks of a documentation page, and what their comments say about running them.

A block stands between fences. HTML comments before it, which no reader sees, say how it is run; they are described
in ``CONTRIBUTING.md``. Whatever cannot be understood is an error that names page and line: a block that is passed
over without a word would look like one that works.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["FIXTURES", "LANGUAGES", "READ", "ROOT", "RUN", "Block", "Page", "PageError", "all_pages", "read_page"]

ROOT = Path(__file__).parents[1]
RUN = ("sh", "python")
"""What is run."""
READ = ("yaml", "toml", "json", "jsonl")
"""What must be readable as what it says it is."""
LANGUAGES = (*RUN, *READ, "text", "html", "xml", "latex", "markdown", "csv", "jinja")
"""What may stand behind a fence."""
FIXTURES = ("answers", "judge", "testsets", "published", "pool", "tiny-model")
"""What ``with=`` may ask for."""
_PAGE_KEYS = ("with", "models")
_BLOCK_KEYS = ("exit", "append", "needs", "output", "continues", "pytest")
_FLAGS = ("output", "continues", "pytest")
_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,}) *\{?\.?(?P<language>[\w+-]*)")
_LISTED = re.compile(r"[-*] |\d+\. |!!!|\?\?\?|===")
_COMMENT = re.compile(r"^ *<!-- *(?P<kind>run|file|also) *:(?P<text>.*?)(?P<end>-->)? *$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block, or the lines of an ``also`` comment."""

    language: str
    text: str
    line: int
    """Where its text begins, counted from 1."""
    run: Mapping[str, str] = field(default_factory=dict)
    """What the comments before it say; a flag has an empty value."""
    file: str | None = None
    """The name under which it is written down."""
    not_run: str | None = None
    """Why it is not run, where it says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page with its blocks, in order."""

    path: Path
    blocks: tuple[Block, ...]
    fixtures: tuple[str, ...]
    models: tuple[str, ...]
    """Folders at which the page finds a model."""

    @property
    def name(self) -> str:
        """Its path from the root of the repository."""
        return self.path.relative_to(ROOT).as_posix() if self.path.is_relative_to(ROOT) else self.path.name

    def where(self, block: Block) -> str:
        """Page and line of a block."""
        return f"{self.name}:{block.line}"


class PageError(AssertionError):
    """A page cannot be understood."""


def all_pages() -> list[Path]:
    """The README, and every page of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def read_page(path: Path) -> Page:
    """Read a page.

    Raises:
        PageError: A block has no language or an unknown one, is indented in place of fenced, or never ends; a comment
            has an unknown word, or no block after it.
    """
    return _Reader(path).page()


@dataclass(slots=True)
class _Waiting:
    """Comments that have been read, and wait for their block."""

    line: int = 0
    run: dict[str, str] = field(default_factory=dict)
    file: str | None = None
    not_run: str | None = None

    def is_empty(self) -> bool:
        return not self.run and self.file is None and self.not_run is None


class _Reader:
    """Reads a page line by line."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._path = path
        self._lines = iter(enumerate(path.read_text(encoding="utf-8").split("\n"), start=1))
        self._blocks: list[Block] = []
        self._wanted: dict[str, list[str]] = {key: [] for key in _PAGE_KEYS}
        self._waiting = _Waiting()

    def page(self) -> Page:
        before, is_listed = "", False
        for number, line in self._lines:
            if fence := _FENCE.match(line):
                self._fenced(number, fence)
            elif comment := _COMMENT.match(line):
                self._comment(number, comment)
            elif line.strip():
                self._nothing_waits()
                # What belongs to a list, an admonition or a tab is indented too.
                is_listed = is_listed if line.startswith("  ") else bool(_LISTED.match(line))
                if line.startswith("    ") and not before.strip() and not is_listed:
                    raise self._error(number, "this block is indented; write it between fences")
            before = line
        self._nothing_waits()
        fixtures = dict.fromkeys(self._wanted["with"])
        models = tuple(self._wanted["models"]) or (("tiny",) if "tiny-model" in fixtures else ())
        return Page(path=self._path, blocks=tuple(self._blocks), fixtures=tuple(fixtures), models=models)

    def _error(self, number: int, problem: str) -> PageError:
        return PageError(f"{self._name}:{number}: {problem}")

    def _nothing_waits(self) -> None:
        if not self._waiting.is_empty():
            raise self._error(self._waiting.line, "no block follows the comment")

    def _fenced(self, number: int, fence: re.Match[str]) -> None:
        """A block; takes its lines."""
        language, waiting = fence["language"], self._waiting
        if language not in LANGUAGES:
            raise self._error(number, f'block of "{language}"; allowed: {", ".join(LANGUAGES)}')
        if "output" in waiting.run and language not in {"text", *READ}:
            raise self._error(waiting.line, f"output stands in a block of text or json, not {language}")
        is_run = language in RUN
        if not is_run and (waiting.not_run is not None or waiting.run.keys() - {"output", "needs"}):
            raise self._error(waiting.line, f"a block of {language} is not run")
        self._blocks.append(
            Block(
                language=language,
                text="".join(f"{line}\n" for line in self._until_fence(number, fence)),
                line=number + 1,
                run=waiting.run,
                file=waiting.file,
                not_run=waiting.not_run,
            )
        )
        self._waiting = _Waiting()

    def _until_fence(self, number: int, fence: re.Match[str]) -> Iterator[str]:
        indent, mark = fence["indent"], fence["fence"]
        for _, line in self._lines:
            if re.fullmatch(rf" *{mark[0]}{{{len(mark)},}} *", line):
                return
            yield line.removeprefix(indent)
        raise self._error(number, "the block never ends")

    def _comment(self, number: int, comment: re.Match[str]) -> None:
        """Take what a comment says."""
        text = comment["text"].strip()
        if comment["end"] is None:
            text = "\n".join([text, *self._until_comment_ends(number)]).strip()
        if comment["kind"] == "also":
            self._nothing_waits()
            self._blocks.append(Block(language="sh", text=f"{text}\n", line=number))
            return
        self._waiting.line = self._waiting.line or number
        if comment["kind"] == "file":
            self._waiting.file = text
        elif re.match(r"no\b", text):
            self._waiting.not_run = text[2:].strip()
            if not self._waiting.not_run:
                raise self._error(number, "say why the block is not run: <!-- run: no REASON -->")
        else:
            for word in shlex.split(text):
                self._word(number, word)

    def _until_comment_ends(self, number: int) -> Iterator[str]:
        for _, line in self._lines:
            before, end, _ = line.partition("-->")
            yield before
            if end:
                return
        raise self._error(number, "the comment never ends")

    def _word(self, number: int, word: str) -> None:
        key, _, value = word.partition("=")
        if key in _PAGE_KEYS:
            names = [name for name in value.split(",") if name]
            if key == "with" and (unknown := [name for name in names if name not in FIXTURES]):
                raise self._error(number, f"unknown fixture {unknown[0]}; allowed: {', '.join(FIXTURES)}")
            self._wanted[key] += names
        elif key in _BLOCK_KEYS and bool(value) != (key in _FLAGS):
            self._waiting.run[key] = value
        else:
            allowed = ", ".join([*_PAGE_KEYS, *_BLOCK_KEYS, "no"])
            raise self._error(number, f'unknown word "{word}"; allowed: {allowed}')
