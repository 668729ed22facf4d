"""Slack having a bad day, on demand.

Owns the rules that make calls fail, and the switch that takes Slack away altogether. Promises that the same
seed and the same order of calls meet the same faults. `lose_answer` lets the call happen and closes the
connection instead of answering; `drop` closes it before anything happened. Does not touch the control
surface.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bot.simulator.stores.messages import Json

Effect = Literal["rate_limit", "status", "error", "drop", "lose_answer", "slow"]
Predicate = Callable[[Json], bool]


@dataclass
class Rule:
    """`times` None: for ever. `when` sees the call's arguments. `n_hits` counts how often it struck."""

    effect: Effect
    method: str = "*"
    times: int | None = None
    probability: float = 1.0
    skip: int = 0
    when: Predicate | None = None
    status: int = 500
    code: str = "internal_error"
    retry_after: int = 1
    seconds: float = 0.0
    n_hits: int = 0

    @property
    def is_spent(self) -> bool:
        return self.times is not None and self.n_hits >= self.times


class Faults:
    """Short rules by name, any rule by `add(Rule(...))`, which also takes `probability`, `skip` and `when`.

    Methods are named as in the Web API; `response_url` names posts to response URLs; `*` is every one.
    """

    def __init__(self, *, seed: int, on_pause: Callable[[], None], on_resume: Callable[[], None]) -> None:
        self.random = random.Random(seed)
        self.away: Literal["", "refused", "503"] = ""
        self._on_pause, self._on_resume = on_pause, on_resume
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    def add(self, rule: Rule) -> Rule:
        with self._lock:
            self._rules.append(rule)
        return rule

    def rate_limit(self, method: str = "*", *, retry_after: int = 1, times: int | None = 1) -> Rule:
        return self.add(Rule("rate_limit", method, times, retry_after=retry_after))

    def fail(self, method: str = "*", *, status: int = 500, times: int | None = 1) -> Rule:
        """An HTTP error with a body that is no JSON, as Slack's front answers."""
        return self.add(Rule("status", method, times, status=status))

    def error(self, method: str, code: str, *, times: int | None = 1) -> Rule:
        """Any of Slack's error codes, in place of the call."""
        return self.add(Rule("error", method, times, code=code))

    def drop(self, method: str = "*", *, times: int | None = 1) -> Rule:
        return self.add(Rule("drop", method, times))

    def lose_answer(self, method: str = "*", *, times: int | None = 1) -> Rule:
        return self.add(Rule("lose_answer", method, times))

    def slow(self, method: str = "*", *, seconds: float, times: int | None = 1) -> Rule:
        return self.add(Rule("slow", method, times, seconds=seconds))

    def remove(self, rule: Rule) -> None:
        with self._lock:
            self._rules.remove(rule)

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def strike(self, method: str, args: Json) -> list[Rule]:
        """The rules that hit this call: any delay first, then at most one that decides it."""
        if not self._rules:
            return []
        with self._lock:
            struck = [rule for rule in self._rules if self._hits(rule, method, args)]
            self._rules = [rule for rule in self._rules if not rule.is_spent]
        delays = [rule for rule in struck if rule.effect == "slow"]
        return delays + [rule for rule in struck if rule.effect != "slow"][:1]

    def pause(self, *, answer: Literal["refused", "503"] = "refused") -> None:
        """Slack is away: sockets close, calls fail, and nothing is delivered until `resume`."""
        self.away = answer
        self._on_pause()

    def resume(self) -> None:
        self.away = ""
        self._on_resume()

    def _hits(self, rule: Rule, method: str, args: Json) -> bool:
        if rule.is_spent or rule.method not in ("*", method) or (rule.when and not rule.when(args)):
            return False
        if rule.skip > 0:
            rule.skip -= 1
            return False
        if rule.probability < 1.0 and self.random.random() >= rule.probability:
            return False
        rule.n_hits += 1
        return True
