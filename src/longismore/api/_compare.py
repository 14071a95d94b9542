"""`longismore.compare`: the answers of two models on test sets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Unpack

from longismore.api._call import call_line
from longismore.api._comparing import Request, prepare, read_request, run_comparison
from longismore.api._given import listed, path_of
from longismore.api._sources import kept_in
from longismore.store import Store
from longismore.testsets import folder_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.api._compared import Compared
    from longismore.api._comparing import OnProgress
    from longismore.api._sources import Answers, JudgeSettings
    from longismore.judges import Judge

__all__ = ["compare"]


def compare(
    reference: Answers,
    candidate: Answers,
    *,
    judge: str | Judge,
    testsets: str | Sequence[str],
    limit: int | None = None,
    reference_settings: Mapping[str, Any] | None = None,
    output: str | Path | None = None,
    store: str | Path | None = None,
    on_progress: OnProgress | None = None,
    **settings: Unpack[JudgeSettings],
) -> Compared:
    """Compare the answers of two models to the instructions of test sets, in both orders.

    What was paid is stored: the same call again pays only for what is missing.

    Args:
        reference: Its answers: a file, an lm_eval output folder, rows in memory (``instruction``, ``output``,
            ``generator``), ``mini:better``, or a model, e.g. ``openai/gpt-4.1``, which is asked first.
        candidate: The same; every rate is from its side.
        judge: A spec, e.g. ``openai/gpt-4.1`` or ``lexical``, or a judge that is made already.
        testsets: One or several: ``koala``, ``lima``, ``sinstruct``, ``vicuna``, ``wizardlm``, ``mini``, ...;
            ``all`` for the first five.
        limit: Only the first so many instructions of each test set.
        reference_settings: Of a reference that is a model: ``base_url``, ``temperature``, ...
        output: Folder in which a run folder is made; by default none is.
        store: Database of paid answers; by default ``$LONGISMORE_STORE``, else the user's own.
        on_progress: Called with every judgment made.
        settings: Of the judge: ``max_cost_usd``, ``base_url``, ``concurrency``, ...

    Raises:
        UsageError: Something in the call will not do; nothing was spent.
        JudgeError: The judge, or a model that writes answers, could not go on.
    """
    environ, names = dict(os.environ), listed(testsets, name="testsets")
    request = Request(
        reference=reference,
        candidate=candidate,
        testsets=names,
        judge=judge,
        options=settings,
        reference_options=reference_settings or {},
        limit=limit,
        output=path_of("output", output),
        testsets_folder=folder_in(environ),
        environ=environ,
        command=call_line(
            "compare", reference, candidate, judge=judge, testsets=names, limit=limit,
            reference_settings=reference_settings, output=output, store=store, **settings,
        ),
    )  # fmt: skip
    ready = read_request(request)
    with Store(kept_in(store, environ)) as opened:
        return run_comparison(prepare(request, ready, opened), ready.judge, opened, on_progress)
