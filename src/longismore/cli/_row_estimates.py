"""What ``rate`` and ``refine`` have in common: settings that have no meaning there, and ``--dry-run``."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from longismore.reports import name_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longismore.judges import Estimate

__all__ = ["print_estimate", "remark_on_protocol"]

logger = logging.getLogger(__name__)


def remark_on_protocol(options: Mapping[str, Any], command: str) -> None:
    """Say that a protocol, which may stand in the environment for other commands, has no meaning here."""
    if "protocol" in options:
        logger.warning("protocol=%s is about judging pairs: %s has a prompt of its own", options["protocol"], command)


def print_estimate(name: str, estimate: Estimate | None, *, rows: int, show: bool) -> dict[str, Any]:
    """Say what asking will take; with *show*, print it. Returns what ``--json`` prints."""
    if estimate is None:
        if show:
            sys.stdout.write(f"{name_text(name)}: no calls, no cost\n")
        return {"judge": name, "rows": rows, "calls": 0, "from_store": 0, "cost_usd": {"expected": 0.0}}
    if show:
        sys.stdout.write(f"{name_text(name)}: {estimate.sentence()}\n")
        sys.stdout.write("Tokens are estimated from the length of the texts. Nothing was sent.\n")
    found: dict[str, Any] = {"judge": name, "rows": rows, "calls": estimate.calls, "from_store": estimate.from_store}
    ranges = ("input_tokens", "output_tokens", "cost_usd")
    for each in ranges:
        values = getattr(estimate, each)
        names = ("low", "expected", "high")
        found[each] = None if values is None else dict(zip(names, values.values(), strict=True))
    return found
