from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from longismore.judges import RateLimits
from longismore.judges import _pace as pace_module
from longismore.judges._pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Clock:
    """Time that passes only while somebody sleeps."""

    now: float = 1000.0

    def monotonic(self) -> float:
        """The time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the pace."""
    made = Clock()
    monkeypatch.setattr(pace_module, "_now", made.monotonic)
    monkeypatch.setattr(pace_module, "_sleep", made.sleep)
    return made


def sent(pace: Pace, clock: Clock, number: int, tokens: float = 10.0) -> float:
    """Send so many requests, one after another; the seconds it takes."""
    started = clock.now

    async def send() -> None:
        for _ in range(number):
            await pace.turn(tokens)

    asyncio.run(send())
    return clock.now - started


def requests(limit: int, left: int, reset_s: float | None = None) -> RateLimits:
    """What a provider says of requests."""
    return RateLimits(requests_per_minute=limit, requests_left=left, requests_reset_s=reset_s)


def tokens(limit: int, left: int, reset_s: float | None = None) -> RateLimits:
    """What a provider says of tokens."""
    return RateLimits(tokens_per_minute=limit, tokens_left=left, tokens_reset_s=reset_s)


def test_unknown_limits_hold_nobody_up(clock: Clock) -> None:
    """A provider that says nothing is asked as fast as the places allow."""
    assert sent(Pace(), clock, 1000) == 0


def test_requests_left_are_sent_at_once_then_at_the_limit(clock: Clock) -> None:
    """Of 60 a minute 10 are left: ten go at once, then one a second."""
    pace = Pace()
    pace.answered(requests(60, 10), expected=10, tokens=None)
    assert sent(pace, clock, 10) == 0
    assert sent(pace, clock, 5) == pytest.approx(5)


def test_time_until_all_is_back_says_how_fast(clock: Clock) -> None:
    """A limit of 100 of which all is gone, and back in 1000 s, is one request in ten seconds, not 100 a minute."""
    pace = Pace()
    pace.answered(requests(100, 0, reset_s=1000), expected=10, tokens=None)
    assert sent(pace, clock, 3) == pytest.approx(30)


def test_tokens_are_limited_too(clock: Clock) -> None:
    """Of 6,000 tokens a minute 100 are left: a request of 200 waits one second."""
    pace = Pace()
    pace.answered(tokens(6000, 100), expected=10, tokens=None)
    assert sent(pace, clock, 1, tokens=200) == pytest.approx(1)


def test_answer_that_was_shorter_gives_tokens_back(clock: Clock) -> None:
    """What a request was taken for and did not use is there for the next."""
    pace = Pace()
    pace.answered(tokens(6000, 300), expected=0, tokens=None)
    sent(pace, clock, 1, tokens=300)
    pace.answered(None, expected=300, tokens=100)
    assert sent(pace, clock, 1, tokens=200) == 0


def test_request_larger_than_the_limit_waits_for_a_full_one(clock: Clock) -> None:
    """A request beyond the whole limit is sent when all is there, not never."""
    pace = Pace()
    pace.answered(tokens(600, 0), expected=0, tokens=None)
    assert sent(pace, clock, 1, tokens=10_000) == pytest.approx(60)


def test_late_answer_does_not_raise_what_is_left(clock: Clock) -> None:
    """An answer that was on its way says more is left than there is: ours, which is lower, stays."""
    pace = Pace()
    pace.answered(requests(60, 5), expected=10, tokens=None)
    sent(pace, clock, 5)
    pace.answered(requests(60, 5), expected=10, tokens=None)
    assert sent(pace, clock, 1) == pytest.approx(1)


def test_few_429s_are_left_to_their_own_calls(clock: Clock) -> None:
    """One 429 in twenty answers is tried again by itself; nobody else waits."""
    pace = Pace()
    for _ in range(10):
        for _ in range(19):
            pace.answered(None, expected=10, tokens=None)
        pace.refused(None, 5.0)
    assert sent(pace, clock, 100) == 0


def test_many_429s_stop_all_and_teach_the_rate(clock: Clock) -> None:
    """Ten answers in ten seconds and then only 429s: all wait as long as the provider said, then go slower."""
    pace = Pace()
    for _ in range(10):
        clock.now += 1
        pace.answered(None, expected=10, tokens=None)
    for _ in range(8):
        pace.refused(None, 7.0)
    assert sent(pace, clock, 1) >= 7
    assert sent(pace, clock, 9) == pytest.approx(9, rel=0.25)


def test_rate_grows_again(clock: Clock) -> None:
    """With every answer the learned rate grows by a hundredth: 70 of them double it."""
    pace = Pace()
    for _ in range(8):
        pace.refused(None, None)
    slow = sent(pace, clock, 20)
    for _ in range(140):
        pace.answered(None, expected=10, tokens=None)
    assert sent(pace, clock, 20) < slow / 3


@pytest.mark.parametrize("make", [requests, tokens])
def test_limits_without_numbers_are_none(make: Callable[..., RateLimits], clock: Clock) -> None:
    """A limit of 0 or one that is only half told teaches nothing."""
    pace = Pace()
    pace.answered(make(0, 0), expected=10, tokens=None)
    pace.answered(RateLimits(requests_per_minute=60), expected=10, tokens=None)
    assert sent(pace, clock, 50) == 0
