"""The answer to "better, or only longer?" in one word, with its reason and what it leans on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._words import percent, percent_sentence

if TYPE_CHECKING:
    from longismore.reports.length_control import LengthControl

__all__ = ["ANSWERS", "answer", "warning"]

ANSWERS = ("better", "only longer", "worse", "cannot tell")
_EVEN = 0.5
_HALF = 0.5
_SURE = 0.95
_DASH = "\N{EN DASH}"


def answer(preference: float, preference_ci: tuple[float, float], control: LengthControl) -> tuple[str, str]:
    """Decide, and say why.

    *better* and *worse*: the interval of the length-controlled rate lies on one side of 50 %. *only longer*: the raw
    preference is above 50 % for sure, the length-controlled one is not, and at least half of the advantage is gone.
    Everything else, and what the prior alone would decide, is *cannot tell*.

    Args:
        preference: The candidate's raw share.
        preference_ci: Its interval.
        control: The same with length taken out.

    Returns:
        One of `ANSWERS`, and a sentence.
    """
    low, high = control.lc_win_rate_ci
    controlled = percent_sentence(control.lc_win_rate, control.lc_win_rate_ci)
    shown = f"at equal length the candidate is preferred in {controlled}"
    raw = f"raw preference {percent_sentence(preference, preference_ci)}"
    if low > _EVEN:
        return "better", f"{shown}; {raw}{_tipping(control)}"
    wins_raw = preference_ci[0] > _EVEN
    if high < _EVEN:
        longer = f"{raw}, but {shown}: the reference would win"
        return ("only longer", longer) if wins_raw else ("worse", f"{shown}; {raw}{_tipping(control)}")
    if wins_raw and control.length_only > _SURE:
        return "only longer", f"{raw}, and nothing but length explains the verdicts: the longer answer wins; {shown}"
    gone = control.lc_win_rate - _EVEN <= _HALF * (preference - _EVEN)
    if wins_raw and gone and not control.leans:
        return "only longer", f"{raw}, but {shown}, which includes 50%"
    if _includes(preference_ci):
        return "cannot tell", f"{raw} and {shown}: both include 50%"
    why = ": the pairs do not separate length from quality" if control.leans else ", which includes 50%"
    return "cannot tell", f"{raw}; {shown}{why}"


def _includes(interval: tuple[float, float]) -> bool:
    return interval[0] <= _EVEN <= interval[1]


def _tipping(control: LengthControl) -> str:
    """Say how far the slope is from the one at which nothing would be left."""
    measured = f"{control.slope:.2f} ({control.slope_ci[0]:.2f}{_DASH}{control.slope_ci[1]:.2f})"
    if control.tipping_slope is None:
        return f"; no length slope from -10 to 10 would make it even, the fitted one is {measured}"
    return f"; it would be even at a length slope of {control.tipping_slope:.2f}, the fitted one is {measured}"


def warning(control: LengthControl) -> str | None:
    """Say when the estimate leans on the prior, or ``None``."""
    if control.length_only > _SURE:
        return (
            f"this judge seems to like nothing but length (probability {percent(control.length_only)}%, "
            f"{percent(control.prior.length_only)}% before the pairs were seen): its verdicts say nothing of quality"
        )
    prior = f"{control.prior.source}, N({control.prior.mean:g}, {control.prior.sd:g}^2)"
    weight = f"{percent(control.prior_weight)}% of what is known of the slope comes from its prior ({prior})"
    if control.hardly_overlaps:
        return (
            f"lengths hardly overlap (overlap {control.overlap:.2f} of 1): the length-controlled rate leans on the "
            f"prior of the length slope; {weight}"
        )
    if control.leans:
        return f"the length-controlled rate leans on the prior of the length slope: {weight}"
    return None
