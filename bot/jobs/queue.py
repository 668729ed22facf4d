"""RQ, as Docent uses it: a job is a nudge that carries the id of a session or of a sync, nothing more.

Postgres decides what is to be done (:mod:`agent.store.sessions`, :mod:`ingest.sync.store`). A job that comes
twice, late or never does no harm, because the clock wakes again; Redis holds no question. Syncs have a queue of
their own.
"""

import queue
import threading
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID, uuid4

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.exceptions import DeserializationError
from rq.job import Job
from rq.serializers import JSONSerializer

from agent.observability import tracing
from bot.outages.redis_watch import RedisWatch
from bot.settings import BotSettings

JOB = "bot.jobs.answer"  # stored in queues: the dotted path must stay
SOCKET_TIMEOUT_SECONDS = 5  # also how long a dead Redis can hold up the waker, never an ack
MAX_BATCH = 100
VERIFIED_ID = UUID("7d0c4f3e-0000-7000-8000-000000000000")  # the job of verified answers carries it: there is one
ID_CHARS = 36  # of a session's or a sync's id, with which a job's begins


class SyncJob(StrEnum):
    """A job of :mod:`bot.sync_jobs`, whose dotted path must stay."""

    BEGIN = "begin"
    WORK = "work"
    VERIFIED = "verified"  # brings the index in step with the verified answers, of no sync in particular


JOBS = {JOB, *(f"bot.sync_jobs.{job}" for job in SyncJob)}


def connect(settings: BotSettings, *, timeout_seconds: float | None = SOCKET_TIMEOUT_SECONDS) -> redis.Redis:
    """Returns a connection pool to Redis, which connects with its first command.

    A command is tried once more, at once: a connection may have been cut while it was idle. The client's own three
    pauses take about four seconds together, which is longer than a model call should wait for a breaker.
    """
    assert settings.redis_url
    return redis.Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_connect_timeout=2,
        socket_timeout=timeout_seconds,
        health_check_interval=30,
        retry=Retry(NoBackoff(), 1),
    )


def open_turn_queue(settings: BotSettings, connection: redis.Redis) -> Queue:
    """Returns the queue of wake-ups. Its jobs are JSON, because unpickling from Redis would run code."""
    return Queue(settings.queue, connection=connection, serializer=JSONSerializer)


def wake(
    turn_queue: Queue, session_ids: Sequence[UUID], places: Mapping[UUID, str] = MappingProxyType({})
) -> None:
    """Tells the workers, in one round trip, that these sessions have open questions.

    ``places`` say where in a trace it was asked for; by default that is where this is called.
    """
    here = tracing.describe_place()
    prepared = [
        Queue.prepare_data(
            JOB,
            args=(str(session_id),),
            timeout=-1,  # the turn's own deadline counts; RQ's would need a timer thread per job
            result_ttl=0,
            failure_ttl=3600,
            description="answer",
            job_id=_make_job_id(session_id),
            meta={tracing.TRACEPARENT: place} if (place := places.get(session_id, here)) else None,
        )
        for session_id in dict.fromkeys(session_ids)
    ]
    turn_queue.enqueue_many(prepared)


def open_sync_queue(settings: BotSettings, connection: redis.Redis) -> Queue:
    """Returns the queue of syncs."""
    return Queue(f"{settings.queue}-sync", connection=connection, serializer=JSONSerializer)


def enqueue_sync(sync_queue: Queue, job: SyncJob, sync_id: UUID, *, n: int = 1) -> None:
    """Enqueues ``n`` jobs for a sync."""
    prepared = [
        Queue.prepare_data(
            f"bot.sync_jobs.{job}",
            args=(str(sync_id),),
            timeout=-1,
            result_ttl=0,
            failure_ttl=3600,
            description=f"sync {job}",
            job_id=_make_job_id(sync_id),
        )
        for _ in range(n)
    ]
    sync_queue.enqueue_many(prepared)


def is_known(job: Job) -> bool:
    """Returns whether Docent enqueues such a job: one of a few functions, with one id and nothing else.

    RQ imports and calls whatever a job names. Who can write to Redis would run any function in a worker.
    """
    try:
        name, args, kwargs = job.func_name, job.args, job.kwargs
        is_id = len(args) == 1 and isinstance(args[0], str) and bool(UUID(args[0]))
        is_ours = name in JOBS and is_id and not kwargs and not job._instance
    except (DeserializationError, LookupError, ValueError, TypeError):  # JSON of any other shape
        return False
    callbacks = (job._success_callback_name, job._failure_callback_name, job._stopped_callback_name)
    return is_ours and not any(callbacks)


def list_waiting(jobs: Queue) -> set[str]:
    """Lists the sessions, or the syncs, of the jobs that wait for a worker."""
    return {job_id[:ID_CHARS] for job_id in jobs.get_job_ids()}


def has_waiting(sync_queue: Queue, sync_id: UUID) -> bool:
    """Returns whether a job of this sync waits for a worker."""
    return str(sync_id) in list_waiting(sync_queue)


def _make_job_id(id_: UUID) -> str:
    return f"{id_}-{uuid4().hex[:8]}"


class Waker:
    """Wakes workers from a thread of its own, in batches, so that no ack waits for Redis."""

    def __init__(self, turn_queue: Queue, redis_watch: RedisWatch | None = None) -> None:
        self._turn_queue, self._redis_watch = turn_queue, redis_watch
        self._pending: queue.SimpleQueue[tuple[UUID, str] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="waker", daemon=True)
        self._thread.start()

    def wake(self, session_id: UUID) -> None:
        """Returns at once. An outage is logged once, and the clock's sweep makes up for it."""
        self._pending.put((session_id, tracing.describe_place()))

    def close(self) -> None:
        """Sends what is pending and ends the thread."""
        self._pending.put(None)
        self._thread.join(SOCKET_TIMEOUT_SECONDS + 1)

    def _run(self) -> None:
        while (first := self._pending.get()) is not None:
            batch = [first]
            is_closing = False
            while not self._pending.empty() and len(batch) < MAX_BATCH:
                following = self._pending.get()
                if following is None:
                    is_closing = True
                    break
                batch.append(following)
            try:
                wake(self._turn_queue, [session_id for session_id, _ in batch], dict(batch))
            except redis.RedisError as error:
                if self._redis_watch:
                    self._redis_watch.note_away(error)
            else:
                if self._redis_watch:
                    self._redis_watch.note_back()
            if is_closing:
                return
