"""What ``longismore audit`` does, once its arguments are read."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TextIO

from longismore._jsonl import write_text
from longismore.cli._progress import judging_progress
from longismore.judged import read_judged
from longismore.judges import JudgeOptions, make_judge, read_gold
from longismore.probes import estimate_probes, run_probes
from longismore.reports import printable
from longismore.reports._audit.table import audit_markdown, audit_tables
from longismore.reports._audit.words import audit_sentences
from longismore.reports.audit import audit
from longismore.store import Store, default_store_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.judges import Judge
    from longismore.records import Judged
    from longismore.reports.audit import Audit
    from longismore.reports.probes import ProbeResult

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
    judged = read_judged(request.judgments)
    if request.dry_run:
        _estimate(request, judged, out, as_json=as_json)
        return True
    found = audit(judged, gold=None if request.gold is None else read_gold(request.gold))
    probed = _probe(request, judged)
    said = [*audit_sentences(found), *(result.sentence() for result in probed)]
    if as_json:
        document = found.to_dict() | {"sentences": said}
        if request.probes:
            document["probes"] = [result.to_dict() for result in probed]
        out.write(json.dumps(document, indent=1, allow_nan=False) + "\n")
    else:
        _show(found, said, out)
    if request.markdown is not None:
        write_text(request.markdown, audit_markdown(found, [result.sentence() for result in probed]))
        logger.info("written to %s", request.markdown)
    return any(judge.pooled.rates.n for judge in found.judges)


def _probed_judge(request: AuditRequest) -> Judge:
    return make_judge(request.judge, JudgeOptions.from_mapping(request.options, request.environ))


def _estimate(request: AuditRequest, judged: Sequence[Judged], out: TextIO, *, as_json: bool) -> None:
    """What the probes would take."""
    judge = _probed_judge(request)
    with Store(request.store or default_store_path()) as store:
        estimates = estimate_probes(request.probes, judged, judge, store=store, limit=request.limit)
    if as_json:
        taken = {name: None if each is None else asdict(each) for name, each in estimates.items()}
        out.write(json.dumps({"estimates": taken}, indent=1) + "\n")
        return
    said = (f"probe {name}: {each.sentence() if each else 'no calls, no cost'}\n" for name, each in estimates.items())
    out.writelines(map(printable, said))
    out.write("Tokens are estimated from the length of the texts. Nothing was sent.\n")


def _probe(request: AuditRequest, judged: Sequence[Judged]) -> list[ProbeResult]:
    if not request.probes:
        return []
    judge = _probed_judge(request)
    with Store(request.store or default_store_path()) as store, judging_progress() as advance:
        return run_probes(request.probes, judged, judge, store=store, limit=request.limit, on_progress=advance)


def _show(found: Audit, said: Sequence[str], out: TextIO) -> None:
    """Print the tables, then what they mean."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=out, highlight=False)
    for table in audit_tables(found):
        console.print(table)
        console.print()
    sentences = Table.grid(padding=(0, 1, 0, 0))
    for sentence in said:
        sentences.add_row("-", Text(printable(sentence)))
    console.print(sentences)
