"""The worker process: many turns at once, in threads of a few processes.

How RQ 3 is used, and why. A turn mostly waits for a model, and litellm and lancedb take seconds and ~180 MB to
import, so a process per job (RQ's default) is out. RQ's ``SimpleWorker`` runs a job in the process, one at a
time; RQ 3 keeps a worker's executions in a dictionary, so running several is a matter of not waiting:
``execute_job`` hands the job to a pool, and a slot is taken before the next job is. Jobs carry ``timeout=-1``:
signals cannot interrupt a thread, and RQ's timers would cost one more thread per job; the turn's own deadline
counts. Syncs have a queue, a listener and threads of their own, a few: no question waits for a free thread because
documents are read. One such process per core: the parent imports the heavy libraries, uses none of them (lancedb
is not fork-safe once used), and forks; so the children share those pages. It replaces a child that dies.
"""

import contextlib
import gc
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import redis
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.timeouts import TimerDeathPenalty
from sqlalchemy.exc import SQLAlchemyError

from agent import observe
from bot import malloc, queue, tied
from bot.jobs import Desk
from bot.settings import Settings

WORKER_TTL_SECONDS = 45  # an idle worker's blocking pop is 15 s shorter
STOP_SECONDS = 4  # for turns and syncs to give themselves back; hosts send SIGKILL after 10
RESTART_SECONDS = 1
NICENESS = 10
SYNCS_AT_ONCE = 3  # in one process: one that lists a slow website holds up no other


class TurnWorker(SimpleWorker):
    """An RQ worker that runs the jobs of one queue in threads."""

    death_penalty_class = TimerDeathPenalty
    max_connection_wait_time = 2  # Redis is back: go on within two seconds

    def __init__(self, jobs: Queue, pool: "TurnPool") -> None:
        super().__init__(
            [jobs],
            connection=jobs.connection,
            serializer=jobs.serializer,
            worker_ttl=WORKER_TTL_SECONDS,
            log_job_description=False,
        )
        self._turns = pool

    def dequeue_job_and_maintain_ttl(self, *args: Any, **kwargs: Any) -> Any:
        """Takes a slot first: a job that no thread is free for stays in Redis, for other processes."""
        self._turns.slots.acquire()
        found = None
        try:
            found = super().dequeue_job_and_maintain_ttl(*args, **kwargs)
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
                observe.log.warning("job_not_closed", error_type=type(error).__name__)
            finally:
                self._turns.slots.release()

        self._turns.submit(perform)

    def _install_signal_handlers(self) -> None:
        """``run`` has installed its own."""


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


def run(settings: Settings, make_desk: Callable[[], Desk], *, leave: Callable[[], None] = lambda: None) -> None:
    """Works in this process until SIGTERM or SIGINT; ``leave`` is called last, before the process ends."""
    from bot import jobs, sync_jobs
    from ingest.library import Library

    _be_modest()
    desk = make_desk()
    jobs.bind(desk)
    sync_jobs.bind(
        sync_jobs.Bench(
            database=desk.database,
            library=desk.kit.resources[Library],
            queue=queue.syncs_of(settings, queue.connect(settings)),
            n_jobs=settings.sync_jobs,
            stopping=desk.leases.stopping,
        )
    )
    turns, syncs = TurnPool(settings.concurrency), TurnPool(SYNCS_AT_ONCE, name="sync")
    stopping = desk.leases.stopping

    def stop(*_: Any) -> None:
        stopping.set()
        raise StopRequested  # ends RQ's loop quietly

    _on_stop(stop)
    observe.log.info("worker_ready", concurrency=settings.concurrency)
    listening = partial(_listen, settings, queue.syncs_of, syncs, stopping)
    threading.Thread(target=listening, name="syncs", daemon=True).start()
    _listen(settings, queue.of, turns, stopping)
    _on_stop(lambda *_: None)
    _give_back(desk, syncs)
    leave()
    os._exit(0)  # a thread that hangs in a provider's socket must not keep the process


def _listen(
    settings: Settings,
    queue_of: Callable[[Settings, redis.Redis], Queue],
    pool: TurnPool,
    stopping: threading.Event,
) -> None:
    while not stopping.is_set():
        try:
            connection = queue.connect(settings, timeout_seconds=WORKER_TTL_SECONDS)
            TurnWorker(queue_of(settings, connection), pool).work(logging_level="WARNING")
        except StopRequested:
            break
        except redis.RedisError as error:
            observe.log.warning("redis_away", error_type=type(error).__name__)
            with contextlib.suppress(StopRequested):
                stopping.wait(RESTART_SECONDS)


def _be_modest() -> None:
    """Yields the processor to the web process (an ack has 3 s, an answer has not)."""
    os.nice(NICENESS)
    malloc.bound()


def _on_stop(handler: Callable[..., None]) -> None:
    signal.signal(signal.SIGTERM, handler)
    signal.signal(signal.SIGINT, handler)


def _give_back(desk: Desk, syncs: TurnPool) -> None:
    """Lets turns and syncs stop by themselves for a moment, then gives back turns that wait in some socket."""
    until = time.monotonic() + STOP_SECONDS
    while (desk.leases.n_held or syncs.is_busy) and time.monotonic() < until:
        time.sleep(0.05)
    try:
        if desk.leases.n_held and (left := desk.leases.put_back()) and desk.jobs:
            queue.wake(desk.jobs, left)
    except (SQLAlchemyError, redis.RedisError) as error:  # their leases run out
        observe.report(error, event="turns_left_behind")
    observe.flush()


def supervise(n_processes: int, child: Callable[[], None], *, preload: Callable[[], None]) -> None:
    """Forks ``n_processes`` workers after ``preload`` and replaces those that die, until SIGTERM or SIGINT."""
    preload()
    gc.collect()
    gc.freeze()  # the collector would touch, and so copy, every shared page
    children: set[int] = set()
    stopping = False
    life = os.pipe()  # ends with this process, and its children then stop

    def stop(*_: Any) -> None:
        nonlocal stopping
        stopping = True
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    _on_stop(stop)
    while not stopping:
        while len(children) < n_processes and not stopping:
            children.add(_fork(child, life))
        try:
            pid, _ = os.wait()
        except InterruptedError:
            continue
        if pid in children and not stopping:
            children.discard(pid)
            observe.log.error("worker_died", pid=pid)
            time.sleep(RESTART_SECONDS)
    stop()  # once more: a child forked while the first signal came has not heard it
    for pid in children:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


def _fork(child: Callable[[], None], life: tuple[int, int]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        os.close(life[1])
        tied.tie(life[0])
        _on_stop(signal.SIG_DFL)  # type: ignore[arg-type]
        child()
    except BaseException as error:  # noqa: BLE001  a forked child must never return into its parent's code
        observe.report(error, event="worker_failed")
        observe.flush()
        os._exit(1)
    os._exit(0)
