"""Syncs over the workers: the jobs that list a source and read its documents, batch by batch.

A job carries a sync's id. ``begin`` lists the source and lets a few ``work`` jobs loose; each reads for a while
and then stands at the end of its queue again, behind whatever came meanwhile. Those that find nothing to do end;
the last one finishes the sync. A failure that may pass leaves the sync open: the clock wakes it again.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import redis
from rq import Queue

from agent import observability
from agent.errors import ModelError, UserError
from agent.store.database import Database
from bot.jobs import queue
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
    queue: Queue
    n_jobs: int
    stopping: threading.Event


_benches: list[SyncContext] = []


def bind(bench: SyncContext) -> None:
    """Makes ``bench`` the one this process's jobs are done at."""
    _benches[:] = [bench]


def begin(sync_id: str) -> None:
    """The RQ job that lists a source."""
    _guarded(_benches[0], UUID(sync_id), _begin)


def work(sync_id: str) -> None:
    """The RQ job that reads documents."""
    _guarded(_benches[0], UUID(sync_id), _work)


def _begin(bench: SyncContext, ongoing: DistributedSync) -> None:
    if ongoing.begin():
        queue.enqueue_sync(bench.queue, "work", ongoing.id, n=bench.n_jobs)


def _work(bench: SyncContext, ongoing: DistributedSync) -> None:
    until = time.monotonic() + SLICE_SECONDS

    def is_over() -> bool:
        return bench.stopping.is_set() or time.monotonic() > until

    if ongoing.work(limit=BATCH_DOCUMENTS, is_over=is_over):
        queue.enqueue_sync(bench.queue, "work", ongoing.id)
    elif not store.count_items(bench.database, ongoing.id):
        _told(ongoing.finish())


def _guarded(bench: SyncContext, sync_id: UUID, do: Callable[[SyncContext, DistributedSync], None]) -> None:
    try:
        ongoing = bench.library.open_sync(sync_id)
        if ongoing:
            do(bench, ongoing)
    except store.SyncSuperseded:
        return
    except redis.RedisError as error:  # the sync stands in Postgres, and the clock wakes it
        observability.log.warning("sync_not_woken", error_type=type(error).__name__)
    except UserError as error:  # such as a source that cannot be read: no other try would help
        _end(bench, sync_id, str(error))
    except ModelError as error:
        if error.is_transient:
            _tried(bench, sync_id, str(error))
        else:
            _end(bench, sync_id, str(error))
    except Exception as error:  # noqa: BLE001  the end of one slice; the clock has it tried again
        _tried(bench, sync_id, f"a bug ({observability.report(error, event='sync_slice_failed')})")


def _tried(bench: SyncContext, sync_id: UUID, problem: str) -> None:
    with bench.database.transaction() as transaction:
        n_failures = store.count_failure(transaction, sync_id)
    if n_failures >= MAX_FAILURES:
        _end(bench, sync_id, f"It failed {n_failures} times in a row: {problem}")


def _end(bench: SyncContext, sync_id: UUID, problem: str) -> None:
    with bench.database.transaction() as transaction:
        store.end(transaction, sync_id, SyncStatus.FAILED, problem)
    sync = store.load(bench.database, sync_id)
    observability.log.warning("sync_failed", source=sync.source if sync else "", problem=problem)


def _told(report: SyncReport) -> None:
    observability.log.info(
        "synced",
        source=report.source,
        n_read=report.n_added + report.n_changed + report.n_moved,
        n_removed=report.n_removed,
        n_problems=len(report.problems),
        seconds=round(report.seconds, 1),
    )
