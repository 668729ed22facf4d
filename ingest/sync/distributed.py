"""Works on a sync that several processes share, as one of them: opens its source with its stored options."""

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from agent.errors import UserError
from ingest.index.active_index import ActiveIndex
from ingest.settings import IngestSettings
from ingest.sources import connector
from ingest.sources.connector import Source, SourceOptions
from ingest.sources.folder import NoFolder
from ingest.sync import store, sync
from ingest.sync.access_changes import AccessChanges
from ingest.sync.reports import SyncReport

NOT_HERE = (
    "{problem} The worker on the machine {host} was to read it: a folder is read by the workers, so each machine "
    "with workers needs it at this path, with the same documents. A repository or a website needs nothing there."
)


@dataclass(frozen=True)
class DistributedSync:
    """An open sync with its source, for one process."""

    id: UUID
    name: str
    options: SourceOptions
    source: Source
    active_index: ActiveIndex
    settings: IngestSettings

    @staticmethod
    def open(sync: store.StoredSync, active_index: ActiveIndex, settings: IngestSettings) -> "DistributedSync":
        """Opens the source of a sync; raises :class:`agent.errors.UserError` when it cannot be opened here."""
        where = f"the source '{sync.source}'"
        try:
            options = connector.validate_options(sync.options, where=where)
            connector.require_readers(options, where=where)
            source = connector.open_source(options, home=settings.home)
        except NoFolder as error:
            here = UserError(NOT_HERE.format(problem=error, host=socket.gethostname()))
            _narrow(sync, active_index, here)
            raise here from error
        except UserError as error:
            _narrow(sync, active_index, error)
            raise
        return DistributedSync(sync.id, sync.source, options, source, active_index, settings)

    def begin(self) -> bool:
        """Lists the source; see :func:`ingest.sync.sync.begin`."""
        return sync.begin(
            self.id,
            self.source,
            self.active_index,
            chunk_tokens=self.settings.chunk_tokens,
            declaration=self.options.declaration,
            lease_seconds=self.settings.sync_lease_seconds,
        )

    def work(self, *, limit: int, is_over: Callable[[], bool]) -> bool:
        """Reads documents, one at a time because other processes do so too; see :func:`ingest.sync.sync.work`."""
        with sync.open_reader_pool(self.source, chunk_tokens=self.settings.chunk_tokens, n=1) as pool:
            return sync.work(
                self.id,
                self.name,
                pool,
                self.active_index,
                declaration=self.options.declaration,
                limit=limit,
                lease_seconds=self.settings.sync_lease_seconds,
                is_over=is_over,
            )

    def finish(self) -> SyncReport:
        """Ends the sync; see :func:`ingest.sync.sync.finish`."""
        return sync.finish(self.id, self.name, self.active_index)


def _narrow(sync: store.StoredSync, active_index: ActiveIndex, error: UserError) -> None:
    """Takes away the rights that a declaration does not give any more, of a source that cannot be opened."""
    with suppress(UserError):  # readers that cannot be understood are told with the rest
        declaration = connector.validate_readers(sync.options, where=sync.source)
        changes = AccessChanges(active_index, sync.source, declaration, sync.id)
        changes.narrow_to_declaration()
        changes.note(error)
