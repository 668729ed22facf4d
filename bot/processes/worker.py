"""The worker process: many turns at once, in threads of a few processes.

How RQ 3 is used, and why. A turn mostly waits for a model, and litellm and lancedb take seconds and ~180 MB to
import, so a process per job (RQ's default) is out. RQ's ``SimpleWorker`` runs a job in the process, one at a
time; RQ 3 keeps a worker's executions in a dictionary, so running several is a matter of not waiting:
``execute_job`` hands the job to a pool, and a slot is taken before the next job is. Jobs carry ``timeout=-1``:
signals cannot interrupt a thread, and RQ's timers would cost one more thread per job; the turn's own deadline
counts. Syncs have a queue, a listener and threads of their own, a few: no question waits for a free thread because
documents are read. The listeners are threads too, and look every second whether the process is stopping: a signal
does not always end a wait for Redis (:mod:`bot.processes.signals`). One such process per core: the parent imports
the heavy
libraries, uses none of them (lancedb is not fork-safe once used), and forks; so the children share those pages. It
replaces a child that dies.
"""

import gc
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import redis
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.timeouts import TimerDeathPenalty
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from bot.jobs import queue
from bot.jobs.answering import WorkerContext
from bot.processes import malloc_tuning, parent_watch
from bot.processes.signals import STOPS, Signals
from bot.settings import BotSettings

WORKER_TTL_SECONDS = 45  # RQ's note that a worker is there lives as long
LISTEN_SECONDS = 1  # then a listener looks whether the process is stopping
LEAVE_SECONDS = 3  # for listeners to take leave of Redis
STOP_SECONDS = 4  # for turns and syncs to give themselves back; hosts send SIGKILL after 10
RESTART_SECONDS = 1
NICENESS = 10
SYNCS_AT_ONCE = 3  # in one process: one that lists a slow website holds up no other


class TurnWorker(SimpleWorker):
    """An RQ worker that runs the jobs of one queue in threads."""

    death_penalty_class = TimerDeathPenalty
    max_connection_wait_time = 2  # Redis is back: go on within two seconds

    def __init__(self, jobs: Queue, pool: "TurnPool", stopping: threading.Event) -> None:
        super().__init__(
            [jobs],
            connection=jobs.connection,
            serializer=jobs.serializer,
            worker_ttl=WORKER_TTL_SECONDS,
            log_job_description=False,
        )
        self._turns = pool
        self._stopping = stopping

    def dequeue_job_and_maintain_ttl(self, timeout: int | None, max_idle_time: int | None = None) -> Any:
        """Takes a slot first: a job that no thread is free for stays in Redis, for other processes."""
        while not self._stopping.is_set():
            if self._turns.slots.acquire(timeout=LISTEN_SECONDS) and (found := self._next()):
                return found
        raise StopRequested  # ends RQ's loop quietly

    def _next(self) -> Any:
        """The next job, or None; keeps the slot for a job only."""
        found = None
        try:
            found = super().dequeue_job_and_maintain_ttl(LISTEN_SECONDS, LISTEN_SECONDS)
        finally:
            if found is None:
                self._turns.slots.release()
        return found

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Hands the job to a thread and returns."""

        def perform() -> None:
            try:
                self.perform_job(job, queue, self.prepare_execution(job))
            except redis.RedisError as error:  # the turn is done or will be woken again; RQ's notes are lost
                observability.log.warning("job_not_closed", error_type=type(error).__name__)
            finally:
                self._turns.slots.release()

        self._turns.submit(perform)

    def _install_signal_handlers(self) -> None:
        """The process has its own, and this is not its main thread."""


class TurnPool:
    """The process's threads and as many slots: they outlive a connection to Redis, and so bound it all."""

    def __init__(self, concurrency: int, *, name: str = "turn") -> None:
        self.slots = threading.Semaphore(concurrency)
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix=name)
        self._running: set[Future[None]] = set()

    @property
    def is_busy(self) -> bool:
        """Whether a job is under way."""
        return any(not job.done() for job in tuple(self._running))

    def submit(self, perform: Callable[[], None]) -> None:
        """Runs in a thread; the caller has taken its slot."""
        job = self._threads.submit(perform)
        self._running.add(job)
        job.add_done_callback(self._running.discard)


def run(
    settings: BotSettings, make_desk: Callable[[], WorkerContext], *, leave: Callable[[], None] = lambda: None
) -> None:
    """Works in this process until SIGTERM or SIGINT; ``leave`` is called last, before the process ends.

    A bug that ends a listener ends the process too, with exit code 1: whoever started it starts it again.
    """
    from bot.jobs import answering, sync_jobs
    from ingest.library import Library

    _be_modest()
    desk = make_desk()
    answering.bind(desk)
    sync_jobs.bind(
        sync_jobs.SyncContext(
            database=desk.database,
            library=desk.kit.resources[Library],
            queue=queue.open_sync_queue(settings, queue.connect(settings)),
            n_jobs=settings.sync_jobs,
            stopping=desk.leases.stopping,
        )
    )
    turns, syncs = TurnPool(settings.concurrency), TurnPool(SYNCS_AT_ONCE, name="sync")
    stopping = desk.leases.stopping
    signals = Signals(*STOPS)
    listeners = [
        threading.Thread(target=_listen, args=(settings, queue_of, pool, stopping), name=name, daemon=True)
        for name, queue_of, pool in (
            ("turns", queue.open_turn_queue, turns),
            ("syncs", queue.open_sync_queue, syncs),
        )
    ]
    for listener in listeners:
        listener.start()
    observability.log.info("worker_ready", concurrency=settings.concurrency)
    stop = None
    while stop is None and all(listener.is_alive() for listener in listeners):
        stop = signals.wait(LISTEN_SECONDS)
    stopping.set()
    _await(lambda: any(listener.is_alive() for listener in listeners), LEAVE_SECONDS)
    _give_back(desk, turns, syncs)
    leave()
    os._exit(0 if stop else 1)  # a thread that hangs in a provider's socket must not keep the process


def _listen(
    settings: BotSettings,
    queue_of: Callable[[BotSettings, redis.Redis], Queue],
    pool: TurnPool,
    stopping: threading.Event,
) -> None:
    while not stopping.is_set():
        try:
            connection = queue.connect(settings, timeout_seconds=WORKER_TTL_SECONDS)
            TurnWorker(queue_of(settings, connection), pool, stopping).work(logging_level="WARNING")
        except redis.RedisError as error:
            observability.log.warning("redis_away", error_type=type(error).__name__)
            stopping.wait(RESTART_SECONDS)


def _be_modest() -> None:
    """Yields the processor to the web process (an ack has 3 s, an answer has not)."""
    os.nice(NICENESS)
    malloc_tuning.limit_arenas()


def _give_back(desk: WorkerContext, *pools: TurnPool) -> None:
    """Lets turns and syncs stop by themselves for a moment, then gives back turns that wait in some socket."""
    _await(lambda: any(pool.is_busy for pool in pools), STOP_SECONDS)
    try:
        if desk.leases.n_held and (left := desk.leases.put_back()) and desk.jobs:
            queue.wake(desk.jobs, left)
    except (SQLAlchemyError, redis.RedisError) as error:  # their leases run out
        observability.report(error, event="turns_left_behind")
    observability.flush()


def _await(is_going_on: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while is_going_on() and time.monotonic() < until:
        time.sleep(0.02)


def supervise(n_processes: int, child: Callable[[], None], *, preload: Callable[[], None]) -> None:
    """Forks ``n_processes`` workers after ``preload`` and replaces those that die, until SIGTERM or SIGINT."""
    preload()
    gc.collect()
    gc.freeze()  # the collector would touch, and so copy, every shared page
    life = os.pipe()  # ends with this process, and its children then stop
    signals = Signals(*STOPS, signal.SIGCHLD)
    children = {_fork(child, life, signals) for _ in range(n_processes)}
    while signals.wait() not in STOPS:
        dead = {pid for pid in children if os.waitpid(pid, os.WNOHANG)[0]}
        for pid in dead:
            observability.log.error("worker_died", pid=pid)
        time.sleep(RESTART_SECONDS if dead else 0)
        children = (children - dead) | {_fork(child, life, signals) for _ in dead}
    for pid in children:
        os.kill(pid, signal.SIGTERM)
    for pid in children:
        os.waitpid(pid, 0)


def _fork(child: Callable[[], None], life: tuple[int, int], signals: Signals) -> int:
    with signals.forking():
        pid = os.fork()
    if pid:
        return pid
    try:
        os.close(life[1])
        parent_watch.exit_when_parent_dies(life[0])
        child()
    except BaseException as error:  # noqa: BLE001  a forked child must never return into its parent's code
        observability.report(error, event="worker_failed")
        observability.flush()
        os._exit(1)
    os._exit(0)
