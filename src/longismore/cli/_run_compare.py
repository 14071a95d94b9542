"""What ``longismore compare`` does, once its arguments are read."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console

from longismore.cli._estimates import ROLES, show_estimates
from longismore.cli._progress import answering_progress, judging_progress
from longismore.comparison import compare_pairs, make_pairs
from longismore.errors import UnknownNameError
from longismore.judges import ChatJudge, Generator, JudgeOptions, is_model, make_generator, make_judge
from longismore.reports import results_table
from longismore.run_folder import RunFolder, describe_run
from longismore.store import Store, default_store_path
from longismore.testsets import TESTSETS, match_outputs, read_outputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.comparison import Comparison
    from longismore.judges import Judge
    from longismore.records import Answer, Example, Pair
    from longismore.testsets import TestSet

__all__ = ["Ready", "Request", "prepare", "read_request", "run_compare"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call of the command."""

    reference: str
    candidate: str
    testsets: Sequence[str]
    judge: str
    options: Mapping[str, Any]
    reference_options: Mapping[str, Any]
    dry_run: bool
    limit: int | None
    output: Path
    store: Path | None
    testsets_folder: Path | None
    environ: Mapping[str, str]
    command: Sequence[str]


@dataclass(frozen=True, slots=True)
class Ready:
    """Everything that a comparison needs, checked; nothing was spent."""

    examples: list[Example]
    testsets: list[TestSet]
    judge: Judge
    sources: Mapping[str, Mapping[tuple[str, str], Answer] | Generator]
    """By role: the answers, or the model that will write them."""


def run_compare(request: Request, *, show: bool) -> Comparison | None:
    """Read, check, judge, save; with *show*, print the table to stdout. A dry run only prints what it would take.

    Raises:
        UsageError: Something in the request will not do; nothing was spent.
        JudgeError: The judge, or a model that writes answers, could not go on.
    """
    ready = read_request(request)
    with Store(request.store or default_store_path()) as store:
        if request.dry_run:
            show_estimates(ready.judge, ready.examples, ready.sources, store)
            return None
        return _compare(request, ready, store, show=show)


def read_request(request: Request) -> Ready:
    """Read and check everything that a comparison needs; nothing is spent.

    Raises:
        UsageError: Something in the request will not do.
    """
    if not request.testsets:
        raise UnknownNameError("test set", "", TESTSETS.names())
    testsets = [TESTSETS.get(name) for name in request.testsets]
    options = JudgeOptions.from_mapping(request.options, request.environ)
    judge = make_judge(request.judge, options)
    examples = [each for testset in testsets for each in testset.load(request.testsets_folder)[: request.limit]]
    sources: dict[str, Mapping[tuple[str, str], Answer] | Generator] = {}
    for role in ROLES:
        source = getattr(request, role)
        if is_model(source):
            settings = request.reference_options if role == "reference" else {}
            sources[role] = make_generator(source, settings, options, judge.usage)
        else:
            sources[role] = match_outputs(examples, read_outputs(source), role=role)
    return Ready(examples, testsets, judge, sources)


def prepare(request: Request, ready: Ready, store: Store) -> tuple[list[Pair], RunFolder]:
    """Check the judge, get both sides' answers, say what judging will take, and open a run folder.

    Raises:
        UsageError: The judge cannot be asked.
        JudgeError: A model that writes answers could not go on.
    """
    judge = ready.judge
    judge.check(ready.examples, store)
    for source in ready.sources.values():
        if isinstance(source, Generator):
            source.check(store)
    answers = {role: _answers(source, ready.examples, store) for role, source in ready.sources.items()}
    pairs = make_pairs(ready.examples, answers["reference"], answers["candidate"])
    run = describe_run(
        judge=judge,
        spec=request.judge,
        sources={role: getattr(request, role) for role in ROLES},
        testsets=ready.testsets,
        command=request.command,
    )
    if isinstance(judge, ChatJudge):
        judge.announce(pairs, store)
    return pairs, RunFolder.fresh(request.output, pairs[0].candidate.model, run)


def _compare(request: Request, ready: Ready, store: Store, *, show: bool) -> Comparison:
    judge = ready.judge
    pairs, folder = prepare(request, ready, store)
    with judging_progress() as advance:
        comparison = compare_pairs(pairs, judge, store=store, folder=folder, on_progress=advance)
    if show:
        _show(comparison, pairs[0].reference.model, pairs[0].candidate.model, judge.name, judge.note)
    elif judge.note:
        logger.warning("%s", judge.note)
    logger.info("run folder: %s (report.html, judgments.jsonl, results.json)", folder.path)
    return comparison


def _answers(
    source: Mapping[tuple[str, str], Answer] | Generator, examples: Sequence[Example], store: Store
) -> Mapping[tuple[str, str], Answer]:
    if not isinstance(source, Generator):
        return source
    with answering_progress(source.name) as advance:
        return source.answer(examples, store, advance)


def _show(comparison: Comparison, reference: str, candidate: str, judge: str, note: str | None) -> None:
    Console().print(results_table(comparison.results, reference=reference, candidate=candidate, judge=judge, note=note))
