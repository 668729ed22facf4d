"""The clock wakes what is forgotten, once at a time, and outlives outages."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from rq import Queue
from sqlalchemy import text

from agent.store import locks, sessions
from agent.store.database import Database
from agent.store.sessions import StoredQuestion
from bot.jobs import queue
from bot.processes import clock
from bot.processes.schedules.sync_schedule import SyncSchedule
from bot.settings import BotSettings


@pytest.fixture
def turn_queue(redis_url: str) -> Iterator[Queue]:
    settings = BotSettings(REDIS_URL=redis_url)  # type: ignore[call-arg]
    with queue.connect(settings) as connection:
        yield queue.open_turn_queue(settings, connection)


@pytest.fixture
def stored(database: Database) -> StoredQuestion:
    with database.transaction() as transaction:
        return sessions.ask(transaction, key="s", user_id="U1", origin="cli", question="How many days?")


def forget(database: Database) -> None:
    """As if nobody had woken a worker for a while."""
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE turns SET wake_after = now() - interval '1 second'"))


def woken(turn_queue: Queue) -> list[str]:
    return [str(job.args[0]) for job in turn_queue.get_jobs()]


def test_a_forgotten_question_is_woken_and_then_left_alone_for_a_while(
    database: Database, turn_queue: Queue, stored: StoredQuestion
) -> None:
    assert clock.sweep(database, turn_queue) == 0  # its own wake-up may still be on its way
    forget(database)
    assert clock.sweep(database, turn_queue) == 1
    assert woken(turn_queue) == [str(stored.session_id)]
    assert clock.sweep(database, turn_queue) == 0


def test_a_question_whose_job_still_waits_is_not_woken_once_more(
    database: Database, turn_queue: Queue, stored: StoredQuestion
) -> None:
    """In a burst each question would come twice, and each job costs a worker a look."""
    queue.wake(turn_queue, [stored.session_id])
    forget(database)
    assert clock.sweep(database, turn_queue) == 0
    assert woken(turn_queue) == [str(stored.session_id)]
    turn_queue.connection.flushdb()
    forget(database)
    assert clock.sweep(database, turn_queue) == 1


def test_while_another_clock_sweeps_this_one_does_nothing(
    database: Database, turn_queue: Queue, stored: StoredQuestion
) -> None:
    forget(database)
    with database.transaction() as other:
        assert locks.try_lock(other, locks.CLOCK)
        assert clock.sweep(database, turn_queue) == 0
    assert clock.sweep(database, turn_queue) == 1


def test_what_could_not_be_woken_is_woken_by_the_next_sweep(
    database: Database, turn_queue: Queue, stored: StoredQuestion
) -> None:
    forget(database)
    with pytest.raises(redis.RedisError):
        clock.sweep(database, Queue("x", connection=redis.Redis(port=1)))
    assert clock.sweep(database, turn_queue) == 1


class Rounds(threading.Event):
    """Lets the clock turn three times."""

    n_rounds = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.n_rounds += 1
        if self.n_rounds == 3:
            self.set()
        return self.is_set()


def test_a_fault_in_a_schedule_ends_no_sweep(
    database: Database, turn_queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of sources names a user that does not exist, and a type that is no text; then the code is wrong."""
    config = tmp_path / "docent.toml"
    schedule = SyncSchedule(database, turn_queue, config, check_seconds=0)
    for content in ('[sources.a]\nlocation = "~nosuchuser/docs"', '[sources.a]\nlocation = "x"\ntype = ["x"]'):
        config.write_text(content)
        rounds = Rounds()
        clock.run(database, turn_queue, every_seconds=60, stopping=rounds, syncs=schedule)
        assert rounds.n_rounds == 3
    monkeypatch.setattr(SyncSchedule, "tick", lambda self: 1 / 0)
    rounds = Rounds()
    clock.run(database, turn_queue, every_seconds=60, stopping=rounds, syncs=schedule)
    assert rounds.n_rounds == 3


def test_it_runs_through_an_outage_until_it_is_stopped(
    database: Database, turn_queue: Queue, stored: StoredQuestion
) -> None:
    """Redis is away for the first sweep."""

    class Stopping(Rounds):
        def wait(self, timeout: float | None = None) -> bool:
            turning.connection = turn_queue.connection
            return super().wait(timeout)

    forget(database)
    stopping = Stopping()
    turning = Queue(turn_queue.name, connection=redis.Redis(port=1), serializer=turn_queue.serializer)
    clock.run(database, turning, every_seconds=60, stopping=stopping)
    assert stopping.n_rounds == 3
    assert woken(turn_queue) == [str(stored.session_id)]
