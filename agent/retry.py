"""When and after which pause a failed call is tried again.

Says nothing about which errors are worth another attempt, nor whether a failed call may have worked all the
same: the caller knows that, and asks :class:`Retries` only for errors after which another attempt makes sense.
"""

import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

SLICE_SECONDS = 0.25  # how late a cancellation is noticed during a pause


@dataclass(frozen=True)
class RetryPolicy:
    """How many attempts a call gets, and the pauses between them, in seconds.

    The pause is ``backoff_seconds`` after the first failure and doubles with every further one; ``jitter`` is
    the share of it that is added at most, at random. Where the other side asks for a longer pause it is
    obeyed, unless it is longer than ``max_pause_seconds``, which ends the attempts; backoff never exceeds it.

    ``max_wait_seconds`` bounds the sum of all pauses. Where it is set, a failure with a pause that the other
    side asked for does not count as an attempt: rate limits end by this sum alone.
    """

    n_attempts: int
    backoff_seconds: float = 0.5
    jitter: float = 0.0
    max_pause_seconds: float = math.inf
    max_wait_seconds: float | None = None


class Retries:
    """The attempts at one call.

    >>> retries = Retries(RetryPolicy(n_attempts=3), sleep=lambda seconds: print(f"waits {seconds} s"))
    >>> while True:
    ...     try:
    ...         raise ConnectionError
    ...     except ConnectionError:
    ...         if not retries.wait():
    ...             break
    waits 0.5 s
    waits 1.0 s
    """

    def __init__(
        self,
        policy: RetryPolicy,
        *,
        deadline: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``deadline`` is in seconds of ``clock``; no attempt begins after it but the first."""
        self._policy, self._deadline, self._clock, self._sleep = policy, deadline, clock, sleep
        self._n_failed = 0
        self._waited_seconds = 0.0

    def wait(self, retry_after_seconds: float = 0) -> bool:
        """Pauses before the next attempt; returns False, at once, when there should be none.

        ``retry_after_seconds`` is what the other side asked for, 0 where it named no time.
        """
        pause_seconds = self.next_pause(retry_after_seconds)
        if pause_seconds is None:
            return False
        if pause_seconds:
            self._sleep(pause_seconds)
        return True

    def next_pause(self, retry_after_seconds: float = 0) -> float | None:
        """Counts a failed attempt; returns the pause before the next one, or None when there should be none."""
        policy = self._policy
        if not (retry_after_seconds and policy.max_wait_seconds is not None):
            self._n_failed += 1
        if self._n_failed >= policy.n_attempts or retry_after_seconds > policy.max_pause_seconds:
            return None
        pause_seconds = max(retry_after_seconds, min(self._backoff_seconds(), policy.max_pause_seconds))
        self._waited_seconds += pause_seconds
        if policy.max_wait_seconds is not None and self._waited_seconds > policy.max_wait_seconds:
            return None
        return pause_seconds if self._clock() + pause_seconds <= self._deadline else None

    def slices(self, pause_seconds: float, check: Callable[[], None]) -> Iterator[None]:
        """Sleeps for ``pause_seconds`` in slices; after each it calls ``check``, which may raise, and
        yields."""
        while pause_seconds > 0:
            self._sleep(min(SLICE_SECONDS, pause_seconds))
            pause_seconds -= SLICE_SECONDS
            check()
            yield

    def _backoff_seconds(self) -> float:
        doublings = min(max(self._n_failed - 1, 0), 30)
        return float(self._policy.backoff_seconds * 2**doublings * (1 + self._policy.jitter * random.random()))
