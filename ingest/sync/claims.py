"""Holds claims on the documents of a sync while they are read, and releases those that were not.

A thread renews the claims, however long a document, an embedding model or another writer takes. So claims can be
short, and the documents of a killed process are soon read by another.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from uuid import UUID

from agent.store.database import Database
from ingest.sync import heartbeat, store
from ingest.sync.store import SyncItem

BEATS_PER_LEASE = 4
LONGEST_SECONDS = 3600.0  # without a finished document: the reader hangs, and another may try


class ClaimKeeper:
    """The claims on ``items``. Use it as a context manager around reading them."""

    def __init__(
        self,
        database: Database,
        sync_id: UUID,
        items: Sequence[SyncItem],
        *,
        lease_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._sync_id = sync_id
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._unread = {item.uri: item for item in items}
        self._progressed_at = clock()
        self._heartbeat = ExitStack()

    def __enter__(self) -> "ClaimKeeper":
        every_seconds = self._lease_seconds / BEATS_PER_LEASE
        self._heartbeat.enter_context(heartbeat.call_periodically(self.renew, every_seconds=every_seconds))
        return self

    def __exit__(self, *_: object) -> None:
        self._heartbeat.close()
        if self._unread:
            store.release_claims(self._database, self._sync_id, self._unread.values())

    def mark_done(self, uris: Iterable[str]) -> None:
        """Stops renewing the claims on documents that are written; their items are gone already."""
        done = frozenset(uris)
        self._unread = {uri: item for uri, item in self._unread.items() if uri not in done}
        self._progressed_at = self._clock()

    def renew(self) -> None:
        """Extends the claims, unless no document was finished for :data:`LONGEST_SECONDS`."""
        if self._clock() - self._progressed_at < LONGEST_SECONDS:
            store.renew_claims(
                self._database, self._sync_id, sorted(self._unread), lease_seconds=self._lease_seconds
            )
