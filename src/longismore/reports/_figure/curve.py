"""The length-controlled win rate over every assumed taste for length, with the measured one and the tipping slope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._figure.style import ALERT, BLUE, INK, compared, label, write_title

if TYPE_CHECKING:
    from longismore.records import Judged
    from longismore.reports._figure.style import Axes, Canvas
    from longismore.reports._rates import Rates

__all__ = ["can_draw_curve", "draw_curve"]


def can_draw_curve(rates: Rates) -> bool:
    """Whether there is a curve to draw."""
    return len(rates.length_curve) > 1 and rates.length_slope is not None and rates.lc_win_rate is not None


def draw_curve(figure: Canvas, comparison: Judged, rates: Rates) -> None:
    """Draw the curve of all pairs."""
    from matplotlib.ticker import MaxNLocator

    axes = figure.add_subplot()
    slopes, shares = [slope for slope, _ in rates.length_curve], [100 * rate for _, rate in rates.length_curve]
    axes.axhline(50, color=INK, linewidth=0.8, zorder=1)
    if rates.length_slope_ci is not None:
        low, high = rates.length_slope_ci
        axes.axvspan(low, high, color=BLUE, alpha=0.13, linewidth=0, label="measured slope, 95% interval")
    axes.plot(slopes, shares, color=BLUE, linewidth=1.4, label="candidate preferred at equal length")
    _measured(axes, rates)
    tipping = rates.length_tipping_slope
    if tipping is not None and slopes[0] <= tipping <= slopes[-1]:
        axes.plot([tipping], [50], "v", color=ALERT, markersize=5, zorder=4, label=f"tipping slope, {tipping:.2f}")
    axes.set_xlim(slopes[0], slopes[-1])
    axes.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10], integer=True))
    axes.set_xlabel("assumed length slope (log odds)")
    axes.set_ylabel("candidate preferred, %")
    write_title(figure, compared(comparison), f"judged by {label(comparison.judge)}")
    figure.legend(loc="outside lower center", ncols=1, alignment="left")


def _measured(axes: Axes, rates: Rates) -> None:
    if rates.length_slope is None or rates.lc_win_rate is None:
        return
    if rates.lc_win_rate_ci is not None:
        low, high = (100 * limit for limit in rates.lc_win_rate_ci)
        axes.plot([rates.length_slope] * 2, [low, high], color=INK, linewidth=1.0, zorder=3)
    shown = f"measured: slope {rates.length_slope:.2f}, {100 * rates.lc_win_rate:.1f}%"
    axes.plot([rates.length_slope], [100 * rates.lc_win_rate], "o", color=INK, markersize=4, zorder=4, label=shown)
