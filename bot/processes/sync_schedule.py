"""The clock's part of syncs: asks for one of each declared source when it is due, wakes those that stand still.

Reads ``docent.toml`` as it stands at that moment; loads nothing that reads documents.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import redis
from rq import Queue
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.clock import now
from agent.errors import UserError
from agent.store.database import Database
from bot.jobs import queue
from ingest import source_config
from ingest.sync import store


@dataclass
class SyncSchedule:
    """One look every ``look_seconds``, between two sweeps. ``n_jobs`` read a sync's documents at once."""

    database: Database
    queue: Queue
    config: Path
    n_jobs: int = 1
    look_seconds: float = 10.0
    lease_seconds: float = store.LEASE_SECONDS
    look_at: float = 0.0  # time.monotonic() seconds
    complaint: str = ""

    def tick(self) -> int:
        """How many syncs were asked for or woken."""
        if time.monotonic() < self.look_at:
            return 0
        self.look_at = time.monotonic() + self.look_seconds
        sources = self._declared()
        try:
            with self.database.transaction() as transaction:
                idle = store.take_idle(transaction, lease_seconds=self.lease_seconds)
                last = store.load_last_started(transaction) if sources else {}
            due = [
                name
                for name, given in sources.items()
                if _is_due(source_config.sync_interval(given), last.get(name))
            ]
            n_woken = sum(self._woken(sync_id, status) for sync_id, status in idle)
            return n_woken + sum(self._asked(name, sources[name]) for name in due)
        except (SQLAlchemyError, redis.RedisError) as error:  # what was asked for is woken when it stands still
            observability.log.warning("schedule_failed", error_type=type(error).__name__)
            return 0

    def _declared(self) -> dict[str, dict[str, Any]]:
        """What cannot be used is complained of once, not with every look."""
        try:
            found, complaint = source_config.sources(self.config), ""
        except UserError as error:
            found, complaint = {}, str(error)
        if complaint and complaint != self.complaint:
            observability.log.error("sources_unusable", problem=complaint)
        self.complaint = complaint
        return found

    def _woken(self, sync_id: UUID, status: str) -> bool:
        """Not where its jobs only wait for a worker that has time."""
        if queue.has_waiting(self.queue, sync_id):
            return False
        if status == "reading":
            queue.enqueue_sync(self.queue, "work", sync_id, n=self.n_jobs)
        else:
            queue.enqueue_sync(self.queue, "begin", sync_id)
        return True

    def _asked(self, name: str, given: dict[str, Any]) -> bool:
        with self.database.transaction() as transaction:
            sync_id = store.request_sync(transaction, name, given)
        if sync_id:
            queue.enqueue_sync(self.queue, "begin", sync_id)
        return bool(sync_id)


def _is_due(every: timedelta | None, last: datetime | None) -> bool:
    return every is not None and (last is None or now() - last >= every)
