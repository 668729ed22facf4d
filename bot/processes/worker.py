"""The worker process: answers many questions at once, and reads documents.

Turns and syncs have a queue, a listener and threads each, so that no question waits for a thread that reads
documents. The listeners are threads too, and check every second whether the process is stopping: a signal does not
always end a wait for Redis (see :mod:`.signals`). How RQ runs in threads: :mod:`bot.jobs.rq_worker`. Several such
processes: :mod:`.supervisor`.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection
from types import MappingProxyType
from typing import cast

import redis
from rq import Queue
from sqlalchemy.exc import SQLAlchemyError

import agent.settings
from agent import observability
from bot.jobs import queue
from bot.jobs.context import WorkerContext
from bot.jobs.job_pool import JobPool
from bot.jobs.leases import renewer
from bot.jobs.leases.renewer import ForkedRenewer
from bot.jobs.rq_worker import LISTEN_SECONDS, WORKER_TTL_SECONDS, ThreadedWorker
from bot.outages import redis_watch
from bot.processes import malloc_tuning
from bot.processes.signals import STOPS, Signals
from bot.settings import BotSettings

LEAVE_SECONDS = 3  # for listeners to sign off from Redis
STOP_SECONDS = 4  # for turns and syncs to give themselves back; hosts send SIGKILL after 10
RECONNECT_SECONDS = 1
IDLE_LOOKS = 5  # LISTEN_SECONDS apart
NICENESS = 10
COMPUTING_AT_ONCE = 4  # turns of one process that are not waiting for a model: they share one interpreter
SYNCS_AT_ONCE = 3  # in one process, so that a sync that lists a slow website holds up no other


class Pause:
    """Gives memory back when the work has paused for a few looks, once per pause."""

    def __init__(self, trim: Callable[[], None] = malloc_tuning.trim) -> None:
        self._trim = trim
        self._n_idle = 0

    def note(self, *, is_busy: bool) -> None:
        """Notes one look at the jobs."""
        self._n_idle = 0 if is_busy else self._n_idle + 1
        if self._n_idle == IDLE_LOOKS:
            self._trim()


def run(
    settings: BotSettings,
    make_context: Callable[[Connection], WorkerContext],
    *,
    forked: ForkedRenewer | None = None,
    beside: Mapping[str, Callable[[threading.Event], None]] = MappingProxyType({}),
    on_exit: Callable[[], None] = lambda: None,
) -> None:
    """Works in this process until SIGTERM or SIGINT; ``on_exit`` is called last, before the process ends.

    ``make_context`` gets the pipe to the process that renews leases: the one that is ``forked`` already, or one
    that is forked here. What works ``beside`` gets a thread of this name, and stops when its event is set. A bug
    that ends the renewer, a listener or what works beside ends this process too, with exit code 1: the supervisor
    or the host starts it again.
    """
    forked = forked or renewer.fork(agent.settings.load())
    _lower_priority()
    context = make_context(forked.pipe)
    _bind(settings, context)
    turns = JobPool(settings.concurrency, n_computing=COMPUTING_AT_ONCE)
    syncs = JobPool(SYNCS_AT_ONCE, name="sync")
    stopping = context.leases.stopping
    signals = Signals(*STOPS)
    listeners = [
        _start_listener(settings, queue.open_turn_queue, turns, stopping, name="turns"),
        _start_listener(settings, queue.open_sync_queue, syncs, stopping, name="syncs"),
        *(_start_thread(partial(work, stopping), name=name) for name, work in beside.items()),
        *_start_mirror(context, stopping),
    ]
    observability.log.info("worker_ready", concurrency=settings.concurrency)
    stop, pause = None, Pause()
    while stop is None and context.leases.has_renewer and all(listener.is_alive() for listener in listeners):
        stop = signals.wait(LISTEN_SECONDS)
        pause.note(is_busy=turns.is_busy or syncs.is_busy)
    stopping.set()
    _wait_while(lambda: any(listener.is_alive() for listener in listeners), LEAVE_SECONDS)
    _give_back(context, turns, syncs)
    context.leases.close()
    forked.wait(LEAVE_SECONDS)
    on_exit()
    os._exit(0 if stop else 1)  # a thread that hangs in a provider's socket must not keep the process


def preload() -> None:
    """Imports and checks once, before the fork and the first question, what every worker process needs."""
    import agent.settings
    import bot.settings
    from agent.llm import litellm_setup, models
    from agent.llm.model_names import is_local
    from bot.jobs import answering, redis_breaker, sync_jobs, wiring
    from ingest import settings as ingest_settings
    from ingest.embedding import embedder
    from ingest.index import lancedb_runtime
    from ingest.sources import connector
    from tools import registry

    # A tool that cannot be loaded is reported once, not by each fork, and so is a model without a price.
    registry.find_tools(bot.settings.load().own_tools)
    resolved = models.resolve(agent.settings.load())
    library = ingest_settings.load()
    is_here = library.embedding_model in ingest_settings.LOCAL_EMBEDDING_MODELS
    if library.rerank_model or not (is_here and all(is_local(model.name) for model in resolved)):
        litellm_setup.warm_up()
    embedder.warm_up(library.embedding_model)
    lancedb_runtime.warm_up()
    assert all((answering, redis_breaker, sync_jobs, wiring))  # imported for the forks to share
    connector.source_modules()
    lancedb_runtime.require_unused()


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


def _start_mirror(context: WorkerContext, stopping: threading.Event) -> list[threading.Thread]:
    """Keeps this machine's copy of an index in a bucket fresh."""
    from ingest.index.mirror.mirror_keeper import MirrorKeeper
    from ingest.library import Library

    active_index = cast(Library, context.agent.resources[Library]).active_index
    if active_index.mirror is None:
        return []
    return [_start_thread(partial(MirrorKeeper(active_index, active_index.mirror).keep, stopping), name="mirror")]


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

    return _start_thread(listen, name=name)


def _start_thread(work: Callable[[], None], *, name: str) -> threading.Thread:
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread


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
