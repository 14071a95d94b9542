"""What ``longismore audit`` does, once its arguments are read."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TextIO

from longismore._jsonl import write_text
from longismore.api import audit
from longismore.api._sources import make_judge_of
from longismore.cli._progress import judging_progress
from longismore.judged import read_judged
from longismore.probes import estimate_probes
from longismore.reports import printable
from longismore.store import Store, default_store_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.api import Audited
    from longismore.records import Judged

__all__ = ["AuditRequest", "run_audit"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRequest:
    """One call of the command."""

    judgments: Sequence[str]
    gold: Path | None
    markdown: Path | None
    probes: Sequence[str]
    judge: str
    options: Mapping[str, Any]
    limit: int | None
    dry_run: bool
    store: Path | None
    environ: Mapping[str, str]


def run_audit(request: AuditRequest, *, out: TextIO, as_json: bool) -> bool:
    """Read, audit, probe, show.

    Returns:
        Whether there was any pair with an outcome.

    Raises:
        UsageError: Something in the request will not do; nothing was spent.
        JudgeError: The judge that is probed could not go on.
    """
    if request.dry_run:
        _estimate(request, read_judged(request.judgments), out, as_json=as_json)
        return True
    found = _audit(request)
    if as_json:
        out.write(json.dumps(found.to_dict(), indent=1, allow_nan=False) + "\n")
    else:
        from rich.console import Console

        Console(file=out, highlight=False).print(found)
    if request.markdown is not None:
        write_text(request.markdown, found.to_markdown())
        logger.info("written to %s", request.markdown)
    return any(judge.pooled.rates.n for judge in found.audit.judges)


def _audit(request: AuditRequest) -> Audited:
    if not request.probes:
        return audit(request.judgments, gold=request.gold)
    with judging_progress() as advance:
        return audit(
            request.judgments,
            gold=request.gold,
            probes=request.probes,
            judge=request.judge,
            limit=request.limit,
            store=request.store,
            on_progress=advance,
            **request.options,
        )


def _estimate(request: AuditRequest, judged: Sequence[Judged], out: TextIO, *, as_json: bool) -> None:
    """What the probes would take."""
    judge = make_judge_of(request.judge, request.options, request.environ)
    with Store(request.store or default_store_path()) as store:
        estimates = estimate_probes(request.probes, judged, judge, store=store, limit=request.limit)
    if as_json:
        taken = {name: None if each is None else asdict(each) for name, each in estimates.items()}
        out.write(json.dumps({"estimates": taken}, indent=1) + "\n")
        return
    said = (f"probe {name}: {each.sentence() if each else 'no calls, no cost'}\n" for name, each in estimates.items())
    out.writelines(map(printable, said))
    out.write("Tokens are estimated from the length of the texts. Nothing was sent.\n")
