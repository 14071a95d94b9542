"""The whole demonstration, in five parts; what is there already is not made again."""

from __future__ import annotations

import shlex
import time
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from longismore._jsonl import read_json, write_json, write_text
from longismore.demo._models import Models, quiet_machine
from longismore.demo._page import demo_page, read_results
from longismore.demo._scores import Scores
from longismore.demo._settings import MODELS, Sizes
from longismore.demo._teller import Silent
from longismore.demo._words import STUDY, study_text
from longismore.errors import ConfigError, DataError, SchemaError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from longismore.demo._teller import Teller
    from longismore.records import Judged
    from longismore.reports import Results

__all__ = ["DemoResult", "check_packages", "run_demo"]

_MARKER = "demo.json"
_FORMAT = 1
_NEEDED = {
    "hf": ("torch", "transformers"),
    "select": ("msgspec", "nltk", "polars", "pyarrow", "xxhash"),
    "train": ("accelerate", "datasets", "peft", "trl"),
}
"""By extra."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What came out; the numbers mean nothing."""

    folder: Path
    report: Path
    judged: tuple[Judged, ...]
    results: tuple[Results, ...]
    """In the order of *judged*."""
    seconds: float
    """Of this call."""


def check_packages(find: Callable[[str], object] = find_spec) -> None:
    """Find out whether everything is installed that the demonstration needs.

    Args:
        find: Gives ``None`` for a package that is not there.

    Raises:
        UsageError: Something is not; all of it is named.
    """
    missing = {extra: [name for name in names if find(name) is None] for extra, names in _NEEDED.items()}
    wanted = [extra for extra, names in missing.items() if names]
    if wanted:
        named = ", ".join(name for names in missing.values() for name in names)
        raise UsageError(
            f"the demonstration needs packages that are not installed: {named}; "
            f'do: pip install "longismore[{",".join(wanted)}]"'
        )


def run_demo(
    folder: str | Path,
    *,
    seed: int = 0,
    sizes: Sizes | None = None,
    teller: Teller | None = None,
    environ: Mapping[str, str],
    command: Sequence[str] = ("longismore", "demo"),
) -> DemoResult:
    """Select, train, ask and judge on a tiny model, offline; the same seed gives the same numbers.

    Args:
        folder: Gets everything; a demonstration that was begun there is gone on with.
        seed: Of the data, the weights and the draws.
        sizes: How much of everything.
        teller: Is told how far it has come.
        environ: Of the processes that are started.
        command: That does the same, for the page.

    Raises:
        UsageError: A package is missing, or the folder has other things.
        LongismoreError: lm_eval could not do its part.
    """
    check_packages()
    started = time.monotonic()
    sizes, teller = sizes or Sizes(), _Noting(teller or Silent())
    folder = Path(folder).resolve()
    _take_folder(folder, seed=seed, sizes=sizes)
    models = Models(folder=folder, seed=seed, sizes=sizes, teller=teller)
    with quiet_machine():
        teller.part("Data and a base model, from the texts of this package")
        models.make_base()
        teller.part(f"Select {sizes.budget} of {sizes.rows} rows")
        models.select()
        teller.part(f"Train {len(MODELS)} models")
        models.train()
    teller.part("Ask them and judge their answers, through lm_eval")
    judgments = Scores(models=models, environ=environ).make()
    judged, results = read_results(judgments)
    report = folder / "report.html"
    write_text(report, demo_page(judged, results, command))
    write_text(folder / STUDY, study_text(sizes, seed))
    write_text(folder / "commands.sh", teller.script())
    return DemoResult(
        folder=folder,
        report=report,
        judged=tuple(judged),
        results=tuple(results),
        seconds=time.monotonic() - started,
    )


def _take_folder(folder: Path, *, seed: int, sizes: Sizes) -> None:
    """Make a folder the demonstration's own.

    Raises:
        DataError: It cannot be written.
        UsageError: It has other things.
    """
    marker = folder / _MARKER
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--output {folder} is a file; a folder is wanted")
    if marker.is_file():
        told = read_json(marker)
        if not isinstance(told, dict) or told.get("format") != _FORMAT:
            raise SchemaError(str(marker), "it was written by another version of longismore; choose another --output")
    elif folder.is_dir() and (others := sorted(path.name for path in folder.iterdir())):
        raise ConfigError(f"--output {folder} has other files: {', '.join(others[:5])}; choose another folder")
    try:
        write_json(marker, {"format": _FORMAT, "seed": seed, "sizes": asdict(sizes)})
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror}; name another --output") from error


@dataclass(slots=True)
class _Noting:
    """A teller that remembers the commands."""

    teller: Teller
    parts: list[str]

    def __init__(self, teller: Teller) -> None:
        self.teller = teller
        self.parts = []

    def part(self, title: str) -> None:
        self.parts.append(f"\n# {title}")
        self.teller.part(title)

    def command(self, words: Sequence[str], *, is_example: bool) -> None:
        self.parts.append(shlex.join(words))
        self.teller.command(words, is_example=is_example)

    def doing(self, what: str) -> AbstractContextManager[Callable[[int, int, float | None], None]]:
        return self.teller.doing(what)

    def done(self, what: str, *, seconds: float | None) -> None:
        self.teller.done(what, seconds=seconds)

    def script(self) -> str:
        return "\n".join(["# What the demonstration did, to be typed in this folder.", *self.parts, ""])
