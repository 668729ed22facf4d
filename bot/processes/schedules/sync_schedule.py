"""The clock's part of syncs: requests one for each declared source when it is due, and wakes those that stand
still.

Reads ``docent.toml`` again at every check; loads nothing that reads documents.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import redis
from rq import Queue
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.clock import now
from agent.errors import UserError
from agent.store.database import Database, Transaction
from bot.jobs import queue
from bot.jobs.queue import SyncJob
from ingest import source_config
from ingest.source_config import SourceTable
from ingest.sync import reports, store
from ingest.sync.store import SyncStatus

NEW_READERS_AFTER = timedelta(minutes=1)  # since the sync before, and between tries of a source that fails


@dataclass
class SyncSchedule:
    """Checks every ``check_seconds``, between two sweeps. ``n_jobs`` read a sync's documents at once."""

    database: Database
    sync_queue: Queue
    config: Path
    n_jobs: int = 1
    check_seconds: float = 10.0
    lease_seconds: float = store.LEASE_SECONDS
    next_check_at: float = 0.0  # time.monotonic() seconds
    is_config_named: bool = False  # so that the file must exist
    problem: str = ""  # of docent.toml, logged last
    declared: frozenset[str] | None = None  # names, as they were looked at last
    undeclared: frozenset[str] = frozenset()  # names, logged already

    def tick(self) -> int:
        """Returns how many syncs were requested or woken."""
        if time.monotonic() < self.next_check_at:
            return 0
        self.next_check_at = time.monotonic() + self.check_seconds
        sources = self._load_sources()
        try:
            with self.database.transaction() as transaction:
                idle = store.take_idle(transaction, lease_seconds=self.lease_seconds)
                last = store.load_last_started(transaction) if sources else {}
                readers = reports.load_synced_readers(transaction) if sources else {}
                self._note_undeclared(transaction, sources)
            due = [
                name
                for name, options in sources.items()
                if is_due(
                    source_config.sync_interval(options),
                    last.get(name),
                    now(),
                    has_new_readers=name in readers and readers[name] != store.pick_readers(options),
                )
            ]
            n_woken = sum(self._wake(sync_id, status) for sync_id, status in idle)
            return n_woken + sum(self._request(name, sources[name]) for name in due)
        except (SQLAlchemyError, redis.RedisError) as error:  # a sync that is requested already is woken later
            observability.log.warning("schedule_failed", error_type=type(error).__name__)
            return 0

    def _load_sources(self) -> dict[str, SourceTable]:
        """Returns the declared sources; logs a file that cannot be used once, not at every check."""
        sources: dict[str, SourceTable] = {}
        problem = ""
        try:
            sources = source_config.sources(self.config, is_required=self.is_config_named)
        except UserError as error:
            problem = str(error)
        if problem and problem != self.problem:
            observability.log.error("sources_unusable", problem=problem)
        self.problem = problem
        return sources

    def _note_undeclared(self, transaction: Transaction, sources: Collection[str]) -> None:
        """Logs once which sources were synced by the clock, have documents, and are declared no more."""
        if self.problem or self.declared == frozenset(sources):
            return
        self.declared = frozenset(sources)
        found = [one for one in reports.load_undeclared(transaction, self.declared) if one.was_scheduled]
        for one in found:
            if one.name not in self.undeclared:
                observability.log.warning("source_undeclared", source=one.name, n_documents=one.n_documents)
        self.undeclared = frozenset(one.name for one in found)

    def _wake(self, sync_id: UUID, status: str) -> bool:
        """Enqueues the sync's jobs again, unless some still wait for a worker."""
        if queue.has_waiting(self.sync_queue, sync_id):
            return False
        if status == SyncStatus.READING:
            queue.enqueue_sync(self.sync_queue, SyncJob.WORK, sync_id, n=self.n_jobs)
        else:
            queue.enqueue_sync(self.sync_queue, SyncJob.BEGIN, sync_id)
        return True

    def _request(self, name: str, options: SourceTable) -> bool:
        with self.database.transaction() as transaction:
            sync_id = store.request_sync(transaction, name, options)
        if sync_id:
            queue.enqueue_sync(self.sync_queue, SyncJob.BEGIN, sync_id)
        return bool(sync_id)


def is_due(
    every: timedelta | None, last_started: datetime | None, moment: datetime, *, has_new_readers: bool = False
) -> bool:
    """Returns whether a source's next sync is due.

    Never without ``every``; at once without an earlier one, and soon where other readers are declared than then.
    """
    if every is None or last_started is None:
        return every is not None
    return moment - last_started >= (min(every, NEW_READERS_AFTER) if has_new_readers else every)
