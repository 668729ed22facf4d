"""Jobs carry ids under names that every release knows; the waker never makes anybody wait for Redis."""

from contextlib import suppress
from uuid import uuid4

import redis
from rq import Queue

from bot.jobs import queue
from bot.jobs.queue import SyncJob, Waker
from bot.settings import BotSettings


def jobs(queue_: Queue) -> list[tuple[str | None, tuple[str, ...]]]:
    return [(job.func_name, tuple(job.args)) for job in queue_.get_jobs()]


def test_sessions_are_woken_under_the_name_that_queues_have_stored(turn_queue: Queue) -> None:
    first, second = uuid4(), uuid4()
    queue.wake(turn_queue, [first, second, first])
    assert jobs(turn_queue) == [("bot.jobs.answer", (str(first),)), ("bot.jobs.answer", (str(second),))]
    assert all(callable(job.func) for job in turn_queue.get_jobs())


def test_a_sync_is_enqueued_under_the_name_that_queues_have_stored(
    settings: BotSettings, turn_queue: Queue
) -> None:
    sync_queue = queue.open_sync_queue(settings, turn_queue.connection)
    sync_id = uuid4()
    assert not queue.has_waiting(sync_queue, sync_id)
    queue.enqueue_sync(sync_queue, SyncJob.BEGIN, sync_id)
    queue.enqueue_sync(sync_queue, SyncJob.WORK, sync_id, n=2)
    begin, work = ("bot.sync_jobs.begin", (str(sync_id),)), ("bot.sync_jobs.work", (str(sync_id),))
    assert jobs(sync_queue) == [begin, work, work]
    assert all(callable(job.func) for job in sync_queue.get_jobs())
    assert queue.has_waiting(sync_queue, sync_id)
    assert not queue.has_waiting(sync_queue, uuid4())
    assert jobs(turn_queue) == []


def test_jobs_are_json_without_a_timer(turn_queue: Queue) -> None:
    queue.wake(turn_queue, [uuid4()])
    (job,) = turn_queue.get_jobs()
    assert (job.timeout, job.result_ttl) == (-1, 0)
    assert b"pickle" not in job.data
    assert job.data.startswith(b"[")


def test_the_waker_sends_what_is_pending_before_it_ends(turn_queue: Queue) -> None:
    waker = Waker(turn_queue)
    session_ids = [uuid4() for _ in range(queue.MAX_BATCH + 5)]
    for session_id in session_ids:
        waker.wake(session_id)
    waker.close()
    assert {args[0] for _, args in jobs(turn_queue)} == {str(session_id) for session_id in session_ids}


def test_the_waker_outlives_an_outage_of_redis(settings: BotSettings, turn_queue: Queue) -> None:
    away = Queue(settings.queue, connection=redis.Redis(port=1))
    waker = Waker(away)
    waker.wake(uuid4())
    waker.close()
    again = Waker(turn_queue)
    session_id = uuid4()
    again.wake(session_id)
    again.close()
    assert jobs(turn_queue) == [("bot.jobs.answer", (str(session_id),))]


def test_a_command_that_fails_is_tried_once_more_and_at_once() -> None:
    """The client's own pauses, four seconds for each command, held up every model call while Redis was away."""
    connection = queue.connect(BotSettings.model_validate({"REDIS_URL": "redis://127.0.0.1:1/0"}))
    pauses: list[float] = []
    retry = connection.connection_pool.connection_kwargs["retry"]
    n_failures = 0

    def fail() -> None:
        nonlocal n_failures
        n_failures += 1
        raise redis.ConnectionError("away")

    pauses += [retry._backoff.compute(n) for n in range(1, 4)]
    with suppress(redis.ConnectionError):
        retry.call_with_retry(fail, lambda error: None)
    assert (n_failures, pauses) == (2, [0, 0, 0])
