"""The places of limited calls: who may call Slack when, so that no limit of :mod:`.rates` is passed.

Promises that places are given in the order in which they are asked for, and that nobody calls before a
``Retry-After`` is over. A place that is given counts, whether it is used or not.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from bot.slack.calls import rates

CAREFUL_SECONDS = 300.0  # after a Retry-After is over, for so long calls are counted and spaced that else are not
MAX_SUBJECTS = 10_000  # channels, mostly; those whose calls are all past are forgotten then


class CallLimiter(Protocol):
    """Gives places, for this process or for all."""

    def reserve(self, method: str, channel: str, *, longest_seconds: float, has_waited: bool = False) -> float:
        """Returns the seconds until the call may be made, and keeps its place where that is not too long to wait.

        Who ``has_waited`` for a place asks again before calling: 0 unless Slack has told somebody to wait since.
        """
        ...

    def note_limited(self, method: str, channel: str, retry_after_seconds: float) -> None:
        """Notes that Slack refused a call with 429: nobody calls before that time is over."""
        ...


@dataclass
class _Calls:
    """The calls of one subject, in ``clock`` seconds, the latest first."""

    places: deque[float] = field(default_factory=deque)
    paused_until: float = 0.0
    careful_until: float = 0.0


class LocalLimiter:
    """Places for one process, while Redis is away. Thread-safe."""

    def __init__(self, *, post_burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._post_burst, self._clock = post_burst, clock
        self._calls: dict[str, _Calls] = {}
        self._lock = threading.Lock()

    def reserve(self, method: str, channel: str, *, longest_seconds: float, has_waited: bool = False) -> float:
        """See :class:`CallLimiter`."""
        rate = rates.find(method, post_burst=self._post_burst)
        now = self._clock()
        with self._lock:
            calls = self._find(method, channel, now)
            is_careful = now < calls.careful_until
            if not (is_careful or method in rates.COUNTED) or (has_waited and calls.paused_until <= now):
                return 0.0
            places, at = calls.places, max(now, calls.paused_until)
            if places:
                at = max(at, places[0] + (rate.spacing_seconds if is_careful else 0.0))
            if len(places) >= rate.most:
                at = max(at, places[rate.most - 1] + rate.seconds)
            if at - now <= longest_seconds:
                places.appendleft(at)
                while len(places) > rate.most:
                    places.pop()
            return at - now

    def note_limited(self, method: str, channel: str, retry_after_seconds: float) -> None:
        """See :class:`CallLimiter`."""
        now = self._clock()
        with self._lock:
            calls = self._find(method, channel, now)
            calls.paused_until = max(calls.paused_until, now + retry_after_seconds)
            calls.careful_until = calls.paused_until + CAREFUL_SECONDS

    def _find(self, method: str, channel: str, now: float) -> _Calls:
        if len(self._calls) >= MAX_SUBJECTS:
            longest = max(rates.MINUTE, self._post_burst * rates.POST_SECONDS) * rates.MARGIN
            self._calls = {
                subject: calls
                for subject, calls in self._calls.items()
                if now < calls.careful_until or (calls.places and now < calls.places[0] + longest)
            }
        return self._calls.setdefault(rates.find_subject(method, channel), _Calls())
