"""`longismore.gate`: may this candidate take the baseline's place?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Unpack, overload

from longismore.api._call import call_line
from longismore.api._comparing import Request
from longismore.api._gating import Recorded, gate_answers, gate_recorded, rule_of, split_options
from longismore.api._given import listed, path_of
from longismore.api._sources import JudgeSettings, kept_in
from longismore.errors import ConfigError
from longismore.testsets import expand_names, folder_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.api._comparing import OnProgress
    from longismore.api._gated import Gated
    from longismore.api._judged_sources import JudgedSource
    from longismore.api._sources import Answers
    from longismore.judges import Judge
    from longismore.reports.gate import GateRule

__all__ = ["GateOptions", "gate"]


class GateOptions(JudgeSettings, total=False):
    """Of the gate (see `longismore.reports.GateRule`) or of the judge."""

    metric: str
    """``win_rate`` (default), ``preference`` or ``lc_win_rate``, over all test sets."""
    mode: str | None
    """``fixed``, ``obrien-fleming`` or ``sequential``: when it may stop early."""
    looks: int | None
    """At the data; by default what suits the mode."""
    alpha: float
    """Probability of a false pass, and of a false regress, at most; 0.05 by default."""
    seed: int
    """Of the order in which prompts are asked."""
    max_unjudged: float
    """Share of pairs without a verdict above which nothing passes."""
    audit: str
    """``warn`` (default), ``refuse`` or ``off``: what happens to an unsteady judge."""
    min_consistency: float
    """Share of verdicts that the judge must keep when the answers change places."""
    max_flip: float
    """Share of verdicts that it may turn around."""
    max_unparsed: float
    """Share of its answers that may be unreadable."""


@overload
def gate(
    baseline: Answers,
    candidate: Answers,
    *,
    judge: str | Judge,
    testsets: str | Sequence[str],
    margin: float = ...,
    limit: int | None = ...,
    output: str | Path | None = ...,
    store: str | Path | None = ...,
    on_progress: OnProgress | None = ...,
    **options: Unpack[GateOptions],
) -> Gated: ...


@overload
def gate(
    baseline: str | None = ...,
    candidate: str | None = ...,
    *,
    judged: JudgedSource,
    judge: str | None = ...,
    testsets: str | Sequence[str] = ...,
    margin: float = ...,
    **options: Unpack[GateOptions],
) -> Gated: ...


def gate(
    baseline: Answers | None = None,
    candidate: Answers | None = None,
    *,
    judged: JudgedSource | None = None,
    judge: str | Judge | None = None,
    testsets: str | Sequence[str] = (),
    margin: float = 0.03,
    limit: int | None = None,
    output: str | Path | None = None,
    store: str | Path | None = None,
    on_progress: OnProgress | None = None,
    **options: Any,
) -> Gated:
    """Let a candidate pass unless it is worse than the baseline by more than a margin.

    With answers, pairs are judged look by look, as few as it takes to decide. With what was judged before, nothing is
    called.

    Args:
        baseline: Its answers, or a model, as for `compare`; with *judged* its name, where several were judged.
        candidate: The same; it passes or regresses.
        judged: In the place of answers: a run folder, a file, or what `compare` or `judge` gave back.
        judge: A spec, or a judge that is made already; with *judged* its name, where there are several.
        testsets: One or several; of what was judged, all by default.
        margin: How far below one half the candidate's rate may be: 0.03 is three points.
        limit: Only the first so many instructions of each test set.
        output: Folder in which a run folder is made; by default none is.
        store: Database of paid answers; by default ``$LONGISMORE_STORE``, else the user's own.
        on_progress: Called with every judgment made.
        options: Of the gate (``mode``, ``alpha``, ``audit``, ...) or of the judge (``max_cost_usd``, ...).

    Raises:
        UsageError: Something in the call will not do, or the judge is refused.
        JudgeError: A model that writes answers could not go on.
    """
    sets = listed(testsets, name="testsets")
    if judged is not None:
        if limit is not None or output is not None:
            raise ConfigError("limit, output: of no use with judged, which has judgments already")
        names = {"reference": baseline, "candidate": candidate, "judge": judge}
        return _recorded(judged, names, sets, rule_of(options, margin))
    if baseline is None or candidate is None or judge is None:
        raise ConfigError("a gate needs a baseline, a candidate and a judge, or judged, which has judgments already")
    of_gate, of_judge = split_options(options)
    rule, environ = rule_of(of_gate, margin), dict(os.environ)
    request = Request(
        reference=baseline,
        candidate=candidate,
        testsets=sets,
        judge=judge,
        options=of_judge,
        limit=limit,
        output=path_of("output", output),
        testsets_folder=folder_in(environ),
        environ=environ,
        command=call_line(
            "gate", baseline, candidate, judge=judge, testsets=sets, margin=margin, limit=limit,
            output=output, store=store, **options,
        ),
    )  # fmt: skip
    return gate_answers(request, rule, kept_in(store, environ), on_progress)


def _recorded(judged: JudgedSource, names: Mapping[str, object], testsets: Sequence[str], rule: GateRule) -> Gated:
    problems = [
        f"{role} must be a name with judged, which has judgments already; found {type(name).__name__}"
        for role, name in names.items()
        if name is not None and not isinstance(name, str)
    ]
    if problems:
        raise ConfigError(problems)
    chosen = {role: name for role, name in names.items() if isinstance(name, str)}
    return gate_recorded(Recorded(judged=judged, testsets=expand_names(testsets), **chosen), rule)
