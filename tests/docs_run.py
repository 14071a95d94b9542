"""Run the blocks of a documentation page as a reader would: in order, in one folder, in one shell.

All blocks become one bash script, ``set -euo pipefail``, so that what a block exports or where it goes holds for
the next one. Each block's output is kept apart, and so is the number of the block that is running.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import yaml

from docs_blocks import READ

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from docs_blocks import Block, Page

__all__ = ["BlockError", "Ran", "run_page"]

_STOP = re.compile(r"<<|^\s*(?:if|for|while|case|until)\b|\{\s*$|^\s*(?:do|done|fi|esac|\})\b", re.MULTILINE)
"""What makes the last command of a block hard to tell."""


class BlockError(AssertionError):
    """A block did not do what its page says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What became of a page."""

    blocks: int
    """So many were run."""
    left_out: tuple[str, ...]
    """Where a block needs a package that is not here, and which."""


def run_page(
    page: Page,
    *,
    folder: Path,
    state: Path,
    environ: Mapping[str, str],
    texts: Mapping[str, str],
    printed: Mapping[str, str],
) -> Ran:
    """Run a page.

    Args:
        page: As it was read.
        folder: The reader's folder.
        state: Where scripts and outputs go.
        environ: Of the shell.
        texts: What is written otherwise here, such as the address of a server.
        printed: What is printed otherwise here, and how the page has it.

    Raises:
        BlockError: The first block that did not do what the page says, with its place and output.
    """
    state.mkdir(parents=True)
    script = ["set -euo pipefail"]
    left_out: list[str] = []
    python: list[str] = []
    ran: list[int] = []
    for number, block in enumerate(page.blocks):
        if block.not_run is not None:
            continue
        if missing := _missing(block):
            left_out.append(f"{page.where(block)}: {missing}")
            continue
        text = block.text
        for before, after in texts.items():
            text = text.replace(before, after)
        if block.language in READ:
            _check_readable(page, block)
        python = [*python, text] if "continues" in block.run else [text] if block.language == "python" else python
        source = state / f"{number}.{block.language}"
        script += _steps(page, block, text, python=python, number=number, source=source)
        if block.language in {"sh", "python"}:
            ran.append(number)
    path = state / "page.sh"
    path.write_text("\n".join(script) + "\n", encoding="utf-8")
    ended = subprocess.run(
        ["bash", "--noprofile", "--norc", str(path)],
        cwd=folder,
        env={**environ, "DOCS_STATE": str(state)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise BlockError(_failure(page, state, ended))
    _compare_outputs(page, state, printed)
    return Ran(blocks=len(ran), left_out=tuple(left_out))


def _missing(block: Block) -> str:
    needed = [name for name in block.run.get("needs", "").split(",") if name]
    return ", ".join(name for name in needed if find_spec(name) is None)


def _check_readable(page: Page, block: Block) -> None:
    """A file that a page shows can be read as what it says it is."""
    try:
        match block.language:
            case "yaml":
                list(yaml.safe_load_all(block.text))
            case "toml":
                tomllib.loads(block.text)
            case "json":
                json.loads(block.text)
            case "jsonl":
                [json.loads(line) for line in block.text.splitlines()]
    except (ValueError, yaml.YAMLError) as error:
        raise BlockError(f"{page.where(block)}: not {block.language}: {error}") from error


def _steps(page: Page, block: Block, text: str, *, python: Sequence[str], number: int, source: Path) -> list[str]:
    """The lines of bash that a block amounts to."""
    steps = [f'echo {number} > "$DOCS_STATE/at"']
    if block.file is not None:
        kept = source.with_name(f"{number}.file")
        kept.write_text(text, encoding="utf-8")
        name = shlex.quote(block.file)
        return [*steps, f'mkdir -p "$(dirname {name})"', f"cp {shlex.quote(str(kept))} {name}"]
    if block.language == "python":
        source.write_text("\n".join(python), encoding="utf-8")
        with_pytest = "-m pytest -q -p no:cacheprovider " if "pytest" in block.run else ""
        if with_pytest:
            source = source.with_name(f"test_{number}.py")
            source.write_text("\n".join(python), encoding="utf-8")
            with_pytest += "--rootdir=. "
        command = f'PYTHONPATH="$PWD${{PYTHONPATH:+:$PYTHONPATH}}" python {with_pytest}{shlex.quote(str(source))}\n'
        source = source.with_suffix(".sh")
        source.write_text(_with_exit(page, block, command), encoding="utf-8")
    elif block.language == "sh":
        if appended := block.run.get("append"):
            text = _appended(page, block, text, appended)
        source.write_text(_with_exit(page, block, text), encoding="utf-8")
    else:
        return []
    return [*steps, f'source {shlex.quote(str(source))} > "$DOCS_STATE/{number}.out" 2> "$DOCS_STATE/{number}.err"']


def _with_exit(page: Page, block: Block, text: str) -> str:
    """The block, whose last command has to end with another exit code."""
    if (expected := block.run.get("exit")) is None:
        return text
    before, last = _divided(page, block, text)
    return (
        f"{before}set +e\n{last.rstrip()}\ndocs_exit=$?\nset -e\n"
        f'if [ "$docs_exit" != {shlex.quote(expected)} ]; then\n'
        f'  echo "ended with exit code $docs_exit, the page says {expected}" >&2; exit 99\nfi\n'
    )


def _appended(page: Page, block: Block, text: str, words: str) -> str:
    before, last = _divided(page, block, text)
    command, blank, comment = last.rstrip("\n").partition("  #")
    return f"{before}{command.rstrip()} {words}{blank}{comment}\n"


def _divided(page: Page, block: Block, text: str) -> tuple[str, str]:
    """The last command of a block, and what stands before it."""
    if _STOP.search(text):
        raise BlockError(f"{page.where(block)}: exit= and append= want a block of plain commands")
    lines = text.rstrip("\n").split("\n")
    while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    start = len(lines) - 1
    while start > 0 and lines[start - 1].rstrip().endswith("\\"):
        start -= 1
    return "".join(f"{line}\n" for line in lines[:start]), "\n".join(lines[start:])


def _failure(page: Page, state: Path, ended: subprocess.CompletedProcess[str]) -> str:
    at = state / "at"
    if not at.is_file():
        return f"{page.name}: {ended.stderr}"
    number = int(at.read_text(encoding="utf-8"))
    block = page.blocks[number]
    said = [
        f"{kind}:\n{path.read_text(encoding='utf-8', errors='replace')[-4000:]}"
        for kind in ("out", "err")
        if (path := state / f"{number}.{kind}").is_file() and path.stat().st_size
    ]
    code = "" if ended.returncode == 99 else f" ended with exit code {ended.returncode}"
    return "\n".join([f"{page.where(block)}{code}", block.text, *said, ended.stderr])


def _compare_outputs(page: Page, state: Path, replaced: Mapping[str, str]) -> None:
    """What the page shows as output is what the block before it printed; a line of dots stands for any lines."""
    for number, shown in enumerate(page.blocks):
        if "output" not in shown.run:
            continue
        if number and _missing(page.blocks[number - 1]):
            continue
        printed = state / f"{number - 1}.out"
        if not printed.is_file():
            raise BlockError(f"{page.where(shown)}: no block before this output was run")
        out, err = (_printed(path, replaced) for path in (printed, printed.with_suffix(".err")))
        # A terminal shows both.
        missing = [_first_missing(_lines(shown.text), _lines(text)) for text in (out, out + err, err + out)]
        if None not in missing:
            raise BlockError(f"{page.where(shown)}: the block before does not print\n{missing[0]}\nbut\n{out}{err}")


def _printed(path: Path, replaced: Mapping[str, str]) -> str:
    text = path.read_text(encoding="utf-8")
    for here, there in replaced.items():
        text = text.replace(here, there)
    return text


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def _first_missing(shown: Sequence[str], printed: Sequence[str]) -> str | None:
    """The first shown line that is not printed where it should be."""
    place, may_skip = 0, False
    for line in shown:
        if line.strip() in {"...", "…"}:
            may_skip = True
            continue
        rest: Any = range(place, len(printed)) if may_skip else range(place, min(place + 1, len(printed)))
        found = next((at for at in rest if printed[at] == line), None)
        if found is None:
            return line
        place, may_skip = found + 1, False
    if place < len(printed) and not may_skip:
        return "(nothing more)"
    return None
