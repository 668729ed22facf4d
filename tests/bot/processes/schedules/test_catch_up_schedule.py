"""A search for missed questions begins when one is due, in one process, and reads from the last whole one on."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import pytest
import redis

from agent.errors import ReplyError
from agent.store import locks
from agent.store.database import Database
from bot.processes.schedules.catch_up_schedule import (
    EVERY_SECONDS,
    LOCK,
    MAX_AT_ONCE,
    RETRY_SECONDS,
    CatchUpSchedule,
    CatchUpStates,
)

START = 1_800_000_000.0


@dataclass
class Searching:
    """A schedule whose clock a test moves; keeps since when was searched."""

    database: Database
    states: CatchUpStates
    now: float = START
    searches: list[float | None] = field(default_factory=list)
    on_search: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.schedule = CatchUpSchedule(
            self.database, self.states, lambda workspace: self.search, clock=lambda: self.now
        )

    def search(self, since: datetime | None) -> int:
        self.searches.append(since.timestamp() if since else None)
        self.on_search()
        return 0

    def tick(self, seconds: float = 1.0) -> None:
        """Lets time pass and the schedule tick; waits for what it began."""
        self.now += seconds
        for thread in self.schedule.tick():
            thread.join(60)


@pytest.fixture
def states(redis_url: str) -> Iterator[CatchUpStates]:
    with redis.from_url(redis_url) as connection:
        yield CatchUpStates(connection, "docent")


@pytest.fixture
def searching(database: Database, states: CatchUpStates) -> Searching:
    return Searching(database, states)


def test_it_searches_at_its_start_and_then_hourly_from_where_it_was_complete(searching: Searching) -> None:
    for _ in range(3):
        searching.tick()
    assert searching.searches == [None]
    searching.tick(EVERY_SECONDS)
    assert searching.searches == [None, START + 1]


def test_it_searches_after_an_outage_and_when_a_web_process_starts(
    searching: Searching, states: CatchUpStates
) -> None:
    searching.tick()
    searching.tick(60)
    searching.schedule.request()
    searching.tick()
    states.request(searching.now + 10)
    for _ in range(3):
        searching.tick(10)
    assert searching.searches == [None, START + 1, START + 62]


def test_a_request_reaches_the_clock_and_without_redis_nothing_fails(
    searching: Searching, states: CatchUpStates
) -> None:
    searching.tick()
    states.request(5.0)
    assert states.load([])[0] == 5.0
    CatchUpStates(redis.Redis(port=1), "x").request(5.0)


def test_of_several_clocks_one_searches(searching: Searching, states: CatchUpStates, database: Database) -> None:
    other = Searching(database, states)
    with locks.try_acquire(database, LOCK):
        searching.tick()
        assert searching.searches == []
    searching.tick()
    other.tick()
    assert (searching.searches, other.searches) == ([None], [])


def test_what_was_not_complete_is_searched_again_after_a_minute(searching: Searching) -> None:
    def fail() -> None:
        raise ReplyError("Slack is away", is_transient=True)

    searching.on_search = fail
    searching.tick()
    searching.tick()
    searching.on_search = lambda: None
    searching.tick(RETRY_SECONDS)
    searching.tick(EVERY_SECONDS)
    assert searching.searches == [None, None, START + 2 + RETRY_SECONDS]


def test_a_bug_in_a_search_ends_no_clock(searching: Searching) -> None:
    searching.on_search = lambda: print(1 / 0)
    searching.tick()
    searching.tick(EVERY_SECONDS)
    assert len(searching.searches) == 2


def test_of_many_workspaces_a_few_are_searched_at_once_and_each_in_its_turn(
    database: Database, states: CatchUpStates
) -> None:
    names, at_once, now = [f"T{n}" for n in range(3 * MAX_AT_ONCE)], threading.Semaphore(0), [START]
    searched: list[str] = []

    def open_search(workspace: str) -> Callable[[datetime | None], int]:
        def search(since: datetime | None) -> int:
            searched.append(workspace)
            at_once.acquire(timeout=60)
            if workspace == "T1":
                raise ReplyError("its token was revoked", is_transient=False)
            return 0

        return search

    schedule = CatchUpSchedule(database, states, open_search, list_workspaces=lambda: names, clock=lambda: now[0])
    for n_searched in range(MAX_AT_ONCE, len(names) + 1, MAX_AT_ONCE):
        threads = schedule.tick()
        assert len(threads) == MAX_AT_ONCE
        while len(searched) < n_searched:
            time.sleep(0.01)
        assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        assert schedule.tick() == []
        at_once.release(MAX_AT_ONCE)
        for thread in threads:
            thread.join(60)
        now[0] += 1
    assert sorted(searched) == sorted(names)  # one that failed held up nobody
    assert schedule.tick() == []
    states.request(now[0])  # by a web process: for all of them
    at_once.release(MAX_AT_ONCE)
    for thread in schedule.tick():
        thread.join(60)
    assert sorted(searched[len(names) :]) == sorted(names[:MAX_AT_ONCE])
