"""What the figures of the report page are drawn from: scales, bins, curves and counts."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longismore.records import Judged, Outcome
from longismore.reports import summarize
from longismore.reports._page.bars import bars, forest
from longismore.reports._page.curve import curve_figure
from longismore.reports._page.entry import make_entries
from longismore.reports._page.judges import agreement_figures
from longismore.reports._page.length import length_bins, length_figure
from longismore.reports._page.svg import Axis, ticks
from longismore.reports._page.swap import swap_counts, swap_figure
from page_reader import Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from longismore.records import Verdict
    from longismore.reports import Rates


def texts(part: str, tag: str = "text") -> list[str]:
    """The texts in a part of a page."""
    return Page(f"<div>{part}</div>").texts_in(tag)


@pytest.fixture(name="rates", scope="module")
def _rates(make: Callable[..., Verdict]) -> Rates:
    """Of 40 pairs in which the candidate is longer in half and wins three of four."""
    verdicts = [
        make(float(number % 4 > 0), float(number % 4 > 0), chars=(100, 60 + 80 * (number % 2) + number))
        for number in range(40)
    ]
    return summarize(verdicts, draws=50).pooled


# --- scales


@given(low=st.floats(-1e4, 1e4), width=st.floats(1e-3, 1e4), most=st.integers(2, 9))
def test_ticks_are_few_round_and_inside(low: float, width: float, most: int) -> None:
    """At most so many, all on the axis, all multiples of one step, at least one of any two that a step allows."""
    marks = ticks(low, low + width, most)
    assert len(marks) <= most
    slack = 1e-6 * (abs(low) + width)
    assert all(low - slack <= mark <= low + width + slack for mark in marks)
    steps = {round(after - before, 6) for before, after in itertools.pairwise(marks)}
    assert len(steps) <= 1


def test_ticks_as_people_would_set_them() -> None:
    """0 to 1 in fifths; 45 to 70 percent in steps of five points; -1 to 5 by ones."""
    assert [0, 0.2, 0.4, 0.6, 0.8, 1] == ticks(0, 1, 6)
    assert [0.45, 0.5, 0.55, 0.6, 0.65, 0.7] == ticks(0.45, 0.7, 7)
    assert [-1, 0, 1, 2, 3, 4, 5] == ticks(-1, 5, 7)


def test_an_axis_ends_at_its_ends() -> None:
    """Values beyond lie on the edge, and labels near an edge grow inwards."""
    axis = Axis(0.0, 10.0, 100, 200)
    assert (100, 150, 200, 200) == tuple(axis.at(value) for value in (-3, 5, 10, 99))
    assert ("start", "middle", "end") == tuple(axis.anchor(value) for value in (1, 5, 9.5))


# --- bars and forest plot


def test_bars_have_the_shares_and_the_counts(make: Callable[..., Verdict]) -> None:
    """Six wins, three ties and a loss: 60, 30 and 10 percent wide, with the counts that have room, and in words."""
    verdicts = [*(make(1.0, 1.0) for _ in range(6)), *(make(0.5, 0.5) for _ in range(3)), make(0.0, 0.0)]
    part = bars(summarize(verdicts, draws=20))
    widths = re.findall(r'<rect class="(\w+)" x="([\d.]+)%" y="0" width="([\d.]+)%"', part)
    assert [("win", "0.00", "60.00"), ("tie", "60.00", "30.00"), ("lose", "90.00", "10.00")] == widths
    assert ["6", "3", "1"] == texts(part)
    assert 'aria-label="koala: 6 wins, 3 ties, 1 losses; win rate 75.0% (' in part


def test_a_count_without_room_is_left_to_the_table(make: Callable[..., Verdict]) -> None:
    """One tie of 20 has a bar but no number in it."""
    part = bars(summarize([*(make(1.0, 1.0) for _ in range(19)), make(0.5, 0.5)], draws=20))
    assert ["19"] == texts(part)


def test_the_forest_shows_raw_and_controlled_on_one_scale(make: Callable[..., Verdict]) -> None:
    """Every set and pooled: a circle and a rhomb, two lines, both numbers; the axis holds 50 % and all limits."""
    verdicts = [
        make(float(number % 3 > 0), 1.0, chars=(100, 80 + number), testset="ab"[number % 2]) for number in range(40)
    ]
    results = summarize(verdicts, draws=50)
    part = forest(results)
    assert (3, 3) == (part.count('<circle class="raw"'), part.count('<path class="lc"'))
    values = texts(part, "span")
    assert 6 == sum(text.startswith(("raw ", "LC ")) for text in values if text not in {"raw", "length-controlled"})
    labels = [int(text.removesuffix("%")) for text in texts(part)]
    groups = (results.pooled, *results.testsets.values())
    limits = [
        0.5,
        *(limit for rates in groups for each in (rates.win_rate_ci, rates.lc_win_rate_ci) for limit in each or ()),
    ]
    assert labels[0] - 5 <= 100 * min(limits)
    assert 100 * max(limits) <= labels[-1] + 5
    grid = [float(place) for place in re.findall(r'<line class="grid" x1="([\d.]+)%"', part)][: len(labels)]
    per_point = (grid[-1] - grid[0]) / (labels[-1] - labels[0])
    (half, *_) = re.findall(r'<line class="half" x1="([\d.]+)%"', part)
    assert grid[0] + (50 - labels[0]) * per_point == pytest.approx(float(half), abs=0.1)
    places = [float(place) for place in re.findall(r'c?x1?="([\d.]+)%"', part)]
    assert all(0 <= place <= 100 for place in places)


# --- sensitivity


def test_the_curve_marks_what_was_measured_and_where_it_tips(rates: Rates) -> None:
    """Measured slope with its band, the tipping slope on the line of 50 %, and both in words."""
    made = replace(
        rates, lc_win_rate=0.6, lc_win_rate_ci=(0.52, 0.68), length_slope=0.5, length_slope_ci=(0.1, 0.9),
        length_tipping_slope=2.4, length_points=-0.031,
        length_curve=tuple((slope / 2, 0.65 - 0.0625 * slope / 2) for slope in range(-2, 11)),
    )  # fmt: skip
    part = curve_figure(made)
    shown = texts(part)
    assert {"measured 0.50", "tips at 2.40", "50%", "assumed length slope (log odds)"} <= set(shown)
    assert ["\N{MINUS SIGN}1", "0", "1", "2", "3", "4", "5"] == [text for text in shown if re.fullmatch(r"\W?\d", text)]
    (band,) = re.findall(r'<rect class="band" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', part)
    (point,) = re.findall(r'<circle class="lc" cx="([\d.]+)"', part)
    assert float(band[0]) + float(band[1]) / 2 == pytest.approx(float(point), abs=0.1)
    (half,) = re.findall(r'<line class="half" x1="[\d.]+" y1="([\d.]+)"', part)
    assert f'cy="{half}"' in part
    caption = " ".join(texts(part, "p"))
    for words in (
        "0.50 (95% interval 0.10 to 0.90)", "60.0% (52.0\N{EN DASH}68.0)", "would be 50% if the slope were 2.40",
        "gains \N{MINUS SIGN}3.1 percentage points",
    ):  # fmt: skip
        assert words in caption


@pytest.mark.parametrize("slope", [-0.9, 0.4, 0.45, 2.0, 4.8])
@pytest.mark.parametrize("tipping", [-0.8, 0.4, 0.5, 2.1, 4.9])
def test_labels_of_the_curve_are_not_crossed(rates: Rates, slope: float, tipping: float) -> None:
    """Wherever the two slopes lie, no line runs through a label, and no label leaves the picture."""
    curve = tuple((each / 2, 0.5) for each in range(-2, 11))
    part = curve_figure(replace(rates, length_slope=slope, length_tipping_slope=tipping, length_curve=curve))
    lines = re.findall(r'<line class="(measured|tipping)" x1="([\d.]+)" y1="([\d.]+)"', part)
    labels = re.findall(r'<text class="strong" x="([\d.]+)" y="(\d+)" text-anchor="(\w+)">(.*?)</text>', part)
    assert (2, 2) == (len(lines), len({row for _, row, *_ in labels}))
    for x, y, anchor, shown in labels:
        width = 7.5 * len(shown)
        left = float(x) - {"start": 0, "middle": width / 2, "end": width}[anchor]
        assert 0 <= left <= left + width <= 400
        for _, place, top in lines:
            inside = left + 1 < float(place) < left + width - 1
            assert not (inside and float(top) < float(y)), shown


def test_without_a_tipping_slope_the_curve_says_so(rates: Rates) -> None:
    """Nothing is marked that lies nowhere, or beyond the edge of the picture."""
    assert "would bring the rate to 50%" in curve_figure(replace(rates, length_tipping_slope=None))
    beyond = curve_figure(replace(rates, length_tipping_slope=9.0))
    assert "tips at" not in " ".join(texts(beyond))
    assert "if the slope were 9.00" in " ".join(texts(beyond, "p"))


def test_a_flat_curve_has_a_scale(rates: Rates) -> None:
    """All rates equal: the picture has a height all the same, and no number that is none."""
    for level in (0.0, 0.5, 1.0):
        flat = replace(
            rates, lc_win_rate=level, lc_win_rate_ci=(level, level), length_slope_ci=None,
            length_curve=((0.0, level), (1.0, level)),
        )  # fmt: skip
        assert "nan" not in curve_figure(flat)


def test_without_length_control_there_is_no_curve(rates: Rates) -> None:
    """Nothing was judged, or nothing was fitted."""
    assert curve_figure(replace(rates, length_curve=())) == curve_figure(replace(rates, length_slope=None)) == ""


# --- length


def test_bins_hold_all_pairs_in_the_order_of_their_difference(make: Callable[..., Verdict]) -> None:
    """210 pairs: ten bins of 21, from shorter to longer; the rates are those of the pairs inside."""
    verdicts = [make(float(number > 105), float(number > 105), chars=(1000, 895 + number)) for number in range(210)]
    bins = length_bins(verdicts, 50.0)
    assert [21] * 10 == [each.n for each in bins]
    assert [(-105, -85), (84, 104)] == [(bins[0].low, bins[0].high), (bins[-1].low, bins[-1].high)]
    assert [0.0, 1.0] == [bins[0].win_rate, bins[-1].win_rate]
    assert bins[5].win_rate == pytest.approx(20 / 21)
    assert all(low <= each.win_rate <= high for each in bins for low, high in [each.win_rate_ci])
    assert math.tanh(-105 / 50) < bins[0].place < math.tanh(-85 / 50)


def test_a_difference_of_many_pairs_is_not_split(make: Callable[..., Verdict]) -> None:
    """200 pairs of three differences make three bins of unequal size, although ten would have room."""
    sizes = {-10: 65, 0: 90, 25: 45}
    verdicts = [make(1.0, 1.0, chars=(100, 100 + each)) for each, count in sizes.items() for _ in range(count)]
    assert sizes == {each.low: each.n for each in length_bins(verdicts, 10.0)}


@given(differences=st.lists(st.integers(-30, 30), min_size=1, max_size=300))
def test_equal_differences_share_a_bin(make: Callable[..., Verdict], differences: list[int]) -> None:
    """No difference stands in two bins, none is lost, and there are ten bins at most."""
    bins = length_bins([make(1.0, 0.5, chars=(100, 100 + each)) for each in differences], 10.0)
    assert len(differences) == sum(each.n for each in bins)
    assert len(bins) <= 10
    assert all(before.high < after.low for before, after in itertools.pairwise(bins))


def test_the_length_figure_says_how_often_the_longer_answer_wins(make: Callable[..., Verdict]) -> None:
    """Three of four decided pairs go to the longer answer; ties and equal lengths are not among them."""
    verdicts = [
        make(1.0, 1.0, chars=(100, 300)), make(1.0, 1.0, chars=(100, 200)), make(0.0, 0.0, chars=(100, 50)),
        make(1.0, 1.0, chars=(100, 20)), make(0.5, 0.5, chars=(100, 900)), make(1.0, 1.0, chars=(100, 100)),
        make(1.0, None, chars=(100, 5000)),
    ]  # fmt: skip
    part = length_figure(verdicts, summarize(verdicts, draws=20).pooled)
    assert "The longer answer won 75.0% of the 4 pairs that were decided." in " ".join(texts(part, "p"))
    assert {"win", "tie", "lose", "0"} <= set(texts(part))
    marks = {kind: drawn.count("M") for kind, drawn in re.findall(r'<path class="rug (\w+)" d="(.*?)"', part)}
    assert {"win": 4, "tie": 1, "lose": 1} == marks


def test_without_length_control_no_line_is_fitted(make: Callable[..., Verdict]) -> None:
    """The dots are there; a line only where there is a rate and a slope."""
    verdicts = [make(1.0, 0.0, chars=(100, 50 + number)) for number in range(30)]
    rates = summarize(verdicts, draws=5).pooled
    whole = length_figure(verdicts, rates)
    assert '<path class="fit"' in whole
    assert "No pair of unequal lengths was decided." in " ".join(texts(whole, "p"))
    for without in (replace(rates, length_slope=None), replace(rates, lc_win_rate=1.0)):
        part = length_figure(verdicts, without)
        assert '<circle class="mark"' in part
        assert '<path class="fit"' not in part


def test_labels_of_lengths_do_not_meet(make: Callable[..., Verdict]) -> None:
    """Whatever the lengths, there are at least two labels, and none is nearer to its neighbour than a label is wide."""
    for scale in (1, 7, 60, 800, 40_000):
        verdicts = [make(1.0, 1.0, chars=(100_000, 100_000 + scale * step)) for step in range(-5, 6)]
        part = length_figure(verdicts, summarize(verdicts, draws=5).pooled)
        found = re.findall(r'<text x="([\d.]+)" y="284" text-anchor="middle">', part)
        places = sorted(float(place) for place in found)
        assert len(places) >= 2
        assert all(after - before >= 33 for before, after in itertools.pairwise(places))


# --- order


def test_the_matrix_counts_what_the_orders_say(make: Callable[..., Verdict]) -> None:
    """Rows with the reference first, columns with the candidate first; half verdicts are not in it."""
    both = [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 1.0), (0.5, 0.9), (0.2, 0.5), (1.0, None)]
    verdicts = [make(*each) for each in both]
    counts = {key: count for key, count in swap_counts(verdicts).items() if count}
    win, tie, lose = Outcome
    assert {(win, win): 1, (win, lose): 1, (lose, win): 2, (tie, win): 1, (lose, tie): 1} == counts
    part = swap_figure(verdicts)
    assert ["1", "0", "1", "1", "0", "0", "2", "1", "0"] == texts(part, "b")
    caption = " ".join(texts(part, "p"))
    assert "In 1 of 6 pairs (16.7%, framed) both orders say the same." in caption
    assert "In 2 pairs the answer shown first won both times, in 1 the one shown second" in caption
    assert 3 == part.count(' same"')


# --- judges


def test_judges_without_a_shared_pair_are_said_to_have_none(make: Callable[..., Verdict]) -> None:
    """Two judges of other pairs: a matrix without a number."""
    parts = [
        Judged(judge=name, fingerprint=name, reference="a", candidate="b", verdicts=(make(1.0, 1.0),)) for name in "xy"
    ]
    (part,) = agreement_figures(make_entries(parts, [summarize(each.verdicts, draws=5) for each in parts]))
    assert ["no shared pair"] * 2 == texts(part, "b")
    assert "no pair was judged by two of them." in texts(part, "p")
