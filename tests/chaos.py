"""Kills, stops, cuts off and starts again what Docent consists of and rests on, at random times from a seed."""

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.own_servers import OwnServer
from tests.proxy import Proxy
from tests.system import System

ROLES = ("web", "worker", "worker", "clock")
PAUSE_SECONDS = (1.0, 5.0)  # between two strokes
AWAY_SECONDS = (0.2, 4.0)
RESTART_SECONDS = 0.5  # until a host starts again what has ended


@dataclass
class Place:
    """Where one process runs after the other; it reaches the servers by proxies of its own."""

    role: str
    name: str
    postgres: Proxy
    redis: Proxy
    process: psutil.Process | None = None
    starts_at: float = 0.0


@dataclass
class Chaos:
    """Strikes until it is stopped, and starts again what has ended, as a host does. ``log`` says what it did."""

    world: System
    postgres: OwnServer
    redis: OwnServer
    chance: random.Random
    log: list[str] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _returns: list[tuple[float, Callable[[], None], str]] = field(default_factory=list)
    _is_away: set[str] = field(default_factory=set)
    _began_at: float = field(default_factory=time.monotonic)
    _failure: BaseException | None = None

    def __enter__(self) -> "Chaos":
        self._ends = ExitStack()
        for n, role in enumerate(ROLES):
            place = Place(role, f"{role} {n}", Proxy(self.postgres.url), Proxy(self.redis.url))
            for proxy in (place.postgres, place.redis):
                self._ends.callback(proxy.close)
            self.places.append(place)
            self._launch(place)
        self.world.wait_for(self._is_up)
        self._thread = threading.Thread(target=self._run, name="chaos")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.world.close()
        self._ends.close()

    def begin(self) -> None:
        """Begins to strike."""
        self._began_at = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Brings back what is away, and strikes the clock, so that the next one searches for what was missed."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._bring_back(float("inf"))
        for place in self.places:
            if place.role == "clock" and place.process:
                place.process.kill()
                place.process.wait(60)
            self._keep(place, float("inf"))
        if self._failure:
            raise self._failure

    def report(self) -> str:
        """Tells what was done when, for a failure's report."""
        return "\n".join(self.log)

    def logs(self) -> Iterator[Path]:
        """Lists what the processes wrote."""
        yield from sorted(self.world.folder.glob("*.log"))

    def keep_running(self) -> None:
        """Starts again what has ended by itself; for the time after :meth:`stop`."""
        for place in self.places:
            self._keep(place, time.monotonic())

    def _run(self) -> None:
        strokes: list[tuple[int, Callable[[], None]]] = [
            (6, self._kill_process),
            (3, self._cut_off),
            (1, self._restart_postgres),
            (1, self._empty_redis),
            (1, self._pause_redis),
        ]
        weights, choices = [weight for weight, _ in strokes], [stroke for _, stroke in strokes]
        strikes_at = time.monotonic()
        try:
            while not self._stopping.wait(0.05):
                now = time.monotonic()
                self._bring_back(now)
                for place in self.places:
                    self._keep(place, now)
                if now >= strikes_at:
                    self.chance.choices(choices, weights)[0]()
                    strikes_at = now + self.chance.uniform(*PAUSE_SECONDS)
        except BaseException as error:  # noqa: BLE001  raised again where the test hears of it
            self._failure = error

    def _kill_process(self) -> None:
        place = self.chance.choice(self.places)
        away_seconds = self.chance.uniform(*AWAY_SECONDS)
        if place.process and place.process.is_running():
            self._note(f"SIGKILL {place.name} for {away_seconds:.1f} s")
            place.process.kill()
            place.process.wait(60)
            place.starts_at = time.monotonic() + away_seconds
            place.process = None

    def _cut_off(self) -> None:
        place = self.chance.choice(self.places)
        server = self.chance.choice(["postgres", "redis"])
        proxy: Proxy = getattr(place, server)
        self._take_away(f"{place.name} from {server}", proxy.go_away, proxy.come_back)

    def _restart_postgres(self) -> None:
        self._take_away("postgres", lambda: self.postgres.end(signal.SIGQUIT), self.postgres.start)

    def _empty_redis(self) -> None:
        self._take_away("redis", self.redis.end, self.redis.start)

    def _pause_redis(self) -> None:
        self._take_away("redis", self.redis.pause, self.redis.go_on, "paused")

    def _take_away(self, what: str, go: Callable[[], None], back: Callable[[], None], how: str = "away") -> None:
        away_seconds = self.chance.uniform(*AWAY_SECONDS)
        if what in self._is_away:
            return
        self._note(f"{what} {how} for {away_seconds:.1f} s")
        go()
        self._is_away.add(what)
        self._returns.append((time.monotonic() + away_seconds, back, what))

    def _bring_back(self, now: float) -> None:
        for returning in [one for one in self._returns if one[0] <= now]:
            _, back, what = returning
            self._returns.remove(returning)
            back()
            self._is_away.discard(what)
            self._note(f"{what} back")

    def _keep(self, place: Place, now: float) -> None:
        if place.process and not place.process.is_running():
            self._note(f"{place.name} has ended by itself")
            place.process, place.starts_at = None, now + RESTART_SECONDS
        if place.process is None and now >= place.starts_at:
            self._launch(place)

    def _launch(self, place: Place) -> None:
        self.world.env |= {"DATABASE_URL": place.postgres.url, "REDIS_URL": place.redis.url}
        place.process, _ = self.world.launch(place.role)

    def _is_up(self) -> bool:
        self.keep_running()
        text = "".join(log.read_text() for log in self.logs())
        return all(f"{role}_ready" in text for role in ROLES) and text.count("worker_ready") == 2

    def _note(self, what: str) -> None:
        self.log.append(f"{time.monotonic() - self._began_at:7.2f} s: {what}")
