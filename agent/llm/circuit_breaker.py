"""A circuit breaker per model: a model that fails is not called for a while, so that an outage costs one
timeout and not one per question.

Closed: calls go through. It opens after some failures in a row, or at once after a timeout. When its time is
over it is half-open: one caller may probe the model. A success closes the breaker, a failure opens it for
twice as long.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

FAILURES_TO_OPEN = 3  # in a row, counted over everybody who shares the breaker
LONGEST_SECONDS = 300.0
PROBE_SECONDS = 60.0  # how long one probe keeps other callers out


class Breaker(Protocol):
    """What all callers of models share. Its methods never raise."""

    def allows(self, model: str) -> bool:
        """Returns whether the model may be called now; in the half-open state, for one caller only."""

    def record_failure(self, model: str, *, opens: bool = False, seconds: float | None = None) -> None:
        """Counts a failure that another call would meet too.

        ``opens`` opens the breaker at once, for ``seconds`` where the provider named a time.
        """

    def record_success(self, model: str) -> None:
        """Closes the breaker: the model answers."""

    def release_probe(self, model: str) -> None:
        """Gives up the half-open probe without a result, so that another caller may probe."""


@dataclass
class _State:
    n_failures: int = 0
    n_opened: int = 0
    open_until: float = 0.0
    probed_until: float = 0.0


class LocalBreaker:
    """A breaker that the threads of one process share."""

    def __init__(self, seconds: float = 30, clock: Callable[[], float] = time.monotonic) -> None:
        """``seconds`` is how long it stays open the first time."""
        self._seconds, self._clock = seconds, clock
        self._states: dict[str, _State] = {}
        self._lock = threading.Lock()

    def allows(self, model: str) -> bool:
        with self._lock:
            state, now = self._state(model), self._clock()
            if not state.n_opened:
                return True
            if now < max(state.open_until, state.probed_until):
                return False
            state.probed_until = now + PROBE_SECONDS
            return True

    def record_failure(self, model: str, *, opens: bool = False, seconds: float | None = None) -> None:
        with self._lock:
            state = self._state(model)
            state.n_failures += 1
            is_open = self._clock() < state.open_until  # others failed at the same time
            if not is_open and (opens or state.n_opened or state.n_failures >= FAILURES_TO_OPEN):
                state.open_until = self._clock() + compute_open_seconds(self._seconds, state.n_opened, seconds)
                state.n_opened += 1
                state.probed_until = 0.0

    def record_success(self, model: str) -> None:
        with self._lock:
            self._states.pop(model, None)

    def release_probe(self, model: str) -> None:
        with self._lock:
            self._state(model).probed_until = 0.0

    def _state(self, model: str) -> _State:
        return self._states.setdefault(model, _State())


def compute_open_seconds(first_seconds: float, n_opened: float, retry_after_seconds: float | None) -> float:
    """Returns how long a breaker stays open: doubled each time in a row, or as long as the provider asked
    for."""
    return min(LONGEST_SECONDS, retry_after_seconds or first_seconds * 2 ** min(n_opened, 10))
