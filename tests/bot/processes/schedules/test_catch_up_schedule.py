"""A search for missed questions begins when one is due, in one process, and reads from the last whole one on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import pytest
import redis

from agent.errors import ReplyError
from agent.store import locks
from agent.store.database import Database
from bot.processes.schedules import catch_up_schedule
from bot.processes.schedules.catch_up_schedule import (
    EVERY_SECONDS,
    LOCK,
    RETRY_SECONDS,
    CatchUpSchedule,
    CatchUpState,
)

START = 1_800_000_000.0


@dataclass
class Searching:
    """A schedule whose clock a test moves; keeps since when was searched."""

    database: Database
    state: CatchUpState
    now: float = START
    searches: list[float | None] = field(default_factory=list)
    on_search: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.schedule = CatchUpSchedule(self.database, self.state, self.search, clock=lambda: self.now)

    def search(self, since: datetime | None) -> int:
        self.searches.append(since.timestamp() if since else None)
        self.on_search()
        return 0

    def tick(self, seconds: float = 1.0) -> None:
        """Lets time pass and the schedule tick; waits for what it began."""
        self.now += seconds
        if thread := self.schedule.tick():
            thread.join(60)


@pytest.fixture
def state(redis_url: str) -> Iterator[CatchUpState]:
    with redis.from_url(redis_url) as connection:
        yield catch_up_schedule.open_state(connection, "docent")


@pytest.fixture
def searching(database: Database, state: CatchUpState) -> Searching:
    return Searching(database, state)


def test_it_searches_at_its_start_and_then_hourly_from_where_it_was_complete(searching: Searching) -> None:
    for _ in range(3):
        searching.tick()
    assert searching.searches == [None]
    searching.tick(EVERY_SECONDS)
    assert searching.searches == [None, START + 1]


def test_it_searches_after_an_outage_and_when_a_web_process_starts(
    searching: Searching, state: CatchUpState
) -> None:
    searching.tick()
    searching.tick(60)
    searching.schedule.request()
    searching.tick()
    state.save("requested", searching.now + 10)
    for _ in range(3):
        searching.tick(10)
    assert searching.searches == [None, START + 1, START + 62]


def test_a_request_reaches_the_clock_and_without_redis_nothing_fails(
    searching: Searching, state: CatchUpState
) -> None:
    searching.tick()
    catch_up_schedule.request(state)
    assert state.load()["requested"] > 0
    catch_up_schedule.request(CatchUpState(redis.Redis(port=1), "x"))


def test_of_several_clocks_one_searches(searching: Searching, state: CatchUpState, database: Database) -> None:
    other = Searching(database, state)
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
