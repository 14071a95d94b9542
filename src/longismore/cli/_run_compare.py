"""What ``longismore compare`` does, once its arguments are read."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress

from longismore.comparison import compare_pairs, make_pairs
from longismore.errors import UnknownNameError
from longismore.judges import JudgeOptions, make_judge
from longismore.reports import results_table
from longismore.run_folder import RunFolder, describe_run
from longismore.store import Store, default_store_path
from longismore.testsets import TESTSETS, match_outputs, read_outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from longismore.comparison import Comparison

__all__ = ["Request", "run_compare"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call of the command."""

    reference: str
    candidate: str
    testsets: Sequence[str]
    judge: str
    options: Mapping[str, Any]
    limit: int | None
    output: Path
    store: Path | None
    testsets_folder: Path | None
    environ: Mapping[str, str]
    command: Sequence[str]


def run_compare(request: Request, *, show: bool) -> Comparison:
    """Read, check, judge, save; with *show*, print the table to stdout.

    Raises:
        UsageError: Something in the request will not do; nothing was spent.
        JudgeError: The judge could not go on.
    """
    if not request.testsets:
        raise UnknownNameError("test set", "", TESTSETS.names())
    testsets = [TESTSETS.get(name) for name in request.testsets]
    judge = make_judge(request.judge, JudgeOptions.from_mapping(request.options, request.environ))
    files = {role: read_outputs(getattr(request, role)) for role in ("reference", "candidate")}
    examples = [each for testset in testsets for each in testset.load(request.testsets_folder)[: request.limit]]
    answers = {role: match_outputs(examples, file, role=role) for role, file in files.items()}
    pairs = make_pairs(examples, answers["reference"], answers["candidate"])
    with Store(request.store or default_store_path()) as store:
        judge.check(examples, store)
        run = describe_run(
            judge=judge,
            spec=request.judge,
            sources={"reference": request.reference, "candidate": request.candidate},
            testsets=testsets,
            command=request.command,
        )
        folder = RunFolder.fresh(request.output, pairs[0].candidate.model, run)
        with _progress() as advance:
            comparison = compare_pairs(pairs, judge, store=store, folder=folder, on_progress=advance)
    if show:
        _show(comparison, pairs[0].reference.model, pairs[0].candidate.model, judge.name, judge.note)
    elif judge.note:
        logger.warning("%s", judge.note)
    logger.info("run folder: %s (report.html, judgments.jsonl, results.json)", folder.path)
    return comparison


def _show(comparison: Comparison, reference: str, candidate: str, judge: str, note: str | None) -> None:
    Console().print(results_table(comparison.results, reference=reference, candidate=candidate, judge=judge, note=note))


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, where that is a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("judging", total=None)
        yield lambda made, wanted: progress.update(task, completed=made, total=wanted)
