"""A sync that several processes work at, as one of them sees it."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from ingest.index.active_index import ActiveIndex
from ingest.settings import IngestSettings
from ingest.sources import connector
from ingest.sources.connector import Source, SourceOptions
from ingest.sync import store, sync
from ingest.sync.reports import SyncReport


@dataclass(frozen=True)
class DistributedSync:
    """An open sync with its source."""

    id: UUID
    name: str
    options: SourceOptions
    source: Source
    live: ActiveIndex
    settings: IngestSettings

    @staticmethod
    def of(wanted: store.Sync, live: ActiveIndex, settings: IngestSettings) -> "DistributedSync":
        """Raises :class:`agent.errors.UserError` when its source cannot be opened here."""
        options = connector.described(wanted.options, where=f"the source '{wanted.source}'")
        opened = connector.opened(options, home=settings.home)
        return DistributedSync(wanted.id, wanted.source, options, opened, live, settings)

    def begin(self) -> bool:
        """See :func:`ingest.sync.sync.begin`."""
        return sync.begin(
            self.id,
            self.source,
            self.live,
            chunk_tokens=self.settings.chunk_tokens,
            readers=self.options.readers,
            lease_seconds=self.settings.sync_lease_seconds,
        )

    def work(self, *, limit: int, is_over: Callable[[], bool]) -> bool:
        """See :func:`ingest.sync.sync.work`; one document at a time, since others work beside this."""
        with sync.crew(self.source, chunk_tokens=self.settings.chunk_tokens, n=1) as crew:
            return sync.work(
                self.id,
                self.name,
                crew,
                self.live,
                limit=limit,
                lease_seconds=self.settings.sync_lease_seconds,
                is_over=is_over,
            )

    def finish(self) -> SyncReport:
        """See :func:`ingest.sync.sync.finish`."""
        return sync.finish(self.id, self.name, self.live)
