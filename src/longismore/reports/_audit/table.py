"""The audit as tables, for the terminal and for Markdown.

Rates are percent here. Each judge has a row, and a row for each test set where there are several.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.reports._audit.words import audit_sentences
from longismore.reports._escape import markdown_text, name_text
from longismore.reports._words import number, percent, percent_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from longismore.reports._audit.records import Audit, JudgeAudit, JudgeFigures, JudgePair
    from longismore.reports._rates import Interval
    from longismore.reports.agreement import PairAgreement

__all__ = ["AuditRow", "AuditSheet", "audit_markdown", "audit_sheets", "audit_tables"]

_DASH = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class AuditRow:
    """The figures of a judge, or of two, pooled or for one test set."""

    name: str
    testset: str | None
    """``None``: pooled."""
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AuditSheet:
    """One table as text."""

    title: str
    of: str
    """Whose rows these are."""
    head: tuple[str, ...]
    rows: list[AuditRow]
    note: str | None = None


def audit_tables(audit: Audit) -> list[Table]:
    """Build the tables for a terminal; they fit 80 columns without a broken number."""
    # Imported here: reports is loaded by programs that never print.
    from rich import box
    from rich.table import Table
    from rich.text import Text

    tables = []
    for sheet in audit_sheets(audit):
        table = Table(
            title=Text(sheet.title),
            title_style="bold",
            title_justify="left",
            caption=None if sheet.note is None else Text(sheet.note),
            caption_style="",
            caption_justify="left",
            box=box.SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            pad_edge=False,
            show_edge=False,
        )
        names = [row.name if row.testset is None else f"  {row.testset}" for row in sheet.rows]
        # Numbers never break; where 80 columns are too few, names do.
        table.add_column(sheet.of, overflow="fold", min_width=min(12, max(map(len, names))))
        for head in sheet.head:
            table.add_column(head, justify="right", no_wrap=True)
        for name, row in zip(names, sheet.rows, strict=True):
            table.add_row(*(Text(cell) for cell in (name, *row.cells)))
        tables.append(table)
    return tables


def audit_markdown(audit: Audit, sentences: Sequence[str] = ()) -> str:
    """Write the audit as GitHub-flavoured Markdown: what it means, then the tables.

    Args:
        audit: What `longismore.reports.audit.audit` gave.
        sentences: What else was found, e.g. by probes.
    """
    said = "".join(f"- {markdown_text(sentence)}\n" for sentence in [*audit_sentences(audit), *sentences])
    return "\n".join(["# Audit of judges\n", said, *map(_markdown, audit_sheets(audit))])


def _markdown(sheet: AuditSheet) -> str:
    rows = [[sheet.of, "test set", *sheet.head], ["---", "---", *["---:"] * len(sheet.head)]]
    rows += [[markdown_text(row.name), markdown_text(row.testset or "all"), *row.cells] for row in sheet.rows]
    note = "" if sheet.note is None else f"\n{markdown_text(sheet.note)}\n"
    return f"## {sheet.title}\n\n" + "".join(f"| {' | '.join(map(_one_line, row))} |\n" for row in rows) + note


def _one_line(cell: str) -> str:
    return cell.replace("\n", " ")


def audit_sheets(audit: Audit) -> Iterator[AuditSheet]:
    """Give the tables as text: cells of one or two lines, names printable."""
    judged = [named for judge in audit.judges for named in _named(judge)]
    leaning = any(figures.rates.length_warning is not None for *_, figures in judged)
    yield AuditSheet(
        "Order and length",
        "judge",
        ("pairs", "kept when\nswapped %", "flips %\n1st/2nd", "prefers\nlonger %", "length\nslope", "not\nread"),
        [AuditRow(name, testset, _order_cells(figures)) for name, testset, figures in judged],
        "* leans on what was assumed of the slope: these pairs tell little" if leaning else None,
    )
    if any(figures.gold is not None for *_, figures in judged):
        yield AuditSheet(
            "Against gold labels",
            "judge",
            ("pairs", "right, reference\nfirst %", "right, candidate\nfirst %", "right in\nboth %"),
            [AuditRow(name, testset, _gold_cells(figures)) for name, testset, figures in judged],
        )
    if any(_is_known(judge.pooled) for judge in audit.judges):
        yield AuditSheet(
            "Calls",
            "judge",
            ("calls", "asked\nagain", "same\n%", "US$", "cost not\nknown", "tokens\nin", "tokens\nout", "s a\ncall"),
            [AuditRow(name_text(judge.name), None, _call_cells(judge.pooled)) for judge in audit.judges],
        )
    if audit.pairs:
        yield AuditSheet(
            "Between judges",
            "judges",
            ("pairs", "agree\n%", "both decide,\nagree %", "kappa", "quadr.\nkappa", "alpha"),
            [
                AuditRow(name, testset, _pair_cells(figures))
                for pair in audit.pairs
                for name, testset, figures in _named_pair(pair)
            ],
        )


def _named(judge: JudgeAudit) -> list[tuple[str, str | None, JudgeFigures]]:
    name, sets = name_text(judge.name), judge.testsets if len(judge.testsets) > 1 else {}
    return [(name, None, judge.pooled), *((name, name_text(each), figures) for each, figures in sets.items())]


def _named_pair(pair: JudgePair) -> list[tuple[str, str | None, PairAgreement]]:
    name, sets = "\n".join(map(name_text, pair.judges)), pair.testsets if len(pair.testsets) > 1 else {}
    return [(name, None, pair.pooled), *((name, name_text(each), figures) for each, figures in sets.items())]


def _order_cells(figures: JudgeFigures) -> tuple[str, ...]:
    order, calls = figures.order, figures.calls
    flips = f"\n{order.flips_favour_first}/{order.flips_favour_second}" if order.n_both_orders else ""
    star = "" if figures.rates.length_warning is None else "*"
    return (
        str(figures.rates.n),
        _two_lines(order.swap_consistency, order.swap_consistency_ci),
        percent(order.swap_flip) + flips,
        _two_lines(figures.length.prefers_longer, figures.length.prefers_longer_ci),
        _coefficient(figures.rates.length_slope, figures.rates.length_slope_ci) + star,
        str(calls.unparsed + calls.refused + calls.failed),
    )


def _gold_cells(figures: JudgeFigures) -> tuple[str, ...]:
    gold = figures.gold
    if gold is None:
        return (_DASH,) * 4
    return (
        str(gold.n_gold),
        percent_interval(gold.acc_reference_first, gold.acc_reference_first_ci),
        percent_interval(gold.acc_candidate_first, gold.acc_candidate_first_ci),
        percent_interval(gold.acc_both, gold.acc_both_ci),
    )


def _is_known(figures: JudgeFigures) -> bool:
    """Whether anything is known of the calls beyond their state."""
    calls = figures.calls
    return any(
        value is not None for value in (calls.repeatability, calls.cost_usd, calls.input_tokens, calls.mean_latency_s)
    )


def _call_cells(figures: JudgeFigures) -> tuple[str, ...]:
    calls = figures.calls
    tokens = (_DASH if count is None else str(count) for count in (calls.input_tokens, calls.output_tokens))
    return (
        str(calls.calls),
        str(calls.n_repeated),
        percent(calls.repeatability),
        number(calls.cost_usd, 4),
        str(calls.n_without_cost),
        *tokens,
        number(calls.mean_latency_s, 2),
    )


def _pair_cells(figures: PairAgreement) -> tuple[str, ...]:
    return (
        str(figures.n),
        _two_lines(figures.agreement, figures.agreement_ci),
        _two_lines(figures.agreement_decided, figures.agreement_decided_ci, f" of {figures.n_decided}"),
        _coefficient(figures.cohen_kappa, figures.cohen_kappa_ci),
        number(figures.cohen_kappa_quadratic, 2),
        number(figures.krippendorff_alpha, 2),
    )


def _two_lines(rate: float | None, interval: Interval | None, of: str = "") -> str:
    """A rate above its interval."""
    return percent_interval(rate, interval).replace(" ", f"{of}\n")


def _coefficient(value: float | None, interval: Interval | None) -> str:
    """A coefficient above its interval."""
    if interval is None:
        return number(value, 2)
    return f"{number(value, 2)}\n({number(interval[0], 2)}{_DASH}{number(interval[1], 2)})"
