"""The documents of a sync that one reader has claimed: kept while it reads them, put back when it stops.

A claim is renewed by a thread, however long a document, an embedding model or another writer takes, so it can be
short, and the documents of a killed process are soon read by another.
"""

import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from uuid import UUID

from agent.store.database import Database
from ingest.sync import heartbeat, store
from ingest.sync.store import Item

BEATS_PER_LEASE = 4
LONGEST_SECONDS = 3600.0  # without a document done: whoever reads them hangs, and another may try


class Claimed:
    """Use it as a context manager, around the reading of ``items``."""

    def __init__(self, database: Database, sync_id: UUID, items: Sequence[Item], *, lease_seconds: float) -> None:
        self._database = database
        self._sync_id = sync_id
        self._lease_seconds = lease_seconds
        self._left = frozenset(item.uri for item in items)
        self._moved_at = time.monotonic()
        self._beating = ExitStack()

    def __enter__(self) -> "Claimed":
        every_seconds = self._lease_seconds / BEATS_PER_LEASE
        self._beating.enter_context(heartbeat.beating(self._renew, every_seconds=every_seconds))
        return self

    def __exit__(self, *_: object) -> None:
        self._beating.close()
        if self._left:
            store.put_back(self._database, self._sync_id, self._left)

    def done(self, uris: Iterable[str]) -> None:
        """They are struck off already."""
        self._left -= frozenset(uris)
        self._moved_at = time.monotonic()

    def _renew(self) -> None:
        if time.monotonic() - self._moved_at < LONGEST_SECONDS:
            store.renew(self._database, self._sync_id, sorted(self._left), lease_seconds=self._lease_seconds)
