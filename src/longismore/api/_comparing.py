"""A comparison on test sets: read and check everything, then judge. The library and the commands share it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longismore.api._compared import Compared
from longismore.api._given import check_whole
from longismore.api._sources import make_judge_of, outputs_in, source_path
from longismore.comparison import compare_pairs, make_pairs
from longismore.errors import UnknownNameError
from longismore.judges import ChatJudge, Generator, JudgeOptions, is_model, make_generator
from longismore.run_folder import RunFolder, describe_run
from longismore.testsets import TESTSETS, expand_names, match_outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from longismore.api._sources import Answers
    from longismore.comparison import Progress
    from longismore.judges import Judge
    from longismore.records import Answer, Example, Pair
    from longismore.store import Store
    from longismore.testsets import TestSet

    OnProgress = Callable[[Progress], None]
    ShowAnswering = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]

__all__ = ["Ready", "Request", "Run", "open_run", "prepare", "read_request", "run_comparison", "say_nothing"]

_ROLES = ("reference", "candidate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is compared, by whom, and where it is kept."""

    reference: Answers
    candidate: Answers
    testsets: Sequence[str] = ()
    """None where answers are paired by their instructions."""
    judge: str | Judge
    options: Mapping[str, Any]
    """Of the judge."""
    reference_options: Mapping[str, Any] = field(default_factory=dict)
    """Of a reference that is a model."""
    limit: int | None
    output: Path | None
    """Where the run folder is made; ``None``: none is."""
    testsets_folder: Path | None = None
    environ: Mapping[str, str]
    command: Sequence[str]
    """As ``run.json`` names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Everything that a comparison needs, checked; nothing was spent."""

    examples: list[Example]
    testsets: list[TestSet]
    judge: Judge
    sources: Mapping[str, Mapping[tuple[str, str], Answer] | Generator]
    """By role: the answers, or the model that will write them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Pairs that can be judged now."""

    pairs: Sequence[Pair]
    description: Mapping[str, Any]
    """What ``run.json`` says."""
    folder: RunFolder | None


def say_nothing(_model: str) -> AbstractContextManager[Callable[[int, int], None]]:
    """Show nobody how many answers a model has written."""
    return nullcontext(lambda _made, _wanted: None)


def read_request(request: Request) -> Ready:
    """Read and check everything that a comparison needs; nothing is spent.

    Raises:
        UsageError: Something in the request will not do.
    """
    if not request.testsets:
        raise UnknownNameError("test set", "", TESTSETS.names())
    check_whole("limit", request.limit)
    testsets = [TESTSETS.get(name) for name in expand_names(request.testsets)]
    judge = make_judge_of(request.judge, request.options, request.environ)
    options = JudgeOptions.from_mapping(request.options, request.environ)
    examples = [each for testset in testsets for each in testset.load(request.testsets_folder)[: request.limit]]
    sources: dict[str, Mapping[tuple[str, str], Answer] | Generator] = {}
    for role in _ROLES:
        source = getattr(request, role)
        if isinstance(source, str) and is_model(source):
            settings = request.reference_options if role == "reference" else {}
            sources[role] = make_generator(source, settings, options, judge.usage)
        else:
            sources[role] = match_outputs(examples, outputs_in(source, role), role=role)
    return Ready(examples=examples, testsets=testsets, judge=judge, sources=sources)


def prepare(request: Request, ready: Ready, store: Store, answering: ShowAnswering = say_nothing) -> Run:
    """Check the judge, get both sides' answers, say what judging will take, and open a run folder.

    Args:
        request: What was asked for.
        ready: What `read_request` gave.
        store: Where paid answers are kept.
        answering: Shows how far a model is that writes answers.

    Raises:
        UsageError: The judge cannot be asked.
        JudgeError: A model that writes answers could not go on.
    """
    judge = ready.judge
    judge.check(ready.examples, store)
    for source in ready.sources.values():
        if isinstance(source, Generator):
            source.check(store)
    answers = {role: _answers(source, ready.examples, store, answering) for role, source in ready.sources.items()}
    pairs = make_pairs(ready.examples, answers["reference"], answers["candidate"])
    if isinstance(judge, ChatJudge):
        judge.announce(pairs, store)
    return open_run(request, judge, pairs, ready.testsets)


def open_run(request: Request, judge: Judge, pairs: Sequence[Pair], testsets: Sequence[TestSet] = ()) -> Run:
    """Describe a run, and make its folder where one is wanted."""
    description = describe_run(
        judge=judge,
        spec=request.judge if isinstance(request.judge, str) else judge.name,
        sources={role: source_path(getattr(request, role)) for role in _ROLES},
        testsets=testsets,
        command=request.command,
    )
    if request.output is None:
        return Run(pairs=pairs, description=description, folder=None)
    folder = RunFolder.fresh(request.output, pairs[0].candidate.model, description)
    return Run(pairs=pairs, description=folder.run, folder=folder)


def run_comparison(run: Run, judge: Judge, store: Store, on_progress: OnProgress | None = None) -> Compared:
    """Judge both orders of every pair.

    Raises:
        JudgeError: The judge could not go on; what it said is in the store and in the run folder.
    """
    comparison = compare_pairs(run.pairs, judge, store=store, folder=run.folder, on_progress=on_progress)
    return Compared.of(comparison, run.pairs, judge, run.description)


def _answers(
    source: Mapping[tuple[str, str], Answer] | Generator,
    examples: Sequence[Example],
    store: Store,
    answering: ShowAnswering,
) -> Mapping[tuple[str, str], Answer]:
    if not isinstance(source, Generator):
        return source
    with answering(source.name) as advance:
        return source.answer(examples, store, advance)
