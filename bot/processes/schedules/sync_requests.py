"""Syncs that an operator asks for in Slack: requested as the clock requests them, and done by the workers."""

from dataclasses import dataclass

import redis
from rq import Queue

from agent import observability
from agent.errors import UserError
from agent.store.database import Database
from bot.jobs import queue
from bot.jobs.queue import SyncJob
from ingest import source_config
from ingest.settings import IngestSettings
from ingest.source_config import SourceTable
from ingest.sync import store

USUAL_EVERY = "1h"
GONE = "No source '{name}' is declared any more. Open the list again."


@dataclass(frozen=True)
class SyncRequests:
    """Lists declared sources, and requests syncs of them. Reads ``docent.toml`` each time.

    Where many workspaces have installed the app, it knows those sources that are read in ``workspace``.
    """

    database: Database
    sync_queue: Queue
    settings: IngestSettings
    workspace: str = ""

    def list_declared(self) -> dict[str, str]:
        """Returns how often each declared source is synced, by its name; raises :class:`UserError`."""
        return {name: str(table.get("every", USUAL_EVERY)) for name, table in self._load().items()}

    def request(self, name: str) -> bool:
        """Requests a sync; returns False where one goes on. Raises :class:`UserError` for an unknown source."""
        table = self._load().get(name)
        if table is None:
            raise UserError(GONE.format(name=name))
        with self.database.transaction() as transaction:
            sync_id = store.request_sync(transaction, name, table)
        if sync_id is None:
            return False
        try:
            queue.enqueue_sync(self.sync_queue, SyncJob.BEGIN, sync_id)
        except redis.RedisError as error:  # it is stored, and the clock wakes it
            observability.log.warning("sync_not_woken", error_type=type(error).__name__)
        return True

    def _load(self) -> dict[str, SourceTable]:
        tables = source_config.sources(self.settings.config, is_required=self.settings.is_config_named)
        if not self.workspace:
            return tables
        here = {self.workspace, source_config.EVERY}
        return {name: table for name, table in tables.items() if here & {*source_config.list_workspaces(table)}}
