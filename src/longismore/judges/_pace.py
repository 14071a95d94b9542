"""How fast a provider may be asked: limits learned from what it says, and from its 429s.

Providers tell with each answer how many requests and tokens are left, and when the whole limit is there again.
A bucket of ours follows theirs: sending takes from it, time fills it. A provider that tells nothing and answers
429 to more than a third of what it is sent gets a pause, and from then on the rate at which it did answer; that
rate grows again with every answer.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longismore.judges._client import RateLimits

__all__ = ["Pace"]

_WINDOW = 20
_TOO_MANY_OF_THEM = 8
"""So many 429s among the last 20 outcomes are no accident."""
_MEASURED_S = 10.0
_FIRST_HOLD_S = 1.0
_SLOWEST_PER_S = 0.2
_GROWTH = 1.01
_SHARE_OF_MEASURED = 0.9
_MINUTE_S = 60.0
_NEXT_TO_NOTHING = 1e-6
_now = time.monotonic
_sleep = asyncio.sleep


@dataclass(slots=True)
class _Bucket:
    """What may still be sent, filled by time."""

    level: float
    per_s: float
    most: float
    at: float

    def fill(self, now: float) -> None:
        self.level = min(self.most, self.level + (now - self.at) * self.per_s)
        self.at = now

    def wait_s(self, amount: float, now: float) -> float:
        """Seconds until *amount* is there; what is larger than the bucket waits for a full one."""
        self.fill(now)
        lacking = min(amount, self.most) - self.level
        # Rounding must not leave a wait so short that time does not move.
        return lacking / self.per_s if lacking > _NEXT_TO_NOTHING else 0.0


@dataclass(slots=True)
class Pace:
    """Of one provider, in one run."""

    _requests: _Bucket | None = None
    _tokens: _Bucket | None = None
    _cap: _Bucket | None = None
    """Learned from 429s, where the provider does not tell its limits."""
    _hold_until: float = 0.0
    _limited: deque[bool] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    _answers: deque[float] = field(default_factory=deque)
    """When the last answers arrived."""

    async def turn(self, tokens: float) -> None:
        """Wait until a request of about so many tokens may be sent, and take what it needs."""
        while (wait_s := self._wait_s(tokens, _now())) > 0:
            await _sleep(wait_s)
        for bucket, amount in ((self._requests, 1.0), (self._tokens, tokens), (self._cap, 1.0)):
            if bucket is not None:
                bucket.level -= amount

    def _wait_s(self, tokens: float, now: float) -> float:
        waits = [self._hold_until - now]
        for bucket, amount in ((self._requests, 1.0), (self._tokens, tokens), (self._cap, 1.0)):
            if bucket is not None:
                waits.append(bucket.wait_s(amount, now))
        return max(waits)

    def answered(self, limits: RateLimits | None, *, expected: float, tokens: float | None) -> None:
        """Learn from an answer.

        Args:
            limits: What the provider said beside it.
            expected: The tokens that its request was taken for.
            tokens: What it really had; ``None`` where unknown.
        """
        now = _now()
        self._limited.append(False)
        self._answers.append(now)
        while self._answers and self._answers[0] < now - _MEASURED_S:
            self._answers.popleft()
        if self._tokens is not None and tokens is not None:
            self._tokens.level += expected - tokens
        if self._cap is not None:
            self._cap.per_s *= _GROWTH
            self._cap.most = max(1.0, self._cap.per_s)
        if limits is not None:
            self._learn(limits, now)

    def refused(self, limits: RateLimits | None, retry_after_s: float | None) -> None:
        """Learn from a 429."""
        now = _now()
        self._limited.append(True)
        if limits is not None:
            self._learn(limits, now)
        if sum(self._limited) < _TOO_MANY_OF_THEM:
            return
        self._limited.clear()
        self._hold_until = now + (_FIRST_HOLD_S if retry_after_s is None else retry_after_s)
        recent = [at for at in self._answers if at >= now - _MEASURED_S]
        span_s = max(1.0, now - recent[0]) if recent else 1.0
        per_s = max(_SLOWEST_PER_S, _SHARE_OF_MEASURED * len(recent) / span_s)
        self._cap = _Bucket(level=0.0, per_s=per_s, most=max(1.0, per_s), at=self._hold_until)

    def _learn(self, limits: RateLimits, now: float) -> None:
        self._requests = _followed(
            self._requests, limits.requests_per_minute, limits.requests_left, limits.requests_reset_s, now
        )
        self._tokens = _followed(self._tokens, limits.tokens_per_minute, limits.tokens_left, limits.tokens_reset_s, now)


def _followed(
    bucket: _Bucket | None, limit: int | None, left: int | None, reset_s: float | None, now: float
) -> _Bucket | None:
    """The bucket, brought in line with what the provider says of its own."""
    if not limit or left is None:
        return bucket
    # "Per minute" is only a name: the time until all is back says how fast it really comes back.
    per_s = (limit - left) / reset_s if reset_s and left < limit else limit / _MINUTE_S
    if bucket is None:
        return _Bucket(level=left, per_s=per_s, most=limit, at=now)
    bucket.fill(now)
    # Requests in flight are not in their number yet, so it can only lower ours.
    bucket.level = min(bucket.level, left)
    bucket.per_s, bucket.most = per_s, limit
    return bucket
