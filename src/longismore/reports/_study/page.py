"""The page of a study: the answers, the picture, all numbers, and how it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._escape import html_text, name_text
from longismore.reports._page.bars import forest_rows
from longismore.reports._page.frame import document, figure, section, table
from longismore.reports._page.head import contents, head
from longismore.reports._paired.words import p_text
from longismore.reports._study.table import floor_title
from longismore.reports._study.words import (
    cost_text,
    floor_sentence,
    general_notes,
    row_name,
    row_sentence,
    shared_caveats,
    verdict_text,
)
from longismore.reports._words import number, percent, percent_interval, times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longismore.reports._study.rows import StudyResults, StudyRow

__all__ = ["study_page"]

_DASH = "\N{EN DASH}"
_METHOD = """
Every strategy selects rows, a model is trained on them, and its answers are judged against those of models that were
trained on as many rows drawn at random: several draws, so that what chance alone does is known. Every pair is judged in
both orders. A rate above 50% speaks for the strategy.

An interval knows of three things: of the prompts, of the spread between the random trials, and, where there are
several, of that between training seeds. The fewer trials, the wider it is. The noise floor is random against random: a
strategy that is no farther from 50% than that has shown nothing, whatever its interval says.

The length-controlled rate is what would be left if both answers were equally long: logit P = a + b
\N{MULTIPLICATION SIGN} tanh(d / sd(d)) is fitted to all matches of a strategy, with a prior on the slope b, and read
at d = 0.

\N{LEFT DOUBLE QUOTATION MARK}Better\N{RIGHT DOUBLE QUOTATION MARK} and
\N{LEFT DOUBLE QUOTATION MARK}worse\N{RIGHT DOUBLE QUOTATION MARK} are said where the length-controlled rate differs
from 50% after Holm's correction for the number of rows; \N{LEFT DOUBLE QUOTATION MARK}only
longer\N{RIGHT DOUBLE QUOTATION MARK} where the raw rate does and the length-controlled one does not. Nothing is claimed
from one trial.
"""


def study_page(results: StudyResults) -> str:
    """Write the page; it needs no other file and no network."""
    links = [("answers", "answers"), ("numbers", "numbers"), ("floor", "noise floor"), ("overlaps", "overlaps")]
    links += [("matches", "every match"), ("method", "method"), ("repeat", "how to repeat")]
    asked = ", ".join(f"{name_text(name)} ({count})" for name, count in results.testsets.items())
    subtitle = f"strategies against random, on {asked}, judged by {name_text(results.judge)}"
    body = [
        head(name_text(results.name), subtitle),
        _answers(results),
        _notes(results),
        contents(links),
        section("answers", "Better than random, or only longer?", _picture(results)),
        section("numbers", "All numbers", [_numbers(results)]),
        section("floor", "Noise floor: random against random", _floors(results)),
        section("overlaps", "What selections share, and what they took", [*_overlaps(results), _costs(results)]),
        section("matches", "Every match", [_matches(results)]),
        section(
            "method", "How the numbers were made", [f"<p>{html_text(p)}</p>" for p in _METHOD.strip().split("\n\n")]
        ),
        section("repeat", "How to repeat this", _repeat(results)),
    ]
    return document(name_text(results.name), body)


def _answers(results: StudyResults) -> str:
    items = "".join(
        f"<li>{html_text(row_name(row, results))}: <strong>{html_text(verdict_text(row))}</strong>; "
        f"{html_text(row_sentence(row))}</li>"
        for row in results.rows
    )
    return f'<ul class="answers">{items}</ul>' if items else ""


def _notes(results: StudyResults) -> str:
    items = "".join(f"<li>{html_text(note)}</li>" for note in [*shared_caveats(results), *general_notes(results)])
    return f'<ul class="notes">{items}</ul>' if items else ""


def _picture(results: StudyResults) -> list[str]:
    rows = [(row_name(row, results), row.estimate.rates) for row in results.rows if row.estimate.rates.n]
    drawn = forest_rows(rows)
    caption = "Against random selections of the same size; lines are 95% intervals, the dashed line is 50%."
    return [figure(drawn, "Raw and length-controlled win rates against random", caption, wide=True)] if drawn else []


def _numbers(results: StudyResults) -> str:
    heads = (
        "strategy", "answer", "raw %", "p, Holm", "at equal length %", "p, Holm", "chars ratio", "mean chars",
        "random's", "kept %", "pairs", "not judged", "trials", "seeds",
    )  # fmt: skip
    return table("Every strategy against random, with 95% intervals", heads, _grouped(results, _number_cells))


def _number_cells(row: StudyRow) -> list[object]:
    rates = row.estimate.rates
    return [
        verdict_text(row),
        percent_interval(rates.win_rate, rates.win_rate_ci),
        _p(row.p_value_holm),
        percent_interval(rates.lc_win_rate, rates.lc_win_rate_ci),
        _p(row.lc_p_value_holm),
        times(rates.length_ratio),
        number(rates.mean_chars_candidate, 0),
        number(rates.mean_chars_reference, 0),
        percent(rates.swap_consistency),
        rates.n,
        rates.pairs - rates.n,
        row.estimate.trials,
        row.estimate.seeds,
    ]


def _p(value: float | None) -> str:
    return _DASH if value is None else p_text(value).removeprefix("p ").removeprefix("= ")


def _grouped(results: StudyResults, cells: object) -> Iterator[tuple[str, list[list[object]]]]:
    groups: dict[tuple[str, int], list[StudyRow]] = {}
    for row in results.rows:
        groups.setdefault((row.data, row.budget), []).append(row)
    for (data, budget), rows in groups.items():
        assert callable(cells)  # noqa: S101  ours
        yield f"{name_text(data)}, {budget:,} rows", [[name_text(row.strategy), *cells(row)] for row in rows]


def _floors(results: StudyResults) -> list[str]:
    items = "".join(
        f"<li>{html_text(floor_title(floor, results) + floor_sentence(floor))}</li>" for floor in results.floors
    )
    return [f'<ul class="said">{items}</ul>'] if items else []


def _overlaps(results: StudyResults) -> Iterator[str]:
    groups = []
    for (data, budget), rows in _by_group(results).items():
        lines: list[list[object]] = [
            [
                f"{name_text(row.strategy)} and {name_text(overlap.other)}",
                f"{overlap.count:g}" if float(overlap.count).is_integer() else f"{overlap.count:.1f}",
                number(overlap.jaccard, 3),
                number(overlap.by_chance, 1),
                overlap.than_chance or _DASH,
            ]
            for row in rows
            for overlap in row.overlaps
        ]
        groups.append((f"{name_text(data)}, {budget:,} rows", lines))
    if any(lines for _, lines in groups):
        heads = ("selections", "shared rows", "Jaccard", "by chance", "than chance")
        yield table("Rows of equal content that two selections share", heads, groups)


def _by_group(results: StudyResults) -> dict[tuple[str, int], list[StudyRow]]:
    groups: dict[tuple[str, int], list[StudyRow]] = {}
    for row in results.rows:
        groups.setdefault((row.data, row.budget), []).append(row)
    return groups


def _costs(results: StudyResults) -> str:
    def cells(row: StudyRow) -> list[object]:
        if row.cost is None:
            return [_DASH, _DASH, _DASH]
        return [f"{row.cost.rows:,}", f"{row.cost.pool:,}", cost_text(row.cost)]

    return table("What selecting took", ("strategy", "selected", "of", "took"), _grouped(results, cells))


def _matches(results: StudyResults) -> str:
    groups: list[tuple[str, list[list[object]]]] = [
        (
            f"{row_name(row, results)} against random",
            [
                [f"trial {match.trial}, seed {match.seed}", percent(match.win_rate), percent(match.lc_win_rate),
                 match.pairs, name_text(results.reports.get(match.name, ""), 300)]
                for match in row.estimate.matches
            ],
        )
        for row in results.rows
    ]  # fmt: skip
    groups += [
        (
            f"{floor_title(floor, results)}random against random",
            [
                [f"against trial {match.trial}, seed {match.seed}", percent(match.win_rate),
                 percent(match.lc_win_rate), match.pairs, name_text(results.reports.get(match.name, ""), 300)]
                for match in floor.matches
            ],
        )
        for floor in results.floors
    ]  # fmt: skip
    heads = ("match", "raw %", "at equal length %", "pairs", "its own report")
    return table("Win rates of every match", heads, groups)


def _repeat(results: StudyResults) -> list[str]:
    items = "".join(
        f"<dt>{html_text(name_text(label))}</dt><dd>{html_text(name_text(value, 1000))}</dd>"
        for label, value in results.facts
    )
    made = f"<pre>{html_text(results.command)}</pre>" if results.command else ""
    return [f'<dl class="facts">{items}</dl>{made}'] if items or made else []
