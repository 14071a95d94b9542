"""Tables and pictures of MT-Bench: complete, as wide as a terminal, and safe against hostile names."""

from __future__ import annotations

import csv
import io
import math
import re
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from hostile import HOSTILE
from longismore.errors import ConfigError, DataError
from longismore.reports.mtbench import (
    Grade,
    Grid,
    TurnComparison,
    compare_models,
    difference_sentence,
    grid_tables,
    grids_latex,
    grids_markdown,
    mtbench_csv,
    rate_grids,
    score_differences,
    score_grids,
    score_models,
    score_notes,
    write_radar,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from longismore.reports.mtbench import ModelRate, ModelScore

_CATEGORIES = ("humanities", "writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem")
_LONG = "organisation/Meta-Llama-3-8B-Instruct-longest-1000-examples-15-epochs-neftune"
_NAMES = [r"\input{/etc/passwd}", r"}\end{document}", "a_b & c # d % e $x^2$ ~", "[2em] *", "a | b", *HOSTILE.values()]


def graded(models: Iterable[str] = ("tuned", "base"), categories: Sequence[str | None] = _CATEGORIES) -> list[Grade]:
    """Two questions a category and two turns each; one of the rows has no score."""
    return [
        Grade(
            question=81 + 10 * place + number,
            category=category,
            model=model,
            judge="gpt-4",
            prompt_name="single-v1",
            turn=turn,
            score=None if (place, number, turn, nth) == (0, 0, 1, 0) else 1.0 + (place + 3 * turn + number + nth) % 10,
        )
        for nth, model in enumerate(models)
        for place, category in enumerate(categories)
        for number in (0, 1)
        for turn in (1, 2)
    ]


def scored(models: Iterable[str] = ("tuned", "base")) -> list[ModelScore]:
    """Scores of models in all eight categories."""
    return score_models(graded(models))


def rated(one: str = "tuned", other: str = "base") -> list[ModelRate]:
    """Rates of two models in all eight categories."""
    winners = ("model_1", "tie", "model_2", "model_1")
    return compare_models(
        [
            TurnComparison(
                question=81 + 10 * place,
                category=category,
                model_1=one,
                model_2=other,
                judge="gpt-4",
                turn=turn,
                winner_1st=winners[place % 4],
                winner_2nd=winners[(place + (turn == 2) * (place > 4)) % 4],
            )
            for place, category in enumerate(_CATEGORIES)
            for turn in (1, 2)
        ]
    )


def printed(grids: Sequence[Grid]) -> str:
    """What a terminal of 80 columns shows."""
    console = Console(file=io.StringIO(), width=80)
    for table in grid_tables(grids):
        console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("grids", [score_grids(scored([_LONG, "base"])), rate_grids(rated(_LONG))])
def test_tables_fit_80_columns(grids: list[Grid]) -> None:
    """Eight categories with intervals, and no number is cut; long names are broken."""
    shown = printed(grids)
    assert max(map(len, shown.splitlines())) <= 80
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown
    assert 2 == shown.count("organisation/")
    assert 2 == shown.count("neftune")
    for head in ("writing", "role-", "reason-", "math", "coding", "extrac-", "stem", "humani-"):
        assert head in shown


def test_numbers_stand_over_their_intervals() -> None:
    """Two decimals by turn; categories in the order of the questions, with one decimal in the interval."""
    by_turn, by_category = score_grids(scored())
    assert ("both turns", "turn 1", "turn 2", "scores", "no score") == by_turn.heads
    assert ("writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities") == (
        by_category.heads
    )
    score = scored()[0]
    assert score.both.mean_ci is not None
    cell = by_turn.rows[0][1][0]
    low, high = score.both.mean_ci
    assert (f"{score.both.mean:.2f}", f"{low:.2f}\N{EN DASH}{high:.2f}") == (cell.value, cell.interval)
    shown = printed([by_turn])
    assert shown.index(cell.value) < shown.index(cell.interval)
    limit = r"(10|\d\.\d)"
    assert all(re.fullmatch(f"{limit}\N{EN DASH}{limit}", cell.brief) for cell in by_category.rows[0][1])


def test_more_categories_go_on_below() -> None:
    """Another set of questions may have any number of them; none is lost."""
    grids = score_grids(score_models(graded(categories=[f"kind {number}" for number in range(11)])))
    shown = printed(grids)
    assert 2 == shown.count("By category, graded by gpt-4")
    assert all(f"kind {number}" in shown for number in range(11))


def test_unknown_categories_are_no_table() -> None:
    """The turns are shown alone; a model that lacks a category has a dash in it."""
    assert 1 == len(score_grids(score_models(graded(categories=[None]))))
    rows = [*graded(["tuned"], ["math", "stem", "coding"]), *graded(["base"], ["math"])]
    assert "\N{EN DASH}" in {cell.value for _, cells in score_grids(score_models(rows))[1].rows for cell in cells}


def test_csv_has_every_number_at_full_precision() -> None:
    """A row for both turns, each turn and each category; an interval has two columns."""
    scores = scored()
    rows = list(csv.DictReader(io.StringIO(mtbench_csv(scores))))
    assert 2 * (1 + 2 + 8) == len(rows)
    whole = rows[0]
    assert ("gpt-4", scores[0].model, "both", "") == tuple(whole[name] for name in ("judge", "model", "scope", "part"))
    assert scores[0].both.mean == float(whole["mean"])
    assert scores[0].both.mean_ci == (float(whole["mean_ci_low"]), float(whole["mean_ci_high"]))
    assert (str(scores[0].unread), "0", "single-v1") == (whole["unread"], whole["repeated"], whole["prompts"])
    assert ["1", "2"] == [row["part"] for row in rows[1:3]]
    assert {name: mean.mean for name, mean in scores[0].categories.items()} == {
        row["part"]: float(row["mean"]) for row in rows[3:11]
    }


def test_csv_of_comparisons_has_their_counts() -> None:
    """Wins and losses, and how often the judge kept its verdict."""
    rates = rated()
    row = next(csv.DictReader(io.StringIO(mtbench_csv(rates))))
    assert (str(rates[0].wins), str(rates[0].inconsistent), rates[0].consistency.mean, rates[0].adjusted.mean) == (
        row["wins"], row["inconsistent"], float(row["consistency"]), float(row["mean"]),
    )  # fmt: skip
    assert (rates[0].model, "", rates[0].opponents[0]) == (row["model"], row["baseline"], row["opponents"])


@pytest.mark.parametrize("name", _NAMES)
def test_documents_survive_hostile_names(name: str) -> None:
    """No name adds a column, a line, a command or HTML to a table."""
    scores = scored([name, "base"])
    for each in (scores, rated(name)):
        rows = list(csv.reader(io.StringIO(mtbench_csv(each))))
        assert 1 + 2 * 11 == len(rows)
        assert 1 == len({len(row) for row in rows})
    differences = [difference_sentence(each) for each in score_differences(graded([name, "base"]))]
    markdown = grids_markdown(score_grids(scores), [*differences, *score_notes(scores)])
    lines = [line for line in markdown.split("\n") if line.startswith("|")]
    assert [7] * 4 + [10] * 4 == [len(re.findall(r"(?<!\\)\|", line)) for line in lines]
    assert "<" not in markdown
    latex = grids_latex(score_grids(scores))
    latex.encode("utf-8")
    bare = re.sub(r"\\[\\{}$&#_%]", "", latex.partition("\n")[2]).replace("$-$", "")
    assert not set('$#_%~^"`') & set(bare)
    assert bare.count("{") == bare.count("}")
    assert [5] * 5 + [8] * 5 == [
        len(re.findall(r"(?<!\\)&", line)) for line in latex.split("\n") if line.endswith(r" \\")
    ]
    assert not re.search(r"\\(input|end\{document)", bare)


def test_radar_is_the_same_each_time(tmp_path: Path) -> None:
    """Byte for byte, in the format of the name; nothing in a name is read as mathematics."""
    pytest.importorskip("matplotlib")
    scores = scored(["tuned $x^2$", "base"])
    for name in ("a.png", "b.png", "new/a.svg"):
        write_radar(scores, tmp_path / name, title=["MT-Bench, graded by $x$"])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert b"<svg" in (tmp_path / "new" / "a.svg").read_bytes()
    with pytest.raises(ConfigError, match="gif"):
        write_radar(scores, tmp_path / "a.gif", title=[])


def test_radar_draws_at_most_six_models(tmp_path: Path) -> None:
    """The best ones; a picture of nine differs from one of these six only in saying so."""
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    from longismore.reports._mtbench.figure import draw_radar

    for models, drawn, said in ((2, 2, "bands"), (4, 4, "MT-Bench"), (9, 6, "the first 6 of 9 models")):
        figure = Figure()
        scores = scored([f"model {number}" for number in range(models)])
        draw_radar(figure, scores, title=["MT-Bench"])
        assert [score.model for score in scores[:drawn]] == [line.get_label() for line in figure.axes[0].lines]
        assert (2 if models == 2 else 0) == len(figure.axes[0].collections)
        assert said in figure.get_suptitle()


def test_radar_has_a_gap_where_a_category_has_no_score(tmp_path: Path) -> None:
    """A model that was not asked in a category is not drawn at 0 there."""
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    from longismore.reports._mtbench.figure import draw_radar

    figure = Figure()
    rows = [*graded(["tuned"]), *graded(["base"], ["math", "stem", "coding"])]
    draw_radar(figure, score_models(rows), title=[])
    values = {line.get_label(): list(line.get_ydata()) for line in figure.axes[0].lines}
    assert 0 == sum(map(math.isnan, values["tuned"]))
    assert 6 == sum(map(math.isnan, values["base"]))  # five gaps, the first closes the line
    write_radar(score_models(rows), tmp_path / "a.png", title=[])


def test_radar_of_rates_has_a_line_at_50(tmp_path: Path) -> None:
    """Percent from 0 to 100."""
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    from longismore.reports._mtbench.figure import draw_radar

    figure = Figure()
    draw_radar(figure, rated(), title=[])
    tuned, base, even = figure.axes[0].lines
    assert (0, 100) == figure.axes[0].get_ylim()
    assert {50} == set(even.get_ydata())
    assert [100] * 9 == [one + other for one, other in zip(tuned.get_ydata(), base.get_ydata(), strict=True)]


def test_radar_needs_three_categories(tmp_path: Path) -> None:
    """Two spokes are no radar; what is there is named."""
    pytest.importorskip("matplotlib")
    with pytest.raises(DataError, match="at least 3 categories, found writing, math"):
        write_radar(score_models(graded(categories=["math", "writing"])), tmp_path / "a.png", title=[])
    with pytest.raises(DataError, match="found none"):
        write_radar(score_models(graded(categories=[None])), tmp_path / "a.png", title=[])
    assert not list(tmp_path.iterdir())
