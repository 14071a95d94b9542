"""What ``longismore gate`` does, once its arguments are read."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from longismore.api._comparing import Request, prepare, read_request
from longismore.api._gating import gate_run
from longismore.cli._estimates import show_estimates
from longismore.cli._progress import answering_progress, judging_progress
from longismore.store import Store, default_store_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from longismore.api import Gated
    from longismore.records import Example
    from longismore.reports.gate import GateRule

__all__ = ["Request", "run_gate"]


def run_gate(request: Request, rule: GateRule, *, store: Path | None, dry_run: bool) -> Gated | None:
    """Read, check, judge look by look, decide. A dry run only prints what it would take at most.

    Raises:
        UsageError: Something in the request will not do, or the judge is refused.
        JudgeError: A model that writes answers could not go on.
    """
    ready = read_request(request)
    with Store(store or default_store_path()) as opened:
        if dry_run:
            show_estimates(ready.judge, ready.examples, ready.sources, opened)
            _show_design(ready.examples, rule.settled(calls=True))
            return None
        run = prepare(request, ready, opened, answering_progress)
        with judging_progress() as advance:
            return gate_run(run, ready.judge, rule, opened, advance)


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
