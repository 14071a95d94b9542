"""Tables of several comparisons: complete, at full precision, and safe against hostile names."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hostile import HOSTILE
from longismore.records import Judged
from longismore.reports._csv import csv_text
from longismore.reports._latex import latex_text
from longismore.reports.tables import csv_table, latex_table, markdown_report_table
from longismore.reports.winrate import summarize

if TYPE_CHECKING:
    from collections.abc import Callable

    from longismore.records import Verdict
    from longismore.reports import Results

_COMMANDS = {
    "begin", "end", "centering", "small", "caption", "label", "toprule", "midrule", "bottomrule", "multicolumn", "emph",
    "addlinespace", "par", "smallskip", "footnotesize", "raggedright", "linewidth", "textbackslash", "textasciitilde",
    "textasciicircum", "textless", "textgreater", "textbar", "char", "ldots",
}  # fmt: skip
_NAMES = [
    r"\input{/etc/passwd}",
    r"}\end{document}",
    "a_b & c # d % e $x^2$ ~",
    "[2em] *",
    "--- ,, '' `` \"",
    "50 % }{ {",
    "line\nfeed\rreturn\x00nul",
    *HOSTILE.values(),
]


@pytest.fixture(name="results", scope="module")
def _results(make: Callable[..., Verdict]) -> Results:
    """Thirty pairs of two test sets, of which two were not judged."""
    shares = [(1.0, 1.0), (1.0, 0.0), (0.0, 0.0), (1.0, 0.5), (1.0, 1.0)]
    judged = [
        make(*shares[number % 5], testset="koala" if number % 2 else "lima", chars=(100 + number, 90 + 5 * number))
        for number in range(28)
    ]
    return summarize([*judged, make(1.0, None), make(None, None)], draws=50)


def _named(results: Results, name: str = "tuned") -> tuple[list[Judged], list[Results]]:
    """One comparison whose candidate, reference, judge and first test set are called *name*."""
    judged = Judged(judge=name, fingerprint="f" * 64, reference=name, candidate=name, verdicts=())
    first, *others = results.testsets.items()
    return [judged], [replace(results, testsets=dict([(name, first[1]), *others]))]


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_every_field_at_full_precision(results: Results) -> None:
    """A line for each test set and one pooled; numbers read back as they were, and unknown is empty."""
    lima, koala, pooled = _rows(csv_table(*_named(results)))
    assert [("testset", "tuned"), ("testset", "koala"), ("pooled", "")] == [
        (row["scope"], row["testset"]) for row in (lima, koala, pooled)
    ]
    rates = results.pooled
    for name, value in rates.to_dict().items():
        if name.endswith("_ci"):
            assert value == [float(pooled[f"{name}_low"]), float(pooled[f"{name}_high"])], name
        elif isinstance(value, dict):
            assert {key: str(inner) for key, inner in value.items()} == {k: pooled[f"{name}_{k}"] for k in value}, name
        elif isinstance(value, list):
            assert value == json.loads(pooled[name]), name
        elif isinstance(value, (int, float)):
            assert value == float(pooled[name]), name
        else:
            assert (value or "") == pooled[name], name
    assert "" == pooled["p_value_holm"]
    assert float(koala["p_value_holm"]) >= float(koala["p_value"])


def test_csv_of_nothing_judged_is_empty_not_zero(make: Callable[..., Verdict]) -> None:
    """Rates are unknown, so their cells are empty; counts are numbers."""
    row = _rows(csv_table(*_named(summarize([make(None, None)]))))[-1]
    assert ("", "", "", "0", "1") == (
        row["win_rate"], row["win_rate_ci_low"], row["lc_win_rate"], row["n"], row["pairs"],
    )  # fmt: skip


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "\uff1d1", "\t=1"])
def test_csv_holds_no_formulas(results: Results, name: str) -> None:
    """A name that a spreadsheet would run gets an apostrophe in front; numbers keep their sign."""
    row = _rows(csv_table(*_named(results, name)))[0]
    assert row["candidate"].startswith("'")
    assert row["candidate"].endswith(name.strip())
    assert '"a","b"\n"x",-1.5\n' == csv_text([{"a": "x", "b": -1.5}])


@pytest.mark.parametrize("name", ['a,b;=1\n"c"', 'say ""', "a\x00b", "tab\there", *HOSTILE.values()])
def test_csv_survives_hostile_names(results: Results, name: str) -> None:
    """Commas, quotes, line feeds and control characters neither add lines nor columns."""
    text = csv_table(*_named(results, name))
    rows = list(csv.reader(io.StringIO(text)))
    assert 4 == len(rows) == text.count("\n")
    assert 1 == len({len(row) for row in rows})
    text.encode("utf-8")


def _check_latex(text: str) -> None:
    """Braces balance, rows have their cells, and nothing but our own commands is left."""
    text.encode("utf-8")
    bare = re.sub(r"\\[\\{}$&#_%]", "", "\n".join(text.split("\n")[1:]).replace("$-$", ""))  # the first is a comment
    assert not set('$#_%~^"`') & set(bare)
    assert set(re.findall(r"\\([a-zA-Z]+)", bare)) <= _COMMANDS
    assert not re.findall(r"\\[^a-zA-Z]", bare)
    depth = 0
    for letter in bare:
        depth += (letter == "{") - (letter == "}")
        assert depth >= 0
    assert 0 == depth
    for line in text.split("\n"):
        if line.endswith(r" \\") and not line.startswith(r"\multicolumn"):
            assert 7 == len(re.findall(r"(?<!\\)&", line))
            assert line.startswith("{")


@pytest.mark.parametrize("name", _NAMES)
def test_latex_survives_hostile_names(results: Results, name: str) -> None:
    """No name starts a command, ends a group or a row, or is an argument of the line break before it."""
    _check_latex(latex_table(*_named(results, name)))


def test_latex_writes_names_as_they_are() -> None:
    """Characters with a meaning are written out, and two hyphens do not become a dash."""
    expected = r"a\_b \& 50\% \textbackslash{}x\{\} -{}-{}- '{}' 1--2"
    assert expected == latex_text("a_b & 50% \\x{} --- '' 1\N{EN DASH}2")


def test_latex_shows_raw_beside_length_controlled(results: Results) -> None:
    """Both rates stand in the row of all pairs with their intervals, and the caption says what they are."""
    text, rates = latex_table(*_named(results)), results.pooled
    assert rates.win_rate_ci is not None
    assert rates.lc_win_rate_ci is not None
    shown = [
        f"{{{100 * (rate or 0):.1f} ({100 * low:.1f}--{100 * high:.1f})}}"
        for rate, (low, high) in ((rates.win_rate, rates.win_rate_ci), (rates.lc_win_rate, rates.lc_win_rate_ci))
    ]
    row = next(line for line in text.split("\n") if line.startswith("{pooled}"))
    assert " & ".join(shown) in row
    assert "{1 partial, 1 missing, 3 unparsed}" in row
    assert r"95\% intervals clustered by distinct prompt" in text
    assert text.index(r"\toprule") < text.index(r"\midrule") < text.index(r"\bottomrule")


def test_markdown_shows_the_same(results: Results) -> None:
    """Every comparison has a title, a table of equal columns and a note; the legend comes once, last."""
    judged, both = _named(results)
    text = markdown_report_table(judged * 2, both * 2)
    rows = [line for line in text.split("\n") if line.startswith("|")]
    assert 10 == len(rows)
    assert {9} == {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
    assert 2 == text.count("tuned against tuned, judged by tuned")
    assert 2 == text.count("all pairs: length slope ")
    assert 1 == text.count("clustered by distinct prompt")


@pytest.mark.parametrize("name", _NAMES)
def test_markdown_survives_hostile_names(results: Results, name: str) -> None:
    """No name adds a column, a line, a heading or HTML."""
    text = markdown_report_table(*_named(results, name))
    rows = [line for line in text.split("\n") if line.startswith("|")]
    assert {9} == {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
    assert 5 == len(rows)
    assert "<" not in text


def test_a_set_that_differs_is_starred(make: Callable[..., Verdict]) -> None:
    """Forty wins of forty differ from 50 % after correction; an even set has no star, and the pooled row none."""
    verdicts = [make(1.0, 1.0, testset="koala") for _ in range(40)]
    verdicts += [make(1.0, 0.0, testset="lima") for _ in range(40)]
    text = markdown_report_table(*_named(summarize(verdicts, draws=20), "koala"))
    starred = [line.split(" | ")[0] for line in text.split("\n") if line.startswith("|") and r"\*" in line]
    assert ["| koala"] == starred


def test_nothing_judged_is_said(make: Callable[..., Verdict]) -> None:
    """Dashes stand where nothing is known, and the note says that no pair was judged."""
    judged, results = _named(summarize([make(None, None)]))
    assert "no pair was judged" in markdown_report_table(judged, results)
    assert "{0} & {0/0/0} & {--} & {--} & {--} & {--} & {1 missing, 2 unparsed}" in latex_table(judged, results)


@pytest.mark.parametrize("table", [csv_table, latex_table, markdown_report_table])
def test_comparisons_and_results_must_match(results: Results, table: Callable[..., str]) -> None:
    """A result too many is a mistake of the caller, not a row to drop."""
    judged, each = _named(results)
    with pytest.raises(ValueError, match="longer"):
        table(judged, each * 2)
