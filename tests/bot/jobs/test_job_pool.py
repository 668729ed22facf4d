"""The pool runs as many jobs at once as it has slots."""

import threading

from bot.jobs.job_pool import JobPool


def test_jobs_run_at_once_up_to_the_slots() -> None:
    pool, go = JobPool(2), threading.Event()
    started = threading.Semaphore(0)

    def job() -> None:
        started.release()
        go.wait(120)
        pool.slots.release()

    assert [pool.is_busy] == [False]
    for _ in range(2):
        assert pool.slots.acquire(timeout=120)
        pool.submit(job)
    for _ in range(2):
        assert started.acquire(timeout=120)
    assert pool.is_busy
    assert not pool.slots.acquire(blocking=False)
    go.set()
    assert pool.slots.acquire(timeout=120)
    assert pool.slots.acquire(timeout=120)
