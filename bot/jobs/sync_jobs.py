"""Syncs over the workers: the jobs that list a source and read its documents, batch by batch.

A job carries a sync's id. ``begin`` lists the source and enqueues a few ``work`` jobs. Each of these reads
documents for a while and then enqueues its successor, behind whatever came meanwhile; if there is nothing left to
do, it ends, and the last one finishes the sync. After a failure that may pass, the sync stays open: the clock
wakes it again. What a machine that is cut off cannot do it leaves to others.
"""

import threading
import time
from dataclasses import dataclass
from uuid import UUID

import redis
from rq import Queue
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.errors import ModelError, UserError
from agent.store.database import Database, is_away
from bot.jobs import job_pool, queue
from bot.jobs.queue import SyncJob
from ingest.index.ownership.owner_record import WriterReplaced
from ingest.index.storage.object_store import BucketProblem
from ingest.library import Library
from ingest.sync import store
from ingest.sync.distributed import DistributedSync
from ingest.sync.reports import SyncReport
from ingest.sync.store import SyncStatus

SLICE_SECONDS = 20.0  # of one job
BATCH_DOCUMENTS = 40  # claimed at once
MAX_FAILURES = 5  # in a row


@dataclass(frozen=True)
class SyncContext:
    """What a worker process reads documents with; ``n_jobs`` work at a sync at once, over all processes."""

    database: Database
    library: Library
    sync_queue: Queue
    n_jobs: int
    stopping: threading.Event


_bound: list[SyncContext] = []  # at most one: RQ calls a function by its name, and passes strings only


def bind(context: SyncContext) -> None:
    """Sets what this process's jobs work with, before the first one."""
    _bound[:] = [context]


def begin(sync_id: str) -> None:
    """Lists the source, in an RQ job."""
    _run_slice(_bound[0], UUID(sync_id), SyncJob.BEGIN)


def work(sync_id: str) -> None:
    """Reads documents, in an RQ job."""
    _run_slice(_bound[0], UUID(sync_id), SyncJob.WORK)


def refresh_verified(job_id: str) -> None:
    """Brings the index in step with the verified answers, in an RQ job; after a failure the clock asks again."""
    try:
        n_changed = _bound[0].library.refresh_verified()
    except (UserError, ModelError, SQLAlchemyError) as error:
        observability.report(error, event="verified_not_indexed")
        return
    observability.log.info("verified_indexed", n_changed=n_changed)


def _begin(context: SyncContext, sync: DistributedSync) -> None:
    if sync.begin():
        queue.enqueue_sync(context.sync_queue, SyncJob.WORK, sync.id, n=context.n_jobs)


def _work(context: SyncContext, sync: DistributedSync) -> None:
    until = time.monotonic() + SLICE_SECONDS

    def is_over() -> bool:
        return context.stopping.is_set() or time.monotonic() > until

    if sync.work(limit=BATCH_DOCUMENTS, is_over=is_over):
        queue.enqueue_sync(context.sync_queue, SyncJob.WORK, sync.id)
    elif not store.count_items(context.database, sync.id):
        _log(sync.finish())


def _run_slice(context: SyncContext, sync_id: UUID, job: SyncJob) -> None:
    sync: DistributedSync | None = None
    try:
        sync = context.library.open_sync(sync_id)
        if sync:
            (_begin if job is SyncJob.BEGIN else _work)(context, sync)
    except store.SyncSuperseded:
        return
    except redis.RedisError as error:  # the sync is stored in Postgres, and the clock wakes it
        observability.log.warning("sync_not_woken", error_type=type(error).__name__)
    except (BucketProblem, WriterReplaced) as error:  # perhaps of this machine alone, while others go on
        job_pool.rest()  # before a job is enqueued, so that this process does not take it
        if _count_failure(context, sync_id, str(error)) == 1:  # others have written something since the last one
            _pass_on(context, sync_id, job)
    except UserError as error:  # such as a source that cannot be read: another try would not help
        _end(context, sync_id, str(error))
    except ModelError as error:
        if error.is_transient:
            _count_failure(context, sync_id, str(error))
        else:
            _end(context, sync_id, str(error))
    except Exception as error:  # noqa: BLE001  one slice ends here; the clock has it tried again
        if isinstance(error, SQLAlchemyError) and is_away(error):  # no fault of the sync, however often it happens
            observability.log.warning("sync_cut_off", error_type=type(error).__name__)
            job_pool.rest()
            if sync is None:  # else it may be the work that ends connections: the clock wakes it less often
                _pass_on(context, sync_id, job)
            return
        _count_failure(context, sync_id, f"a bug ({observability.report(error, event='sync_slice_failed')})")


def _pass_on(context: SyncContext, sync_id: UUID, job: SyncJob) -> None:
    """Enqueues the job again, for another machine.

    The clock wakes a sync only once nobody works on it: a machine that is cut off would take one job after the
    other from those that go on.
    """
    try:
        queue.enqueue_sync(context.sync_queue, job, sync_id)
    except redis.RedisError as error:
        observability.log.warning("sync_not_woken", error_type=type(error).__name__)


def _count_failure(context: SyncContext, sync_id: UUID, problem: str) -> int:
    """Counts a failure, and ends the sync after too many; returns how many there were in a row."""
    with context.database.transaction() as transaction:
        n_failures = store.count_failure(transaction, sync_id)
    if n_failures >= MAX_FAILURES:
        _end(context, sync_id, f"It failed {n_failures} times in a row: {problem}")
    return n_failures


def _end(context: SyncContext, sync_id: UUID, problem: str) -> None:
    with context.database.transaction() as transaction:
        store.end(transaction, sync_id, SyncStatus.FAILED, problem)
    sync = store.load(context.database, sync_id)
    observability.log.warning("sync_failed", source=sync.source if sync else "", problem=problem)


def _log(report: SyncReport) -> None:
    observability.log.info(
        "synced",
        source=report.source,
        n_read=report.n_added + report.n_changed + report.n_moved,
        n_removed=report.n_removed,
        n_narrowed=report.n_narrowed,
        n_widened=report.n_widened,
        n_problems=len(report.problems),
        seconds=round(report.seconds, 1),
    )
