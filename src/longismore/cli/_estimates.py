"""``--dry-run``: what a comparison would take, before anything is sent."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from longismore.comparison import make_pairs
from longismore.judges import ChatJudge, Generator
from longismore.records import Answer
from longismore.reports import name_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.judges import Estimate, Judge, Range
    from longismore.records import Example
    from longismore.store import Store

__all__ = ["show_estimates"]

_CHARS_OF_AN_ANSWER = 1400
"""What an answer that is still to be written is taken for."""


def show_estimates(
    judge: Judge,
    examples: Sequence[Example],
    sources: Mapping[str, Mapping[tuple[str, str], Answer] | Generator],
    store: Store,
) -> None:
    """Print calls, tokens and cost of the answers to be written and of the judging."""
    rows: list[tuple[str, Estimate]] = []
    answers: dict[str, Mapping[tuple[str, str], Answer]] = {}
    guessed = False
    for role, source in sources.items():
        if isinstance(source, Generator):
            guessed = True
            rows.append((f"answers of {source.name}", source.estimate(examples, store)))
            stand_in = Answer(source.name, "word " * (_CHARS_OF_AN_ANSWER // 5))
            answers[role] = {(example.testset, example.id): stand_in for example in examples}
        else:
            answers[role] = source
    pairs = make_pairs(examples, answers["reference"], answers["candidate"])
    if isinstance(judge, ChatJudge):
        rows.append((f"judgments of {judge.name}", judge.estimate(pairs, store)))
    if not rows:
        sys.stdout.write(f"{2 * len(pairs)} judgments of {name_text(judge.name)}: no calls, no cost\n")
        return
    _print(rows)
    if guessed:
        sys.stdout.write(f"Answers that are not written yet are taken for {_CHARS_OF_AN_ANSWER:,} characters long.\n")
    sys.stdout.write("Tokens are estimated from the length of the texts. Nothing was sent.\n")


def _print(rows: Sequence[tuple[str, Estimate]]) -> None:
    table = Table(box=SIMPLE_HEAD)
    table.add_column("")
    for name in ("low", "expected", "high"):
        table.add_column(name, justify="right")
    for name, estimate in rows:
        table.add_row(Text(name_text(name)))
        table.add_row("  calls to send", "", f"{estimate.calls:,}", "")
        table.add_row("  in the store already", "", f"{estimate.from_store:,}", "")
        table.add_row("  tokens in", *_shown(estimate.input_tokens, ",.0f"))
        table.add_row("  tokens out", *_shown(estimate.output_tokens, ",.0f"))
        cost = estimate.cost_usd
        digits = ",.2f" if cost is not None and cost.high >= 1 else ",.4f"
        table.add_row("  US$", *(("", "unknown", "") if cost is None else _shown(cost, digits)))
    Console().print(table)
    for source in sorted({estimate.price.source for _, estimate in rows if estimate.price is not None}):
        sys.stdout.write(f"Prices: {source}.\n")


def _shown(value: Range, form: str) -> tuple[str, ...]:
    return tuple(format(each, form) for each in value.values())
