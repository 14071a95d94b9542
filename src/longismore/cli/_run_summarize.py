"""What ``longismore summarize`` does, once its arguments are read."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TextIO

from longismore.api import summarize
from longismore.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from longismore.records import Judged

__all__ = ["SummaryRequest", "run_summarize"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRequest:
    """One call of the command."""

    files: Sequence[str]
    length_prior: str | None
    official: Path | None
    seed: int
    draws: int


def run_summarize(request: SummaryRequest, *, out: TextIO, as_json: bool) -> bool:
    """Read, compute, show.

    Returns:
        Whether any pair was judged.

    Raises:
        UsageError: A file, or an option, will not do.
    """
    found = summarize(request.files, length_prior=request.length_prior, seed=request.seed, draws=request.draws)
    if request.official is not None:
        found = replace(found, official=_official(request.official, found.judged))
    if as_json:
        out.write(json.dumps(found.to_dict(), indent=1, allow_nan=False) + "\n")
    else:
        from rich.console import Console

        Console(file=out, highlight=False).print(found)
    return any(results.pooled.n for results in found.results)


def _official(df_gamed: Path, judged: Sequence[Judged]) -> list[dict[str, float]]:
    from longismore.harness._alpaca_official import official_lc

    found = []
    for each in judged:
        if not all(verdict.one_order for verdict in each.verdicts):
            raise ConfigError(
                f"--official: {', '.join(each.files)} is no annotations.json of AlpacaEval; its own length control "
                "is for its 805 instructions, judged by its annotators"
            )
        rows = [
            {
                "instruction": judgment.prompt,
                "output_1": judgment.reference.output,
                "generator_1": judgment.reference.model,
                "output_2": judgment.candidate.output,
                "generator_2": judgment.candidate.model,
                "annotator": judgment.judge,
                "preference": None if judgment.preference is None else 1 + judgment.preference,
            }
            for judgment in each.judgments
        ]
        found.append(official_lc(rows, df_gamed))
    return found
