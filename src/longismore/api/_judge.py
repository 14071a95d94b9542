"""`longismore.judge`: the answers of two models to any instructions, without a test set."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from longismore._joined_outputs import join_outputs
from longismore.api._call import call_line
from longismore.api._comparing import Request, open_run, run_comparison
from longismore.api._given import check_whole, path_of
from longismore.api._sources import kept_in, make_judge_of, outputs_in
from longismore.judges import ChatJudge
from longismore.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from longismore._joined_outputs import JoinedOutputs
    from longismore.api._compared import Compared
    from longismore.api._comparing import OnProgress, Run
    from longismore.api._sources import Answers, JudgeSettings
    from longismore.judges import Judge

__all__ = ["join_answers", "judge", "prepare_joined"]


def judge(
    reference: Answers,
    candidate: Answers,
    *,
    judge: str | Judge,
    limit: int | None = None,
    output: str | Path | None = None,
    store: str | Path | None = None,
    on_progress: OnProgress | None = None,
    **settings: Unpack[JudgeSettings],
) -> Compared:
    """Judge two lists of answers in both orders, paired by the text of their instructions; no test set is needed.

    Args:
        reference: Its answers: a file, e.g. alpaca_eval's ``model_outputs.json``, or rows in memory (``instruction``,
            ``output``, ``generator``).
        candidate: The same; every rate is from its side.
        judge: A spec, e.g. ``openai/gpt-4.1`` or ``lexical``, or a judge that is made already.
        limit: Only the first so many pairs.
        output: Folder in which a run folder is made; by default none is.
        store: Database of paid answers; by default ``$LONGISMORE_STORE``, else the user's own.
        on_progress: Called with every judgment made.
        settings: Of the judge: ``max_cost_usd``, ``base_url``, ``concurrency``, ...

    Raises:
        UsageError: Something in the call will not do; nothing was spent.
        JudgeError: The judge could not go on.
    """
    environ = dict(os.environ)
    request = Request(
        reference=reference,
        candidate=candidate,
        judge=judge,
        options=settings,
        limit=limit,
        output=path_of("output", output),
        environ=environ,
        command=call_line(
            "judge", reference, candidate, judge=judge, limit=limit, output=output, store=store, **settings
        ),
    )
    asked = make_judge_of(judge, settings, environ)
    joined = join_answers(request)
    with Store(kept_in(store, environ)) as opened:
        return run_comparison(prepare_joined(request, asked, joined, opened), asked, opened, on_progress)


def join_answers(request: Request) -> JoinedOutputs:
    """Read both sides and pair them.

    Raises:
        UsageError: They cannot be read, or do not belong together.
    """
    check_whole("limit", request.limit)
    sides = [outputs_in(getattr(request, role), role) for role in ("reference", "candidate")]
    names = (sides[0].path.stem, sides[1].path.stem)
    joined = join_outputs(sides[0].outputs, sides[1].outputs, names=names)
    return replace(joined, matches=joined.matches[: request.limit], pairs=joined.pairs[: request.limit])


def prepare_joined(request: Request, judge: Judge, joined: JoinedOutputs, store: Store) -> Run:
    """Check the judge, say what judging will take, and open a run folder.

    Raises:
        UsageError: The judge cannot be asked.
    """
    judge.check(joined.examples, store)
    if isinstance(judge, ChatJudge):
        judge.announce(joined.pairs, store)
    return open_run(request, judge, joined.pairs)
