"""What ``longismore gate`` does, once its arguments are read."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore.cli._estimates import show_estimates
from longismore.cli._progress import judging_progress
from longismore.cli._run_compare import Request, prepare, read_request
from longismore.gating import choose_judged, gate_judged, gate_pairs
from longismore.judged import read_judged
from longismore.store import Store, default_store_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from longismore.records import Example
    from longismore.reports.gate import GateResult, GateRule

__all__ = ["Gated", "Recorded", "Request", "run_gate", "run_gate_from"]


@dataclass(frozen=True, slots=True)
class Gated:
    """What came out, and where it is kept."""

    result: GateResult
    folder: Path | None

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON knows it."""
        return self.result.to_dict() | {"folder": None if self.folder is None else str(self.folder)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Which judgments decide; ``None``: there is only one."""

    paths: Sequence[str | Path]
    testsets: Sequence[str] = ()
    judge: str | None = None
    reference: str | None = None
    candidate: str | None = None


def run_gate(request: Request, rule: GateRule) -> Gated | None:
    """Read, check, judge look by look, decide. A dry run only prints what it would take at most.

    Raises:
        UsageError: Something in the request will not do, or the judge is refused.
        JudgeError: A model that writes answers could not go on.
    """
    ready = read_request(request)
    with Store(request.store or default_store_path()) as store:
        if request.dry_run:
            show_estimates(ready.judge, ready.examples, ready.sources, store)
            _show_design(ready.examples, rule.settled(calls=True))
            return None
        pairs, folder = prepare(request, ready, store)
        with judging_progress() as advance:
            result = gate_pairs(pairs, ready.judge, rule, store=store, folder=folder, on_progress=advance)
    return Gated(result, folder.path)


def run_gate_from(recorded: Recorded, rule: GateRule) -> Gated:
    """Decide on judgments in files.

    Raises:
        UsageError: They cannot be read, are not of one comparison, or the judge is refused.
    """
    judged = choose_judged(
        read_judged(recorded.paths),
        judge=recorded.judge,
        reference=recorded.reference,
        candidate=recorded.candidate,
    )
    return Gated(gate_judged(judged, rule, testsets=recorded.testsets), None)


def _show_design(examples: Sequence[Example], rule: GateRule) -> None:
    """Print what the gate could find with these pairs, before any is judged."""
    from longismore.reports._gate.looks import design_looks
    from longismore.reports._gate.power import USUAL_DEVIATION, plan_power

    design = design_looks([example.question for example in examples], rule)
    power = plan_power(design, rule, USUAL_DEVIATION)
    looks = len(design.groups)
    times = f"up to {looks} times" if looks > 1 else "once"
    sys.stdout.write(
        f"The gate looks {times} at up to {design.pairs:,} pairs. If a fifth of the verdicts are ties,\n"
        f"an equal candidate passes {100 * power.if_equal:.0f}% of the time, and {100 * power.asked_if_equal:.0f}% of "
        "the judgments are made.\n"
    )
