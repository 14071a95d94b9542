"""What instruction data are like: counts, repeats, lengths, bins, tables and pictures."""

from __future__ import annotations

import json
import math
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from rich.console import Console

from hostile import HOSTILE
from longismore._jsonl import write_json, write_jsonl
from longismore.errors import ConfigError, DataError
from longismore.instructions import open_data
from longismore.reports._distribution.bins import coarse_edges, counts_between, fine_edges, per_doubling, round_lengths
from longismore.reports._distribution.overlap import overlap_tables
from longismore.reports._distribution.table import distribution_tables
from longismore.reports._figure.file import check_figure, write_figure
from longismore.reports._figure.histogram import draw_histograms, histograms_height
from longismore.reports._figure.overlap import draw_overlap, overlap_height
from longismore.reports._figure.style import render
from longismore.reports.distribution import PARTS, Description, Lengths, describe, draw_lengths

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.table import Table


def chars(texts: Sequence[str]) -> list[int]:
    """How many characters each text has."""
    return list(map(len, texts))


def made(name: str = "pool", rows: int = 3000, seed: int = 1, *, inputs: int = 900) -> Description:
    """A description with lognormal lengths."""
    rng = np.random.default_rng(seed)
    sizes = {"instruction": (3.5, rows), "input": (4.0, inputs), "response": (5.0, rows)}
    lengths = {
        part: Lengths(np.maximum(1, rng.lognormal(mean, 0.8, size)).astype(np.int64))
        for part, (mean, size) in sizes.items()
    }
    return Description(
        name=name,
        format="alpaca",
        measure="chars",
        rows=rows,
        turns=rows,
        most_turns=1,
        with_input=inputs,
        repeated={"content": 0, "prompt": 1, "instruction": 2},
        lengths=lengths,
    )


def printed(tables: list[Table], width: int = 80) -> str:
    """What a terminal of that width shows."""
    console = Console(width=width)
    with console.capture() as capture:
        for table in tables:
            console.print(table)
    return capture.get()


def test_every_kind_of_row_is_counted(tmp_path: Path) -> None:
    """Turns, inputs, system messages, rows and turns without an answer, and what repeats, by hand."""

    def talk(*texts: str, system: str = "") -> dict[str, Any]:
        speakers = ["system"] * bool(system) + ["human", "gpt"] * len(texts)
        values = [system] * bool(system) + list(texts)
        return {"conversations": [{"from": who, "value": text} for who, text in zip(speakers, values, strict=False)]}

    rows = [
        talk("hello", "hi there"),
        talk("hello", "hi there"),
        talk("hello", "good day", system="be brief"),
        talk("hello", " "),
        talk("one", "1", "two", "", "three", "33"),
    ]
    write_json(tmp_path / "talks.json", rows)
    found = describe(open_data(tmp_path / "talks.json"), chars, name="talks", unit="chars").to_dict()
    expected = {
        "name": "talks",
        "format": "sharegpt",
        "rows": 5,
        "turns": 7,
        "multi_turn": 1,
        "most_turns": 3,
        "with_input": 0,
        "with_system": 1,
        "empty_responses": 1,
        "unanswered_turns": 1,
        "measure": "chars",
        "repeated": {"content": 1, "prompt": 2, "instruction": 3},
    }
    assert expected == {name: found[name] for name in expected}
    assert [5, 5, 5, 5, 11] == sorted(describe_values(tmp_path / "talks.json", "instruction"))
    assert [3, 8, 8, 8] == sorted(describe_values(tmp_path / "talks.json", "response"))  # white space is no answer
    assert {"rows": 0, "min": None, "p50": None} == {
        name: found["lengths"]["input"][name] for name in ("rows", "min", "p50")
    }


def describe_values(path: Path, part: str) -> list[int]:
    """The lengths of one part."""
    return describe(open_data(path), chars, name="x", unit="chars").lengths[part].values.tolist()


def test_figures_by_hand() -> None:
    """Quantiles of 1 to 101 lie at whole numbers; histograms hold every length once."""
    lengths = Lengths(np.arange(1, 102))
    assert {"min": 1, "p5": 6.0, "p25": 26.0, "p50": 51.0, "p75": 76.0, "p95": 96.0, "max": 101, "mean": 51.0} == (
        lengths.figures()
    )
    assert {"edges": [1, 2, 5, 10, 20, 50, 100, 200], "counts": [1, 3, 5, 10, 30, 50, 2]} == (
        lengths.to_dict()["histogram"]
    )


def test_the_published_pool_is_described(data: Path) -> None:
    """9,229 rows of Alpaca, four without an answer, 3,666 with an input, none twice."""
    pool = data / "pools" / "random_9k.json"
    found = describe(open_data(pool), chars, name="random_9k", unit="chars").to_dict()
    assert (9229, 3666, 4) == (found["rows"], found["with_input"], found["empty_responses"])
    assert {"content": 0, "prompt": 0, "instruction": 0} == found["repeated"]
    plain = sorted(len(row["output"]) for row in json.loads(pool.read_text(encoding="utf-8")) if row["output"])
    response = found["lengths"]["response"]
    assert (len(plain), plain[0], plain[len(plain) // 2], plain[-1]) == (
        response["rows"],
        response["min"],
        response["p50"],
        response["max"],
    )
    assert math.isclose(sum(plain) / len(plain), response["mean"])
    assert len(plain) == sum(response["histogram"]["counts"])


@pytest.mark.parametrize("values", [[1], [7], [1, 2, 3], [999_999, 1_000_000], [3, 10**7]])
def test_bins_hold_everything(values: list[int]) -> None:
    """Whatever the lengths, each lies in one bin, and the area under the curve is 1."""
    lengths = np.array(values)
    for edges in (fine_edges([lengths]), coarse_edges([lengths])):
        assert len(values) == sum(counts_between(lengths, edges))
        assert sorted(set(edges)) == list(edges)
    edges = fine_edges([lengths])
    widths = [math.log2(high / low) for low, high in pairwise(edges)]
    area = sum(height * width for height, width in zip(per_doubling(lengths, edges), widths, strict=True))
    assert math.isclose(1.0, area)


def test_bins_are_fair_to_whole_numbers() -> None:
    """Lengths with the same number of rows in each doubling give a flat curve, also where bins hold one number."""
    rng = np.random.default_rng(0)
    lengths = np.floor(2 ** rng.uniform(0, 10, 400_000)).astype(np.int64)
    edges = fine_edges([lengths])
    heights = per_doubling(lengths, edges)
    assert all(edge % 1 == 0.5 for edge in edges)
    assert all(0.07 < height < 0.13 for height in heights[4:]), heights
    assert [1, 2, 5, 10, 20, 50, 100] == round_lengths(1, 100)


def test_tables_fit_80_columns() -> None:
    """One file, or four with long names: no number is broken, and each bar's share stands before it."""
    several = [made("filtered_alpaca_1k_score", 1000), made("b"), made("c", 12_345_678 % 9000), made("d")]
    for descriptions in ([made()], several, [*several, made("fifth")]):
        text = printed(distribution_tables(descriptions))
        assert 80 >= max(map(len, text.splitlines()))
        assert "of rows in which the part is not empty" in text
        assert ("Lengths of the responses" in text) == (len(descriptions) <= 4)
    lines = printed(distribution_tables([made()])).splitlines()
    bars = {line.split()[0]: line.split()[1:] for line in lines if "%" in line and line.split()[1][-1:] == "%"}
    shares = [float(share.rstrip("%")) for share, *_ in bars.values()]
    assert abs(sum(shares) - 100) < 1
    longest = max(bars.values(), key=lambda cells: float(cells[0].rstrip("%")))
    assert 40 == len(longest[1])


def test_conversations_say_how_many_turns_they_have() -> None:
    """A note under the table, where there are any."""
    plain = made("talks")
    talks = Description(
        name="talks",
        format="messages",
        measure="chars",
        rows=10,
        turns=25,
        multi_turn=9,
        most_turns=4,
        repeated=plain.repeated,
        lengths=plain.lengths,
    )
    assert "talks: 2.5 turns a row, at most 4" in printed(distribution_tables([talks, plain]))
    assert "turns a row" not in printed(distribution_tables([plain]))


def test_nothing_but_empty_rows_is_shown_too(tmp_path: Path) -> None:
    """Without a single answer there are no bars, and no error."""
    write_jsonl(tmp_path / "a.jsonl", [{"instruction": "x", "output": ""}])
    found = describe(open_data(tmp_path / "a.jsonl"), chars, name="a", unit="chars")
    text = printed(distribution_tables([found]))
    assert "Lengths of the responses" not in text
    assert "instruction" in text


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, len(HOSTILE), 12))
def test_hostile_names_are_shown(start: int) -> None:
    """Nothing in a name is markup, mathematics or a control character, in curves and in ranges."""
    pytest.importorskip("matplotlib")
    descriptions = [made(name, 50, inputs=5) for name in list(HOSTILE.values())[start : start + 12]]
    for some in (descriptions[:3], descriptions):
        assert printed(distribution_tables(some))
        draw = partial(draw_histograms, descriptions=some)
        assert render(draw, height=histograms_height(some), formats=["svg"])["svg"]


@pytest.mark.slow
class TestPictures:
    """Files of matplotlib."""

    @pytest.fixture(autouse=True)
    def _plot(self) -> None:
        pytest.importorskip("matplotlib")

    def axes(self, descriptions: list[Description]) -> list[Any]:
        """Draw, and give the panels to look into."""
        kept: list[Any] = []

        def draw(figure: Any) -> None:
            draw_histograms(figure, descriptions)
            kept.extend(figure.axes)

        render(draw, height=histograms_height(descriptions), formats=["png"])
        return kept

    def test_one_data_set_is_filled_and_has_its_medians(self) -> None:
        """Three panels on one scale, with the number of rows where it is not all."""
        panels = self.axes([made()])
        titles = [panel.get_title(loc="left") for panel in panels]
        middle = made().lengths["instruction"].figures()["p50"]
        assert f"instruction, median {middle:.0f}" == titles[0]
        assert titles[1].startswith("input (900 of 3\N{NO-BREAK SPACE}000 rows), median")
        assert {"log"} == {panel.get_xscale() for panel in panels}
        assert 1 == len({panel.get_xlim() for panel in panels})
        for panel, part in zip(panels, PARTS, strict=True):
            heights, edges, _ = panel.patches[-1].get_data()
            lengths = made().lengths[part].values
            assert heights.tolist() == [100 * share for share in per_doubling(lengths, fine_edges([lengths]))]
            assert edges.tolist() == fine_edges([lengths])

    def test_several_data_sets_are_outlines(self) -> None:
        """Each has a colour and dashes of its own, and no panel where none has anything."""
        panels = self.axes([made(inputs=0), made("b", 500, 2, inputs=0), made("c", 40, 3, inputs=0)])
        assert ["instruction", "response"] == [panel.get_title(loc="left") for panel in panels]
        looks = [(patch.get_edgecolor(), patch.get_linestyle()) for patch in panels[0].patches]
        assert 3 == len({colour for colour, _ in looks}) == len({str(dashes) for _, dashes in looks})

    def test_many_data_sets_are_ranges(self) -> None:
        """A row for each, from the 5% to the 95% quantile, with the median; those without an input have none."""
        descriptions = [made(f"set {number}", 300, number, inputs=0 if number == 3 else 50) for number in range(6)]
        panels = self.axes(descriptions)
        assert [f"set {number}" for number in range(6)] == [text.get_text() for text in panels[0].get_yticklabels()]
        assert [18, 15, 18] == [len(panel.lines) for panel in panels]
        found = descriptions[0].lengths["instruction"].figures()
        assert [found["p5"], found["p95"]] == list(panels[0].lines[0].get_xdata())
        assert [found["p50"]] == list(panels[0].lines[2].get_xdata())

    def test_the_same_data_give_the_same_bytes(self, tmp_path: Path) -> None:
        """Every format is what its ending says, and is the same twice."""
        for kind, start in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
            one, two = tmp_path / "new" / f"one.{kind}", tmp_path / f"two.{kind}"
            draw_lengths([made(), made("b", 100)], one)
            draw_lengths([made(), made("b", 100)], two)
            assert one.read_bytes() == two.read_bytes()
            assert one.read_bytes().startswith(start)
        assert ET.parse(tmp_path / "two.svg").getroot().tag.endswith("svg")  # noqa: S314  our own file

    def test_nothing_cannot_be_drawn(self, tmp_path: Path) -> None:
        """Rows without a single text have no picture, and the message says so."""
        empty = Description(
            name="a", format="alpaca", measure="chars", lengths={part: Lengths(np.array([])) for part in PARTS}
        )
        with pytest.raises(DataError, match="a: there is no text whose length could be drawn"):
            draw_lengths([empty], tmp_path / "x.png")
        assert [] == list(tmp_path.iterdir())

    def test_an_overlap_has_its_numbers(self) -> None:
        """Sizes on the diagonal, counts with Jaccard beside it, and nothing where both are empty."""
        kept: list[Any] = []

        def draw(figure: Any) -> None:
            draw_overlap(figure, ["a", "b", "c"], [[4, 2, 0], [2, 3, 0], [0, 0, 0]], what="content")
            kept.extend(text.get_text() for text in figure.axes[0].texts)

        render(draw, height=overlap_height(["a", "b", "c"]), formats=["png"])
        assert ["4", "2\n0.400", "0\n0.000", "2\n0.400", "3", "0\n0.000", "0\n0.000", "0\n0.000", "0"] == kept

    def test_what_cannot_be_written_is_said(self, tmp_path: Path) -> None:
        """An ending that is no format, before anything is drawn; a folder in the way."""
        with pytest.raises(ConfigError, match=r'x.gif: a figure cannot be written as ".gif"; name a file that ends in'):
            check_figure(tmp_path / "x.gif")
        (tmp_path / "x.png").mkdir()
        with pytest.raises(DataError, match="cannot be written"):
            write_figure(lambda figure: figure.add_subplot(), height=1.0, path=tmp_path / "x.png")


def test_an_overlap_as_tables() -> None:
    """Two selections have a line; three a matrix too; the range by chance stands where it is known."""
    names = ["longest_1k", "a_selection_with_a_rather_long_name_of_its_own", "c"]

    def pair(one: int, other: int, chance: dict[str, Any] | None) -> dict[str, Any]:
        shares = {"count": 12, "of_one": 0.12, "of_other": None, "jaccard": None if other == 2 else 0.0638}
        return {"one": names[one], "other": names[other], **shares, "chance": chance, "than_chance": chance and "more"}

    chance = {"mean": 3.456, "ci": [0, 8]}
    two = {"names": names[:2], "counts": [[100, 12], [12, 100]], "pool": None, "pairs": [pair(0, 1, None)]}
    text = printed(overlap_tables(two))
    assert "Shared rows" not in text
    assert "0.064" in text
    assert "chance" not in text
    pairs = [pair(0, 1, chance), pair(0, 2, chance), pair(1, 2, chance)]
    three = {"names": names, "counts": [[100, 12, 12], [12, 100, 12], [12, 12, 0]], "pool": 5000, "pairs": pairs}
    text = printed(overlap_tables(three))
    assert 80 >= max(map(len, text.splitlines()))
    for expected in (
        "Shared rows",
        "(3)",
        "3.5 (0\N{EN DASH}8)",
        "more",
        "two random draws of these sizes from 5000 rows",
    ):
        assert expected in text
