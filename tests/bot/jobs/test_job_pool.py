"""The pool runs as many jobs at once as it has slots, of which few compute."""

import threading

import pytest

from bot.jobs import job_pool
from bot.jobs.job_pool import JobPool, Slot

LONG = 120.0


def take(pool: JobPool) -> Slot:
    slot = pool.take(LONG)
    assert slot
    return slot


def test_jobs_run_at_once_up_to_the_slots() -> None:
    pool, go = JobPool(2), threading.Event()
    started = threading.Semaphore(0)

    def job() -> None:
        started.release()
        go.wait(LONG)

    assert [pool.is_busy] == [False]
    for _ in range(2):
        pool.submit(take(pool), job)
    for _ in range(2):
        assert started.acquire(timeout=LONG)
    assert pool.is_busy
    assert pool.take(0) is None
    go.set()
    take(pool)
    take(pool)


def test_the_next_job_begins_when_one_waits_or_ends() -> None:
    pool, go = JobPool(5, n_computing=2), threading.Event()
    is_waiting = threading.Event()

    def job() -> None:
        go.wait(LONG)
        job_pool.note_waiting()
        is_waiting.set()

    first, second = take(pool), take(pool)
    assert pool.take(0) is None
    pool.submit(first, job)
    go.set()
    assert is_waiting.wait(LONG)
    third = take(pool)
    second.release()
    take(pool)
    third.note_waiting()
    third.note_waiting()  # once more changes nothing
    take(pool)
    assert pool.take(0) is None


def test_a_job_that_computes_for_long_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_pool, "COMPUTING_SECONDS", 0.0)
    pool = JobPool(3, n_computing=1)
    assert [pool.take(0) is None for _ in range(4)] == [False, False, False, True]


def test_outside_of_a_pool_nothing_is_noted() -> None:
    job_pool.note_waiting()
