"""RQ's worker in threads: what of RQ's inside it relies on, with a real Redis."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest
from rq import Callback, Queue
from rq.job import Job

from agent.clock import new_id
from bot.jobs import queue, rq_worker
from bot.jobs.job_pool import JobPool
from bot.jobs.rq_worker import ThreadedWorker


class Jobs:
    """What the jobs below did; they run in this process."""

    started: ClassVar[list[str]] = []
    go = threading.Event()


def hold(name: str) -> None:
    Jobs.started.append(name)
    Jobs.go.wait(120)


def fail(name: str) -> None:
    Jobs.started.append(name)
    raise RuntimeError(name)


Listen = Callable[[int], tuple[JobPool, threading.Thread]]


@pytest.fixture
def takes_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker takes the jobs of this file, too."""
    monkeypatch.setattr(rq_worker, "is_known", lambda job: True)


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def listen(turn_queue: Queue, stopping: threading.Event) -> Iterator[Listen]:
    """Starts a worker in a thread."""
    Jobs.started.clear()
    Jobs.go.clear()
    running: list[tuple[JobPool, threading.Thread]] = []

    def start(concurrency: int) -> tuple[JobPool, threading.Thread]:
        pool = JobPool(concurrency)
        worker = ThreadedWorker(turn_queue, pool, stopping)
        thread = threading.Thread(target=worker.work, kwargs={"logging_level": "WARNING"}, daemon=True)
        thread.start()
        running.append((pool, thread))
        return pool, thread

    yield start
    stopping.set()
    Jobs.go.set()
    for pool, thread in running:
        thread.join(120)
        wait_for(lambda pool=pool: not pool.is_busy)  # type: ignore[misc]


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until, "did not happen within 20 s"
        time.sleep(0.02)


def enqueue(turn_queue: Queue, function: Callable[[str], None], *names: str) -> None:
    for name in names:
        turn_queue.enqueue(function, name, job_timeout=-1, result_ttl=0)


@pytest.mark.usefixtures("takes_all")
def test_jobs_run_at_once_and_one_without_a_thread_stays_in_redis(turn_queue: Queue, listen: Listen) -> None:
    listen(2)
    enqueue(turn_queue, hold, "a", "b", "c")
    wait_for(lambda: len(Jobs.started) == 2)
    assert turn_queue.count == 1
    Jobs.go.set()
    wait_for(lambda: sorted(Jobs.started) == ["a", "b", "c"])


@pytest.mark.usefixtures("takes_all")
def test_a_job_that_fails_gives_its_slot_back(turn_queue: Queue, listen: Listen) -> None:
    listen(1)
    enqueue(turn_queue, fail, "a", "b", "c")
    wait_for(lambda: Jobs.started == ["a", "b", "c"])


@pytest.mark.usefixtures("takes_all")
def test_a_job_costs_four_round_trips_and_nothing_of_it_is_left(turn_queue: Queue, listen: Listen) -> None:
    pool, _ = listen(1)
    enqueue(turn_queue, hold, "first")
    wait_for(lambda: Jobs.started == ["first"])
    names = [str(n) for n in range(20)]
    enqueue(turn_queue, hold, *names)
    before = count_commands(turn_queue)
    Jobs.go.set()
    wait_for(lambda: Jobs.started == ["first", *names])
    wait_for(lambda: not pool.is_busy)
    n_commands = count_commands(turn_queue) - before - 1
    # Moved, read, taken out of two places in one round trip, and whether work is suspended, in a transaction.
    assert n_commands <= 7 * len(names) + 3
    left = {key.decode() for key in turn_queue.connection.scan_iter("rq:*")}
    assert not {
        key for key in left if key.startswith(("rq:job", "rq:queue:", "rq:wip", "rq:finished", "rq:failed"))
    }


def count_commands(turn_queue: Queue) -> int:
    return int(turn_queue.connection.info("stats")["total_commands_processed"])


def test_a_stopping_worker_takes_no_job_and_its_thread_ends(
    turn_queue: Queue, listen: Listen, stopping: threading.Event
) -> None:
    pool, thread = listen(1)
    stopping.set()
    thread.join(120)
    assert not thread.is_alive()
    enqueue(turn_queue, hold, "late")
    assert (turn_queue.count, pool.is_busy, Jobs.started) == (1, False, [])


def foreign(turn_queue: Queue) -> list[Job]:
    """Jobs that another program put into the queue."""
    session_id = str(new_id())
    return [
        turn_queue.enqueue("subprocess.getoutput", "echo x"),
        turn_queue.enqueue(hold, session_id),
        turn_queue.enqueue(queue.JOB, "no id"),
        turn_queue.enqueue(queue.JOB, session_id, session_id),
        turn_queue.enqueue(queue.JOB, kwargs={"session_id": session_id}),
        turn_queue.enqueue(queue.JOB, session_id, on_success=Callback("subprocess.getoutput")),
        turn_queue.enqueue(queue.JOB, [session_id]),
        _enqueue_raw(turn_queue, [[queue.JOB], None, [session_id], {}]),
        _enqueue_raw(turn_queue, [queue.JOB, None, {"session_id": session_id}, {}]),
    ]


def _enqueue_raw(turn_queue: Queue, data: object) -> Job:
    """Enqueues what RQ's client would not."""
    job = turn_queue.enqueue(hold, "x")
    job.data = json.dumps(data).encode()
    job.save()
    return job


def test_a_job_that_docent_did_not_enqueue_is_dropped_and_the_next_one_runs(
    turn_queue: Queue, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = foreign(turn_queue)
    assert not any(queue.is_known(job) for job in jobs)
    monkeypatch.setattr(queue, "JOBS", {*queue.JOBS, f"{__name__}.fail"})
    known = str(new_id())
    enqueue(turn_queue, fail, known)
    pool, _ = listen(1)
    wait_for(lambda: Jobs.started)
    wait_for(lambda: not pool.is_busy)
    assert Jobs.started == [known]
    assert not any(Job.exists(job.id, turn_queue.connection) for job in jobs)
