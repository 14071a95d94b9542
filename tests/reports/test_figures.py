"""Figures: which there are, what they show, the same bytes each time, and hostile names."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from hostile import HOSTILE
from longismore.errors import ConfigError, MissingDependencyError
from longismore.records import Judged
from longismore.reports._figure.curve import draw_curve
from longismore.reports._figure.forest import draw_forest
from longismore.reports._figure.length import draw_length
from longismore.reports._figure.outcomes import draw_outcomes
from longismore.reports._figure.style import headings, render
from longismore.reports.figures import draw_figures
from longismore.reports.winrate import summarize

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from longismore.records import Verdict
    from longismore.reports import Results

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _plot() -> None:
    """Skip where matplotlib is not installed."""
    pytest.importorskip("matplotlib")


@pytest.fixture(name="verdicts", scope="module")
def _verdicts(make: Callable[..., Verdict]) -> list[Verdict]:
    """Sixty pairs of two test sets, of which two were not judged."""
    shares = [(1.0, 1.0), (1.0, 0.0), (0.0, 0.0), (1.0, 0.5), (1.0, 1.0), (0.0, 0.5)]
    judged = [
        make(*shares[number % 6], testset="koala" if number % 3 else "lima", chars=(100 + number, 60 + 4 * number))
        for number in range(58)
    ]
    return [*judged, make(1.0, None), make(None, None)]


@pytest.fixture(name="results", scope="module")
def _results(verdicts: list[Verdict]) -> Results:
    return summarize(verdicts, draws=50)


def _judged(verdicts: list[Verdict], judge: str = "openai/judge", candidate: str = "tuned") -> Judged:
    return Judged(judge=judge, fingerprint=None, reference="base", candidate=candidate, verdicts=tuple(verdicts))


def _axes(draw: Callable[..., None]) -> Any:
    """Draw, and give what was drawn to look into."""
    kept: list[Any] = []

    def keep(figure: Any) -> None:
        draw(figure)
        kept.append(figure.axes[0])

    render(keep, height=3.0, formats=["png"])
    return kept[0]


def test_one_comparison_has_four_figures(verdicts: list[Verdict], results: Results, tmp_path: Path) -> None:
    """Each is written in both formats, and the files are what their names say."""
    files = draw_figures([_judged(verdicts)], [results], tmp_path / "new")
    names = ["forest", "outcomes", "curve", "length"]
    assert [tmp_path / "new" / f"{name}.{kind}" for name in names for kind in ("png", "svg")] == files
    for file in files:
        if file.suffix == ".png":
            assert file.read_bytes().startswith(b"\x89PNG")
        else:
            assert ET.parse(file).getroot().tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314  our own file


def test_several_comparisons_are_numbered(verdicts: list[Verdict], results: Results, tmp_path: Path) -> None:
    """Two judges of the same models share forest, outcomes and an agreement matrix, and have their own curves."""
    judged = [_judged(verdicts), _judged(verdicts, judge="other/judge")]
    files = draw_figures(judged, [results, results], tmp_path, ["png"], draws=20)
    expected = ["forest", "outcomes", "curve-1", "length-1", "curve-2", "length-2", "agreement"]
    assert expected == [file.stem for file in files]


def test_many_judges_have_one_matrix(verdicts: list[Verdict], results: Results, tmp_path: Path) -> None:
    """With more than three judges the matrix has numbered columns; each two models have their own."""
    judged = [_judged(verdicts, judge=f"judge {number}") for number in range(4)]
    judged += [_judged(verdicts[:9], judge="judge 0", candidate="c"), _judged(verdicts[30:], judge="j", candidate="c")]
    files = draw_figures(judged, [results] * 6, tmp_path, ["png"], draws=20)
    assert ["agreement-1", "agreement-2"] == [file.stem for file in files][-2:]


def test_the_same_data_give_the_same_bytes(verdicts: list[Verdict], results: Results, tmp_path: Path) -> None:
    """Drawn twice, also under other settings of matplotlib, every file is the same."""
    import matplotlib as mpl

    judged = [_judged(verdicts), _judged(verdicts, judge="other")]
    formats = ["png", "svg", "pdf"]
    first = draw_figures(judged, [results] * 2, tmp_path / "one", formats, draws=20)
    with mpl.rc_context({"font.size": 20, "axes.grid": False, "svg.hashsalt": None, "text.usetex": True}):
        second = draw_figures(judged, [results] * 2, tmp_path / "two", formats, draws=20)
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_settings_of_matplotlib_stay_as_they_were(verdicts: list[Verdict], tmp_path: Path) -> None:
    """Pyplot is not imported, and a program's own style survives."""
    program = f"""
import sys
from pathlib import Path
import matplotlib
from longismore.records import Judged, Outcome, Status, Verdict
from longismore.reports.figures import draw_figures
from longismore.reports.winrate import summarize
matplotlib.rcParams["font.size"] = 23
def settings():
    return {{key: matplotlib.rcParams[key] for key in matplotlib.rcParams if key != "backend"}}
before = settings()
verdicts = [Verdict(id=str(n), testset="koala", prompt=str(n), reference_chars=10, candidate_chars=10 + n,
                    statuses=(Status.JUDGED,) * 2, preferences=(1.0, 1.0), outcome=Outcome.WIN) for n in range(9)]
judged = Judged(judge="j", fingerprint=None, reference="a", candidate="b", verdicts=tuple(verdicts))
print(len(draw_figures([judged], [summarize(verdicts, draws=20)], Path({str(tmp_path)!r}))))
assert before == settings()
assert "matplotlib.pyplot" not in sys.modules
"""
    ran = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert (0, "8") == (ran.returncode, ran.stdout.strip()), ran.stderr


def test_forest_shows_both_rates_with_their_intervals(verdicts: list[Verdict], results: Results) -> None:
    """Every row has a bar from limit to limit and a mark at the rate, raw above length-controlled."""
    axes = _axes(partial(draw_forest, judged=[_judged(verdicts)], results=[results]))
    drawn = [tuple(map(float, line.get_xdata())) for line in axes.lines]
    for rates in (*results.testsets.values(), results.pooled):
        for rate, interval in ((rates.win_rate, rates.win_rate_ci), (rates.lc_win_rate, rates.lc_win_rate_ci)):
            assert rate is not None
            assert interval is not None
            assert (100 * interval[0], 100 * interval[1]) in drawn
            assert (100 * rate,) in drawn
    assert ["lima (n = 20)", "koala (n = 38)", "pooled (n = 58)"] == [
        text.get_text() for text in axes.get_yticklabels()
    ]


def test_outcomes_add_up(verdicts: list[Verdict], results: Results) -> None:
    """The parts of a bar are the five outcomes, in percent of the judged pairs."""
    axes = _axes(partial(draw_outcomes, judged=[_judged(verdicts)], results=[results]))
    widths = [bar.get_width() for bar in axes.patches][-5:]
    pooled = results.pooled
    assert pytest.approx([100 * count / pooled.n for count in pooled.outcomes.values()]) == widths
    assert pytest.approx(100) == sum(widths)


def test_curve_shows_the_tipping_slope(verdicts: list[Verdict], results: Results) -> None:
    """The mark stands where the curve crosses 50 %, and is left out where that is beyond the curve."""
    tipping = replace(results.pooled, length_tipping_slope=1.5)
    beyond = replace(results.pooled, length_tipping_slope=9.0)
    shown = _axes(partial(draw_curve, comparison=_judged(verdicts), rates=tipping))
    hidden = _axes(partial(draw_curve, comparison=_judged(verdicts), rates=beyond))
    assert [[1.5]] == [list(line.get_xdata()) for line in shown.lines if line.get_marker() == "v"]
    assert [] == [line for line in hidden.lines if line.get_marker() == "v"]


def test_length_shows_every_judged_pair(verdicts: list[Verdict], results: Results) -> None:
    """Each pair with an outcome has a tick, those without have none."""
    axes = _axes(partial(draw_length, comparison=_judged(verdicts), rates=results.pooled))
    assert 58 == sum(len(each.get_segments()) for each in axes.collections)


def test_equal_lengths_have_no_length_figure(make: Callable[..., Verdict], tmp_path: Path) -> None:
    """Without a difference there is nothing to draw; a single pair of one order has bars of its own."""
    verdicts = [replace(make(1.0, None), outcome=make(1.0, 1.0).outcome, one_order=True)]
    files = draw_figures([_judged(verdicts)], [summarize(verdicts, draws=20)], tmp_path, ["png"])
    assert "length" not in [file.stem for file in files]
    assert "outcomes" in [file.stem for file in files]


def test_nothing_judged_has_no_figures(make: Callable[..., Verdict], tmp_path: Path) -> None:
    """No file and no folder is made where no pair was judged."""
    verdicts = [make(None, None)]
    assert [] == draw_figures([_judged(verdicts)], [summarize(verdicts)], tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_headings_say_what_differs(verdicts: list[Verdict]) -> None:
    """Only judges, only models, or both."""
    one, other, third = _judged(verdicts), _judged(verdicts, judge="j"), _judged(verdicts, candidate="new")
    assert ["judged by openai/judge", "judged by j"] == headings([one, other])
    assert ["tuned vs base", "new vs base"] == headings([one, third])
    assert ["tuned vs base, j", "new vs base, openai/judge"] == headings([other, third])


def test_names_are_not_read_as_mathematics(verdicts: list[Verdict], results: Results, tmp_path: Path) -> None:
    """Broken formulas, other scripts and control characters are drawn, or replaced, without a warning."""
    names = [r"$\frac{1}{", "$x$ $", "\u6a21\u578b \u0645", "a\x00b\nc\u202e", "%s {} &", "", "x" * 500]
    judged = [_judged(verdicts, judge=name, candidate=name) for name in names]
    named = [replace(results, testsets={name: results.pooled, "koala": results.pooled}) for name in names]
    assert 16 == len(draw_figures(judged, named, tmp_path, ["svg"], draws=5))


@pytest.mark.parametrize("start", range(0, len(HOSTILE), 12))
def test_hostile_names_are_drawn(verdicts: list[Verdict], results: Results, start: int) -> None:
    """Every text that tests call hostile can stand in a heading and in a row."""
    names = list(HOSTILE.values())[start : start + 12]
    judged = [_judged(verdicts, judge=name, candidate=name) for name in names]
    named = [replace(results, testsets={name: results.pooled}) for name in names]
    assert render(partial(draw_forest, judged=judged, results=named), height=6.0, formats=["svg"])["svg"]


def test_other_formats_are_refused(verdicts: list[Verdict], results: Results, tmp_path: Path) -> None:
    """A format that cannot be written is named before anything is drawn."""
    with pytest.raises(ConfigError, match='figures cannot be drawn as "gif"; formats: png, svg, pdf'):
        draw_figures([_judged(verdicts)], [results], tmp_path, ["png", "gif"])
    assert [] == list(tmp_path.iterdir())


def test_results_must_match(verdicts: list[Verdict], results: Results, tmp_path: Path) -> None:
    """A result too many is a mistake of the caller."""
    with pytest.raises(ValueError, match="longer"):
        draw_figures([_judged(verdicts)], [results] * 2, tmp_path)


def test_without_matplotlib_the_extra_is_named(
    verdicts: list[Verdict], results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says what to install."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match=r"longismore\[plot\]"):
        draw_figures([_judged(verdicts)], [results], tmp_path)
