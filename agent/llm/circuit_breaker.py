"""A circuit breaker per model: one that fails is left alone for a while, so that it costs one timeout, not one per
question.

Closed: calls go through. It opens after some failures in a row, or at once after a timeout. When its time is over
one caller may try; its success closes the breaker, its failure opens it for twice as long.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

FAILURES_TO_OPEN = 3  # in a row, counted over all who share the breaker
LONGEST_SECONDS = 300.0
PROBE_SECONDS = 60.0  # how long the one who tries keeps the others out


class Breaker(Protocol):
    """Shared by everybody who asks the models. Never raises."""

    def allows(self, model: str) -> bool:
        """Whether the model may be asked now."""

    def record_failure(self, model: str, *, opens: bool = False, seconds: float | None = None) -> None:
        """A call failed in a way that another would too; ``opens`` at once, for ``seconds`` if the provider
        said."""

    def record_success(self, model: str) -> None:
        """The model answers."""

    def release_probe(self, model: str) -> None:
        """Who was allowed to try did not, or came to no verdict: another may."""


@dataclass
class _State:
    n_failures: int = 0
    n_opened: int = 0
    open_until: float = 0.0
    probed_until: float = 0.0


class LocalBreaker:
    """Shared by the threads of one process."""

    def __init__(self, seconds: float = 30, clock: Callable[[], float] = time.monotonic) -> None:
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


def compute_open_seconds(first: float, n_opened: float, asked: float | None) -> float:
    """How long it stays open: doubled with every time in a row, or what the provider asked for."""
    return min(LONGEST_SECONDS, asked or first * 2 ** min(n_opened, 10))
