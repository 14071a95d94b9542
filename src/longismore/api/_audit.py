"""`longismore.audit`: how far the judges of recorded judgments can be trusted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from longismore.api._audited import Audited
from longismore.api._given import check_number, check_resampling, check_whole, listed
from longismore.api._judged_sources import judged_in
from longismore.api._sources import kept_in, make_judge_of
from longismore.errors import ConfigError
from longismore.judges import read_gold
from longismore.probes import run_probes
from longismore.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.api._comparing import OnProgress
    from longismore.api._judged_sources import JudgedSource
    from longismore.api._sources import JudgeSettings
    from longismore.judges import Judge

__all__ = ["audit"]


def audit(
    judged: JudgedSource,
    *,
    gold: str | Path | Mapping[tuple[str, str], float] | None = None,
    probes: str | Sequence[str] = (),
    judge: str | Judge | None = None,
    limit: int | None = None,
    store: str | Path | None = None,
    seed: int = 0,
    draws: int = 1000,
    on_progress: OnProgress | None = None,
    **settings: Unpack[JudgeSettings],
) -> Audited:
    """Say what the order and the length of answers do to judges, how often they can be read, and how far they agree.

    Nothing is asked again, but for *probes*.

    Args:
        judged: Run folders, files of judgments, what `compare` or `judge` gave back, or rows of such a file; of
            several judges, candidates and test sets together.
        gold: Labels of which answer is better: ``gold.jsonl``, LLMBar's ``dataset.json``, or shares by test set and
            id, 1 where the candidate is better.
        probes: Ask *judge*: ``length``, ``injection``, ``repeat``.
        judge: Who is probed: a spec, or a judge that is made already.
        limit: At most so many pairs a probe.
        store: Database of paid answers; by default ``$LONGISMORE_STORE``, else the user's own.
        seed: Of the resampling behind intervals.
        draws: How often is resampled.
        on_progress: Called with every judgment that a probe makes.
        settings: Of the judge that is probed: ``max_cost_usd``, ``base_url``, ...

    Raises:
        UsageError: Something in the call will not do; nothing was spent.
        JudgeError: The judge that is probed could not go on.
    """
    from longismore.reports.audit import audit as audit_judged  # needs numpy, as no other call does before its work

    names = listed(probes, name="probes")
    check_whole("limit", limit)
    check_resampling(seed, draws)
    if names and judge is None:
        raise ConfigError("probes ask a judge: name it, e.g. judge='openai/gpt-4.1'")
    if not names and (judge is not None or limit is not None or settings):
        raise ConfigError("judge, limit and settings: only a probe asks a judge; add probes, e.g. probes='length'")
    found = judged_in(judged)
    labels = read_gold(gold) if isinstance(gold, str | Path) else _checked_labels(gold)
    audited = audit_judged(found, gold=labels, seed=seed, draws=draws)
    if judge is None:
        return Audited(audit=audited, probes=())
    environ = dict(os.environ)
    asked = make_judge_of(judge, settings, environ)
    with Store(kept_in(store, environ)) as opened:
        probed = run_probes(names, found, asked, store=opened, limit=limit, on_progress=on_progress)
    return Audited(audit=audited, probes=probed)


def _checked_labels(gold: object) -> Mapping[tuple[str, str], float] | None:
    if gold is None:
        return None
    if not isinstance(gold, Mapping):
        raise ConfigError(f"gold must be a file, or shares by test set and id, found {type(gold).__name__}")
    for key, share in gold.items():
        check_number("a share of gold", share)
        if not isinstance(key, tuple) or len(key) != 2 or not all(isinstance(part, str) for part in key):  # noqa: PLR2004
            raise ConfigError(
                f'gold has shares by test set and id, e.g. ("vicuna", "3"): 1.0, found the key {key!r:.80}'
            )
    return gold
