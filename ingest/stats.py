"""The library's state, as Postgres knows it: cheap, and without loading LanceDB (the web process asks)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from agent.store.database import Database
from ingest.tables import DocumentRow


@dataclass(frozen=True)
class LibraryStats:
    """``n_problems`` documents are not searchable as they are; ``problem`` tells why nothing can be found."""

    n_documents: int
    n_chunks: int
    n_problems: int
    synced_at: datetime | None

    @property
    def problem(self) -> str | None:
        """What to do when there is nothing to search."""
        return None if self.n_chunks else "No documents have been read in yet. Run 'docent ingest PATH' first."


def read(database: Database) -> LibraryStats:
    """One short query."""
    row = DocumentRow
    counts = select(
        func.count(),
        func.coalesce(func.sum(row.n_chunks), 0),
        func.count(row.problem),
        func.max(row.synced_at),
    )
    with database.transaction() as transaction:
        return LibraryStats(*transaction.execute(counts.select_from(row)).one())
