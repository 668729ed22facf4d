"""RQ, as Docent uses it: a job is a nudge that carries the id of a session or of a sync, nothing more.

Postgres decides what is to be done (:mod:`agent.store.sessions`, :mod:`ingest.sync.store`); a job that comes
twice,
late, or never does no harm: the clock wakes again. Redis holds no question. Syncs have a queue of their own.
"""

import queue
import threading
from collections.abc import Sequence
from uuid import UUID, uuid4

import redis
from rq import Queue
from rq.serializers import JSONSerializer

from agent import observability
from bot.settings import BotSettings

JOB = "bot.jobs.answer"
SOCKET_TIMEOUT_SECONDS = 5  # also how long a dead Redis can hold up the waker, never an ack
MAX_BATCH = 100


def connect(settings: BotSettings, *, timeout_seconds: float | None = SOCKET_TIMEOUT_SECONDS) -> redis.Redis:
    """A connection pool to Redis; connects with the first command."""
    assert settings.redis_url
    return redis.Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_connect_timeout=2,
        socket_timeout=timeout_seconds,
        health_check_interval=30,
    )


def open_turn_queue(settings: BotSettings, connection: redis.Redis) -> Queue:
    """The queue of wake-ups. JSON, because unpickling from Redis would run code."""
    return Queue(settings.queue, connection=connection, serializer=JSONSerializer)


def wake(jobs: Queue, session_ids: Sequence[UUID]) -> None:
    """Tells the workers that these sessions have something to do, in one round trip."""
    prepared = [
        Queue.prepare_data(
            JOB,
            args=(str(session_id),),
            timeout=-1,  # the turn's own deadline counts; RQ's would need a timer thread per job
            result_ttl=0,
            failure_ttl=3600,
            description="answer",
        )
        for session_id in dict.fromkeys(session_ids)
    ]
    jobs.enqueue_many(prepared)


def open_sync_queue(settings: BotSettings, connection: redis.Redis) -> Queue:
    """The queue of syncs."""
    return Queue(f"{settings.queue}-sync", connection=connection, serializer=JSONSerializer)


def enqueue_sync(syncs: Queue, job: str, sync_id: UUID, *, n: int = 1) -> None:
    """Enqueues ``n`` jobs for a sync: ``begin`` or ``work`` of :mod:`bot.jobs.sync_jobs`."""
    prepared = [
        Queue.prepare_data(
            f"bot.sync_jobs.{job}",
            args=(str(sync_id),),
            timeout=-1,
            result_ttl=0,
            failure_ttl=3600,
            description=f"sync {job}",
            job_id=f"{sync_id}-{uuid4().hex[:8]}",
        )
        for _ in range(n)
    ]
    syncs.enqueue_many(prepared)


def has_waiting(syncs: Queue, sync_id: UUID) -> bool:
    """Whether a job of this sync waits for a worker."""
    return any(id_.startswith(str(sync_id)) for id_ in syncs.get_job_ids())


class Waker:
    """Wakes from a thread of its own, in batches, so that no ack waits for Redis."""

    def __init__(self, jobs: Queue) -> None:
        self._jobs = jobs
        self._pending: queue.SimpleQueue[UUID | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="waker", daemon=True)
        self._thread.start()

    def wake(self, session_id: UUID) -> None:
        """Returns at once; a failure is logged, and the sweep makes up for it."""
        self._pending.put(session_id)

    def close(self) -> None:
        """Sends what is pending and ends the thread."""
        self._pending.put(None)
        self._thread.join(SOCKET_TIMEOUT_SECONDS + 1)

    def _run(self) -> None:
        while (first := self._pending.get()) is not None:
            batch = [first]
            is_closing = False
            while not self._pending.empty() and len(batch) < MAX_BATCH:
                item = self._pending.get()
                if item is None:
                    is_closing = True
                    break
                batch.append(item)
            try:
                wake(self._jobs, batch)
            except redis.RedisError as error:
                observability.log.warning("wake_failed", n_sessions=len(batch), error_type=type(error).__name__)
            if is_closing:
                return
