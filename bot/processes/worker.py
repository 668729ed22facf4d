"""The worker process: answers many questions at once, and reads documents.

Turns and syncs have a queue, a listener and threads each, so that no question waits for a thread that reads
documents. The listeners are threads too, and check every second whether the process is stopping: a signal does not
always end a wait for Redis (see :mod:`.signals`). How RQ runs in threads: :mod:`bot.jobs.rq_worker`. Several such
processes: :mod:`.supervisor`.
"""

import os
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import cast

import redis
from rq import Queue
from sqlalchemy.exc import SQLAlchemyError

import agent.settings
from agent import observability
from bot.jobs import queue, redis_watch
from bot.jobs.context import WorkerContext
from bot.jobs.job_pool import JobPool
from bot.jobs.leases import renewer
from bot.jobs.rq_worker import LISTEN_SECONDS, WORKER_TTL_SECONDS, ThreadedWorker
from bot.processes import malloc_tuning
from bot.processes.signals import STOPS, Signals
from bot.settings import BotSettings

LEAVE_SECONDS = 3  # for listeners to sign off from Redis
STOP_SECONDS = 4  # for turns and syncs to give themselves back; hosts send SIGKILL after 10
RECONNECT_SECONDS = 1
NICENESS = 10
COMPUTING_AT_ONCE = 4  # turns of one process that are not waiting for a model: they share one interpreter
SYNCS_AT_ONCE = 3  # in one process, so that a sync that lists a slow website holds up no other


def run(
    settings: BotSettings,
    make_context: Callable[[Connection], WorkerContext],
    *,
    on_exit: Callable[[], None] = lambda: None,
) -> None:
    """Works in this process until SIGTERM or SIGINT; ``on_exit`` is called last, before the process ends.

    ``make_context`` gets the pipe to the process that renews leases. A bug that ends that process or a listener
    ends this one too, with exit code 1: the supervisor or the host starts it again.
    """
    pipe = renewer.fork(agent.settings.load())
    _lower_priority()
    context = make_context(pipe)
    _bind(settings, context)
    turns = JobPool(settings.concurrency, n_computing=COMPUTING_AT_ONCE)
    syncs = JobPool(SYNCS_AT_ONCE, name="sync")
    stopping = context.leases.stopping
    signals = Signals(*STOPS)
    listeners = [
        _start_listener(settings, queue.open_turn_queue, turns, stopping, name="turns"),
        _start_listener(settings, queue.open_sync_queue, syncs, stopping, name="syncs"),
    ]
    observability.log.info("worker_ready", concurrency=settings.concurrency)
    stop = None
    while stop is None and context.leases.has_renewer and all(listener.is_alive() for listener in listeners):
        stop = signals.wait(LISTEN_SECONDS)
    stopping.set()
    _wait_while(lambda: any(listener.is_alive() for listener in listeners), LEAVE_SECONDS)
    _give_back(context, turns, syncs)
    context.leases.close()
    on_exit()
    os._exit(0 if stop else 1)  # a thread that hangs in a provider's socket must not keep the process


def _lower_priority() -> None:
    """Yields the processor to the web process (an ack has 3 s, an answer has not), and bounds malloc."""
    os.nice(NICENESS)
    malloc_tuning.limit_arenas()


def _bind(settings: BotSettings, context: WorkerContext) -> None:
    """Gives this process's jobs what they work with."""
    from bot.jobs import answering, sync_jobs
    from ingest.library import Library

    answering.bind(context)
    sync_jobs.bind(
        sync_jobs.SyncContext(
            database=context.database,
            library=cast(Library, context.agent.resources[Library]),
            sync_queue=queue.open_sync_queue(settings, queue.connect(settings)),
            n_jobs=settings.sync_jobs,
            stopping=context.leases.stopping,
        )
    )


def _start_listener(
    settings: BotSettings,
    open_queue: Callable[[BotSettings, redis.Redis], Queue],
    pool: JobPool,
    stopping: threading.Event,
    *,
    name: str,
) -> threading.Thread:
    watch = redis_watch.watch(settings)

    def listen() -> None:
        while not stopping.is_set():
            try:
                connection = queue.connect(settings, timeout_seconds=WORKER_TTL_SECONDS)
                worker = ThreadedWorker(open_queue(settings, connection), pool, stopping, watch)
                worker.work(logging_level="WARNING")
            except redis.RedisError as error:
                watch.note_away(error)
            stopping.wait(RECONNECT_SECONDS)

    listener = threading.Thread(target=listen, name=name, daemon=True)
    listener.start()
    return listener


def _give_back(context: WorkerContext, *pools: JobPool) -> None:
    """Lets turns and syncs stop by themselves for a moment, then gives back turns that wait in some socket."""
    _wait_while(lambda: any(pool.is_busy for pool in pools), STOP_SECONDS)
    try:
        if context.leases.n_held and (session_ids := context.leases.put_back()) and context.turn_queue:
            queue.wake(context.turn_queue, session_ids)
    except (SQLAlchemyError, redis.RedisError) as error:  # their leases run out
        observability.report(error, event="turns_left_behind")
    observability.flush()


def _wait_while(condition: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while condition() and time.monotonic() < until:
        time.sleep(0.02)
