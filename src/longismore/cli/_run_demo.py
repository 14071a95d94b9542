"""What ``longismore demo`` does, once its arguments are read."""

from __future__ import annotations

import json
import logging
import shlex
import webbrowser
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console

from longismore.cli._show_demo import Narrator, show_result
from longismore.demo import SMALL, Sizes, check_packages, run_demo
from longismore.demo._scores import OFFLINE
from longismore.demo._words import MEANS_NOTHING, STUDY, WHY

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping, Sequence
    from pathlib import Path

    from longismore.demo import DemoResult

__all__ = ["DemoRequest", "run_command"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRequest:
    """One call of the command."""

    output: Path
    seed: int
    opens: bool
    """Whether the report is shown in a browser."""
    small: bool
    environ: MutableMapping[str, str]
    """Of this process; while the demonstration runs, nothing can be fetched in it."""
    arguments: Sequence[str]
    """Everything after the program's name, to be repeated."""


def run_command(request: DemoRequest, *, out: TextIO, as_json: bool) -> None:
    """Run the demonstration, and say what came of it and what it is worth.

    Raises:
        UsageError: A package is missing, or the folder has other things.
        LongismoreError: lm_eval could not do its part.
    """
    check_packages()
    narrator = Narrator(Console(stderr=True, highlight=False))
    narrator.welcome()
    command = ["longismore", *request.arguments]
    with _offline(request.environ), _fewer_messages():
        try:
            result = run_demo(
                request.output,
                seed=request.seed,
                sizes=SMALL if request.small else Sizes(),
                teller=narrator,
                environ=request.environ,
                command=command,
            )
        except KeyboardInterrupt:
            narrator.say(f"\nStopped; what is finished stays in {request.output}. To go on: {shlex.join(command)}")
            raise
    if as_json:
        out.write(json.dumps(_document(request, result), indent=1) + "\n")
        return
    show_result(result, request.output, out)
    if request.opens:
        webbrowser.open(result.report.as_uri())


@contextmanager
def _offline(environ: MutableMapping[str, str]) -> Iterator[None]:
    before = {name: environ.get(name) for name in OFFLINE}
    environ.update(OFFLINE)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                environ.pop(name, None)
            else:
                environ[name] = value


@contextmanager
def _fewer_messages() -> Iterator[None]:
    """What the rooms tell is told in other words here; --verbose brings it back."""
    log = logging.getLogger("longismore")
    level = log.level
    if level == logging.INFO:
        log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)


def _document(request: DemoRequest, result: DemoResult) -> dict[str, Any]:
    comparisons = [
        {
            "candidate": judged.candidate,
            "reference": judged.reference,
            "judge": judged.judge,
            "win_rate": results.pooled.win_rate,
            "lc_win_rate": results.pooled.lc_win_rate,
            "length_ratio": results.pooled.length_ratio,
            "answer": results.pooled.length_verdict,
            "pairs": results.pooled.n,
        }
        for judged, results in zip(result.judged, result.results, strict=True)
    ]
    return {
        "note": " ".join([MEANS_NOTHING, *WHY]),
        "seed": request.seed,
        "folder": str(result.folder),
        "report": str(result.report),
        "study": str(result.folder / STUDY),
        "seconds": round(result.seconds, 1),
        "comparisons": comparisons,
    }
