"""Faults of Slack on demand.

Owns the rules that make calls fail, and the switch that takes Slack away altogether. Promises that the same
seed and the same order of calls meet the same faults. `lose_answer` lets the call happen and closes the
connection instead of answering; `drop` closes it before anything happened. Does not touch the control
surface.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from bot.simulator.payloads import JsonObject


class FaultEffect(StrEnum):
    """What a rule does to a call."""

    RATE_LIMIT = "rate_limit"
    STATUS = "status"
    ERROR = "error"
    DROP = "drop"
    LOSE_ANSWER = "lose_answer"
    SLOW = "slow"


class Outage(StrEnum):
    """How Slack is away: not at all, by closing connections, or by answering 503."""

    NONE = ""
    REFUSED = "refused"
    UNAVAILABLE = "503"


@dataclass
class FaultRule:
    """One way for calls to fail. `times` None: without end. `when` sees the call's arguments. `n_hits` counts the
    calls it hit."""

    effect: FaultEffect | str  # a string is made an effect
    method: str = "*"
    times: int | None = None
    probability: float = 1.0
    skip: int = 0
    when: Callable[[JsonObject], bool] | None = None
    status: int = 500
    code: str = "internal_error"
    retry_after: int = 1
    seconds: float = 0.0
    n_hits: int = 0

    def __post_init__(self) -> None:
        self.effect = FaultEffect(self.effect)

    @property
    def is_spent(self) -> bool:
        """Whether it has hit as often as it may."""
        return self.times is not None and self.n_hits >= self.times


class Faults:
    """Short rules by name, any rule by `add(FaultRule(...))`, which also takes `probability`, `skip` and `when`.

    Methods are named as in the Web API; `response_url` names posts to response URLs; `*` is every one. `random`
    may be seeded. `on_pause` and `on_resume` are called when Slack goes away and when it is back.
    """

    def __init__(self) -> None:
        self.random = random.Random(0)
        self.outage = Outage.NONE
        self.on_pause: list[Callable[[], None]] = []
        self.on_resume: list[Callable[[], None]] = []
        self._rules: list[FaultRule] = []
        self._lock = threading.Lock()

    def add(self, rule: FaultRule) -> FaultRule:
        """Puts a rule into force and returns it."""
        with self._lock:
            self._rules.append(rule)
        return rule

    def rate_limit(self, method: str = "*", *, retry_after: int = 1, times: int | None = 1) -> FaultRule:
        """Answers calls with 429 and `Retry-After`."""
        return self.add(FaultRule(FaultEffect.RATE_LIMIT, method, times, retry_after=retry_after))

    def fail(self, method: str = "*", *, status: int = 500, times: int | None = 1) -> FaultRule:
        """Answers with an HTTP error and a body that is no JSON, as Slack's front does."""
        return self.add(FaultRule(FaultEffect.STATUS, method, times, status=status))

    def error(self, method: str, code: str, *, times: int | None = 1) -> FaultRule:
        """Answers with one of Slack's error codes, in place of the call."""
        return self.add(FaultRule(FaultEffect.ERROR, method, times, code=code))

    def drop(self, method: str = "*", *, times: int | None = 1) -> FaultRule:
        """Closes the connection before the call happens."""
        return self.add(FaultRule(FaultEffect.DROP, method, times))

    def lose_answer(self, method: str = "*", *, times: int | None = 1) -> FaultRule:
        """Closes the connection after the call happened."""
        return self.add(FaultRule(FaultEffect.LOSE_ANSWER, method, times))

    def slow(self, method: str = "*", *, seconds: float, times: int | None = 1) -> FaultRule:
        """Delays calls."""
        return self.add(FaultRule(FaultEffect.SLOW, method, times, seconds=seconds))

    def clear(self) -> None:
        """Removes every rule."""
        with self._lock:
            self._rules.clear()

    def select(self, method: str, args: JsonObject) -> list[FaultRule]:
        """Returns the rules that hit this call: any delay first, then at most one that decides it."""
        if not self._rules:
            return []
        with self._lock:
            hits = [rule for rule in self._rules if self._hits(rule, method, args)]
            self._rules = [rule for rule in self._rules if not rule.is_spent]
        delays = [rule for rule in hits if rule.effect == FaultEffect.SLOW]
        return delays + [rule for rule in hits if rule.effect != FaultEffect.SLOW][:1]

    def pause(self, outage: Outage | str = Outage.REFUSED) -> None:
        """Takes Slack away: sockets close, calls fail, and nothing is delivered until `resume`."""
        self.outage = Outage(outage)
        for call in self.on_pause:
            call()

    def resume(self) -> None:
        """Brings Slack back."""
        self.outage = Outage.NONE
        for call in self.on_resume:
            call()

    def _hits(self, rule: FaultRule, method: str, args: JsonObject) -> bool:
        if rule.is_spent or rule.method not in ("*", method) or (rule.when and not rule.when(args)):
            return False
        if rule.skip > 0:
            rule.skip -= 1
            return False
        if rule.probability < 1.0 and self.random.random() >= rule.probability:
            return False
        rule.n_hits += 1
        return True
