"""A gate on judgments: made look by look, as few as it takes, or read from files."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longismore.comparison import Progress
from longismore.errors import ConfigError, DataError, JudgeError, near_names
from longismore.judges import combine
from longismore.records import Order
from longismore.reports import summarize
from longismore.reports._gate.audit import hopeless_judge
from longismore.reports.gate import conclude, take_look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from longismore.judges import Judge
    from longismore.records import Judged, Judgment, Pair, Verdict
    from longismore.reports import Results
    from longismore.reports._gate.looks import Design
    from longismore.reports.gate import GateResult, GateRule, Look
    from longismore.run_folder import RunFolder
    from longismore.store import Store

__all__ = ["choose_judged", "gate_judged", "gate_pairs"]

logger = logging.getLogger(__name__)


def gate_pairs(
    pairs: Sequence[Pair],
    judge: Judge,
    rule: GateRule,
    *,
    store: Store,
    folder: RunFolder | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> GateResult:
    """Judge both orders of the pairs, look by look, until the gate can decide.

    Pairs that were not needed are not asked; a second run asks the same pairs in the same order, so that everything
    comes from the store. A judge that cannot go on makes the gate inconclusive.

    Args:
        pairs: All that may be asked; at least one.
        judge: By whom.
        rule: What decides.
        store: Where answers of paid judges are kept.
        folder: The run folder, one for all looks.
        on_progress: Called with every judgment made.

    Raises:
        ConfigError: The judge is not steady enough, and *rule* refuses such judges.
    """
    from longismore.reports._gate.looks import design_looks

    rule = rule.settled(calls=True)
    design = design_looks([pair.prompt for pair in pairs], rule)
    run = _Run(pairs=pairs, judge=judge, store=store, folder=folder, on_progress=on_progress)
    if folder is not None:
        folder.run["seeds"] = {**folder.run.get("seeds", {}), "gate": rule.seed}
        folder.begin(pairs)
    try:
        result = _decide(run, design, rule)
    except BaseException as error:
        if folder is not None:
            folder.stop(repr(error), judge.usage)
        raise
    if folder is not None:
        folder.run["gate"] = {name: value for name, value in result.to_dict().items() if name != "results"}
        if run.broken is None:
            folder.end(run.judgments(), result.results, judge.usage)
        else:
            folder.stop(run.broken, judge.usage)
    return result


def _decide(run: _Run, design: Design, rule: GateRule) -> GateResult:
    looks: list[Look] = []
    results: Results | None = None
    try:
        for look, rates in _looks(design, rule, run.ask):
            looks.append(look)
            results = rates
            if rule.audit == "refuse" and (problem := hopeless_judge(run.verdicts(), rule)):
                raise _unsteady(run.judge.name, [problem])  # before more is spent on it
    except JudgeError as error:
        run.broken, results = str(error), None
        logger.error(  # noqa: TRY400  the user is told, as the reason of the decision
            "judging stopped before look %d of %d; what was answered is kept in %s, and the same command goes on "
            "from there", len(looks) + 1, len(design.groups), run.store.path,
        )  # fmt: skip
    first = run.pairs[0]
    return _checked(
        conclude(
            run.verdicts(),
            looks,
            design,
            rule,
            names=(first.reference.model, first.candidate.model, run.judge.name),
            note=run.judge.note,
            results=results,
            broken=run.broken,
        )
    )


def _looks(
    design: Design, rule: GateRule, ask: Callable[[Sequence[int]], list[Verdict]]
) -> Iterator[tuple[Look, Results | None]]:
    """Look until it is decided; with the rates where a look has needed them, for they take a second or two.

    Args:
        design: Which pairs are asked before which look.
        rule: What decides.
        ask: Gets the places of further pairs; gives the verdicts on all so far.
    """
    for number, group in enumerate(design.groups, start=1):
        verdicts = ask(group)
        results = summarize(verdicts) if rule.metric == "lc_win_rate" else None
        look = take_look(number, verdicts, design, rule, results)
        yield look, results
        if look.decision is not None:
            return


@dataclass(slots=True, kw_only=True)
class _Run:
    """The judgments of one gate, while they are made."""

    pairs: Sequence[Pair]
    judge: Judge
    store: Store
    folder: RunFolder | None
    on_progress: Callable[[Progress], None] | None
    broken: str | None = None
    """Why the judge could not go on."""
    _made: dict[tuple[str, str, Order], Judgment] = field(default_factory=dict)
    _asked: list[int] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)
    _answered_before: int = field(init=False)

    def __post_init__(self) -> None:
        self._answered_before = self.judge.usage.answered

    def ask(self, group: Sequence[int]) -> list[Verdict]:
        """Judge further pairs; the verdicts on all so far."""
        self._asked += group
        self.judge.judge(
            [self.pairs[place] for place in sorted(group)], store=self.store, on_judgment=self._on_judgment
        )
        return self.verdicts()

    def verdicts(self) -> list[Verdict]:
        """On all pairs asked so far, in their own order; a pair that the judge never got to was not asked."""
        asked = [self.pairs[place] for place in sorted(self._asked)]
        if self.broken is not None:
            asked = [pair for pair in asked if any((pair.testset, pair.id, order) in self._made for order in Order)]
        return combine(asked, self._made.values())

    def judgments(self) -> list[Judgment]:
        """All made, by pair and order, so that two equal runs write equal files."""
        wanted = ((pair.testset, pair.id, order) for pair in self.pairs for order in Order)
        return [self._made[key] for key in wanted if key in self._made]

    def _on_judgment(self, judgment: Judgment) -> None:
        self._made[judgment.testset, judgment.id, judgment.order] = judgment
        if self.folder is not None:
            self.folder.record(judgment)
        if self.on_progress is not None:
            self.on_progress(self._progress())

    def _progress(self) -> Progress:
        usage, wanted = self.judge.usage, 2 * len(self.pairs)
        elapsed_s = time.monotonic() - self._started
        arrived = usage.answered - self._answered_before
        calls_per_s = arrived / elapsed_s if arrived and elapsed_s > 0 else None
        return Progress(
            made=len(self._made),
            wanted=wanted,
            calls_per_s=calls_per_s,
            left_s=(wanted - len(self._made)) / calls_per_s if calls_per_s else None,
            spent_usd=usage.known_cost_usd,
        )


def _checked(result: GateResult) -> GateResult:
    """Refuse a judge that is not steady enough, where that is wished."""
    if result.rule.audit == "refuse" and result.audit:
        raise _unsteady(result.judge, result.audit)
    return result


def _unsteady(judge: str, problems: Sequence[str]) -> ConfigError:
    advice = "take another judge, other thresholds (--min-consistency, --max-flip, --max-unparsed), or --audit warn"
    return ConfigError(f"the judge {judge} is not steady enough for a gate: {'; '.join(problems)}; {advice}")


def gate_judged(judged: Judged, rule: GateRule, *, testsets: Sequence[str] = ()) -> GateResult:
    """Decide on judgments that were made before, without a call.

    With a mode of several looks, the pairs are taken look by look as if they were being judged, and what was not
    needed plays no part.

    Args:
        judged: What one judge said of one candidate.
        rule: What decides.
        testsets: Only these; empty for all.

    Raises:
        ConfigError: The judge is not steady enough, and *rule* refuses such judges.
        DataError: There is nothing of these test sets.
    """
    from longismore.reports._gate.looks import design_looks

    rule = rule.settled(calls=False)
    verdicts = _asked(judged, testsets)
    design = design_looks([verdict.prompt for verdict in verdicts], rule)
    asked: list[int] = []

    def ask(group: Sequence[int]) -> list[Verdict]:
        asked.extend(group)
        return [verdicts[place] for place in sorted(asked)]

    taken = list(_looks(design, rule, ask))
    if judged.run.get("gate"):
        logger.warning(
            "%s: these pairs were asked by a gate, which may have stopped early; its own decision, in "
            "run.json, accounts for that, and this one does not",
            ", ".join(judged.files),
        )
    return _checked(
        conclude(
            ask(()),
            [look for look, _ in taken],
            design,
            rule,
            names=(judged.reference, judged.candidate, judged.judge),
            note=_note(judged.run),
            results=taken[-1][1],
        )
    )


def _asked(judged: Judged, testsets: Sequence[str]) -> list[Verdict]:
    """The verdicts on some test sets, without the pairs that another gate did not need."""
    known = list(dict.fromkeys(verdict.testset for verdict in judged.verdicts))
    if unknown := [name for name in testsets if name not in known]:
        raise DataError(f'no judgments of the test set "{unknown[0]}"{near_names(unknown[0], known)}')
    verdicts = [
        verdict
        for verdict in judged.verdicts
        if (not testsets or verdict.testset in testsets)
        and not (judged.run.get("gate") and set(verdict.statuses) == {None})
    ]
    if not verdicts:
        raise DataError(f"{', '.join(judged.files) or 'the judgments'}: there is no judgment to decide on")
    return verdicts


def _note(run: Mapping[str, Any]) -> str | None:
    judge = run.get("judge")
    note = judge.get("note") if isinstance(judge, dict) else None
    return str(note) if note else None


def choose_judged(
    found: Sequence[Judged], *, judge: str | None = None, reference: str | None = None, candidate: str | None = None
) -> Judged:
    """Choose the one comparison that is meant, by the names of its judge and models.

    Raises:
        DataError: None is left, or several are.
    """
    wanted = {"judge": judge, "reference": reference, "candidate": candidate}
    left = [each for each in found if all(name is None or getattr(each, role) == name for role, name in wanted.items())]
    if len(left) == 1:
        return left[0]
    listed = "".join(f"\n{each.candidate} against {each.reference}, judged by {each.judge}" for each in left or found)
    options = "--judge-name, --candidate, --reference"
    if left:
        raise DataError(f"a gate decides on one comparison, found {len(left)}; choose with {options}:{listed}")
    given = ", ".join(f'{role} "{name}"' for role, name in wanted.items() if name is not None)
    raise DataError(f"no comparison fits {given or 'the files'} ({options}); there are:{listed or ' none'}")
