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

from agent import observe
from agent.database import Database, now
from agent.errors import UserError
from bot import queue
from ingest import declared, syncs

LOOK_AGAIN_SECONDS = 10.0


@dataclass
class Schedule:
    """One look every few seconds, between two sweeps."""

    database: Database
    queue: Queue
    config: Path
    look_at: float = 0.0  # time.monotonic() seconds
    complaint: str = ""

    def tick(self) -> int:
        """How many syncs were asked for or woken."""
        if time.monotonic() < self.look_at:
            return 0
        self.look_at = time.monotonic() + LOOK_AGAIN_SECONDS
        try:
            asked = self._asked(self._declared())
            for sync_id, status in asked:
                queue.sync(self.queue, "work" if status == "reading" else "begin", sync_id)
        except (SQLAlchemyError, redis.RedisError) as error:  # what was asked for is woken when it stands still
            observe.log.warning("schedule_failed", error_type=type(error).__name__)
            return 0
        return len(asked)

    def _declared(self) -> dict[str, dict[str, Any]]:
        """What cannot be used is complained of once, not with every look."""
        try:
            found, complaint = declared.sources(self.config), ""
        except UserError as error:
            found, complaint = {}, str(error)
        if complaint and complaint != self.complaint:
            observe.log.error("sources_unusable", problem=complaint)
        self.complaint = complaint
        return found

    def _asked(self, sources: dict[str, dict[str, Any]]) -> list[tuple[UUID, str]]:
        with self.database.transaction() as transaction:
            woken = syncs.idle(transaction)
            last = syncs.last_started(transaction) if sources else {}
            for name, given in sources.items():
                if _is_due(declared.every(given), last.get(name)) and (
                    sync_id := syncs.request(transaction, name, given)
                ):
                    woken.append((sync_id, "queued"))
        return woken


def _is_due(every: timedelta | None, last: datetime | None) -> bool:
    return every is not None and (last is None or now() - last >= every)
