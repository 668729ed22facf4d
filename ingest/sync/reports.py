"""Reads from Postgres what came of syncs, which documents could not be read, and how many there are.

Loads neither LanceDB nor a model, so the web process may use it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select, union
from sqlalchemy.dialects.postgresql import distinct_on

from agent.clock import now
from agent.store.database import Database, Transaction
from ingest.documents import languages
from ingest.sync import store
from ingest.sync.store import SyncOrigin, SyncStatus
from ingest.tables import DocumentRow, SyncRow
from ingest.verified import answers

PROBLEM = func.coalesce(DocumentRow.hidden_because, DocumentRow.problem)  # of a document, if it has one


@dataclass(frozen=True)
class LatestSync:
    """A source's latest sync; ``at`` is when it ended, or, while it is open, when somebody last worked on it.

    ``n_done`` of ``n_to_read`` documents are done.
    """

    source: str
    origin: SyncOrigin
    status: SyncStatus
    at: datetime
    n_done: int
    n_to_read: int
    problem: str | None


@dataclass(frozen=True)
class DocumentProblem:
    """A document that is not searchable, or not as it is now, and what to do about it."""

    source: str
    uri: str
    cause: str
    advice: str


@dataclass(frozen=True)
class LanguageNotice:
    """A document in a language that search has no rules for."""

    uri: str
    language: str


@dataclass(frozen=True)
class ReadDocument:
    """A document as it was read at ``read_at``; ``changed_at`` is what its source says, None where it does not.

    ``language`` is empty where it is not known.
    """

    uri: str
    title: str
    url: str
    n_chunks: int
    changed_at: datetime | None
    read_at: datetime
    problem: str | None
    language: str


@dataclass(frozen=True)
class SyncReport:
    """What a sync did, and how the source is now.

    Every document that was listed is added, changed, unchanged, moved or unread; ``n_partial`` were read in part.
    ``n_narrowed`` and ``n_widened`` were there before and have other readers now; the latter somebody may read who
    might not. ``n_chunks`` counts the chunks written, ``n_embedded`` those that had no vector yet. ``problems``
    are all that the source has; ``notices`` are of documents that this sync has read.
    """

    source: str
    status: SyncStatus
    n_added: int
    n_changed: int
    n_unchanged: int
    n_moved: int
    n_unread: int
    n_partial: int
    n_removed: int
    n_narrowed: int
    n_widened: int
    n_chunks: int
    n_embedded: int
    n_tokens: int
    cost_usd: Decimal
    problems: tuple[DocumentProblem, ...]
    notices: tuple[LanguageNotice, ...]
    seconds: float

    @property
    def n_documents(self) -> int:
        """Returns how many documents were listed."""
        return self.n_added + self.n_changed + self.n_unchanged + self.n_moved + self.n_unread


@dataclass(frozen=True)
class SourceCounts:
    """How many documents a source has; those with a problem were not read, or in part."""

    n_documents: int
    n_unread: int
    n_partial: int
    problems: tuple[DocumentProblem, ...]

    @property
    def n_readable(self) -> int:
        """Returns how many documents can be searched, whole or in part."""
        return self.n_documents - self.n_unread


@dataclass(frozen=True)
class LibraryStats:
    """Counts of the whole library; ``n_problems`` documents are not searchable, or not in full."""

    n_documents: int
    n_chunks: int
    n_problems: int
    synced_at: datetime | None

    @property
    def problem(self) -> str | None:
        """Returns what to do when there is nothing to search."""
        return None if self.n_chunks else "No documents have been read in yet. Run 'docent ingest PATH' first."


def load_latest(transaction: Transaction) -> list[LatestSync]:
    """Reads the latest sync of each source, ordered by name."""
    row = SyncRow
    latest = select(row).ext(distinct_on(row.source)).order_by(row.source, row.started_at.desc())
    return [
        LatestSync(
            source=sync.source,
            origin=SyncOrigin(sync.origin),
            status=SyncStatus(sync.status),
            at=sync.ended_at or sync.touched_at,
            n_done=sync.n_done,
            n_to_read=sync.n_added + sync.n_changed + sync.n_moved + sync.n_unread,
            problem=sync.problem,
        )
        for sync in transaction.scalars(latest)
    ]


def load_location(transaction: Transaction, source: str) -> str | None:
    """Reads a source's location from its latest sync whose options are stored; None if there is none."""
    row = SyncRow
    is_known = (row.source == source, row.options.has_key("location"))
    latest = select(row.options).where(*is_known).order_by(row.started_at.desc()).limit(1)
    options = transaction.scalar(latest)
    return str(options["location"]) if options and options.get("location") else None


def load_stored_readers(transaction: Transaction, source: str) -> dict[str, object]:
    """Reads the options about readers of a source's latest sync whose options are stored; none where everyone was
    the default.

    However it ended: what it took away is taken away.
    """
    row = SyncRow
    is_known = (row.source == source, row.options.has_key("location"))
    latest = select(row.options).where(*is_known).order_by(row.started_at.desc()).limit(1)
    return store.pick_readers(transaction.scalar(latest) or {})


@dataclass(frozen=True)
class UndeclaredSource:
    """A source with documents that docent.toml does not declare; ``was_scheduled`` tells that it did once."""

    name: str
    n_documents: int
    was_scheduled: bool


def load_undeclared(transaction: Transaction, declared: Collection[str]) -> list[UndeclaredSource]:
    """Reads the sources that have documents and are not among those that are declared, by name."""
    row = DocumentRow
    is_undeclared = row.source.not_in([*declared, answers.SOURCE])
    counts = select(row.source, func.count()).where(is_undeclared).group_by(row.source)
    scheduled = select(SyncRow.source).where(SyncRow.origin == SyncOrigin.CLOCK).distinct()
    names = frozenset(transaction.scalars(scheduled))
    rows = transaction.execute(counts.order_by(row.source))
    return [UndeclaredSource(name, n_documents, name in names) for name, n_documents in rows]


def load_synced_readers(transaction: Transaction) -> dict[str, dict[str, object]]:
    """Reads the options about readers of each source's latest sync whose options are stored, by source."""
    row = SyncRow
    latest = select(row.source, row.options).ext(distinct_on(row.source)).where(row.options.has_key("location"))
    rows = transaction.execute(latest.order_by(row.source, row.started_at.desc()))
    return {source: store.pick_readers(options) for source, options in rows}


def load_report(database: Database, sync_id: UUID) -> SyncReport:
    """Reads what a sync did, and the problems its source has now."""
    with database.transaction() as transaction:
        row = transaction.get_one(SyncRow, sync_id)
        n_read = row.n_added + row.n_changed + row.n_moved
        n_unread, n_partial = _count_problems(transaction, row.source)
        return SyncReport(
            source=row.source,
            status=SyncStatus(row.status),
            n_added=row.n_added,
            n_changed=row.n_changed,
            n_unchanged=max(0, row.n_listed - n_read - n_unread),
            n_moved=row.n_moved,
            n_unread=n_unread,
            n_partial=n_partial,
            n_removed=row.n_removed,
            n_narrowed=row.n_narrowed,
            n_widened=row.n_widened,
            n_chunks=row.n_chunks,
            n_embedded=row.n_embedded,
            n_tokens=row.n_tokens,
            cost_usd=row.cost_usd,
            problems=load_problems(transaction, source=row.source),
            notices=_load_notices(transaction, row.source, row.started_at),
            seconds=((row.ended_at or now()) - row.started_at).total_seconds(),
        )


def _count_problems(transaction: Transaction, source: str) -> tuple[int, int]:
    """Counts a source's documents that were not read, or only in an earlier version, and those read in part."""
    row = DocumentRow
    is_unread = (row.n_chunks == 0) | (row.content_hash == "") | row.hidden_because.is_not(None)
    has_problem = (row.source == source, PROBLEM.is_not(None))
    query = select(func.count().filter(is_unread), func.count().filter(~is_unread)).where(*has_problem)
    n_unread, n_partial = transaction.execute(query).one()
    return n_unread, n_partial


def _load_notices(transaction: Transaction, source: str, since: datetime) -> tuple[LanguageNotice, ...]:
    row = DocumentRow
    is_unserved = (row.source == source, row.synced_at >= since, row.language.not_in(["", *languages.SERVED]))
    query = select(row.uri, row.language).where(*is_unserved).order_by(row.language, row.uri.collate("C"))
    return tuple(LanguageNotice(*columns) for columns in transaction.execute(query))


def load_counts(transaction: Transaction, source: str) -> SourceCounts:
    """Reads how many documents a source has now, and their problems."""
    n_documents = select(func.count()).select_from(DocumentRow).where(DocumentRow.source == source)
    return SourceCounts(
        transaction.scalar(n_documents) or 0,
        *_count_problems(transaction, source),
        load_problems(transaction, source=source),
    )


def list_sources(transaction: Transaction) -> list[str]:
    """Lists the names of all sources that have documents or were ever synced."""
    documents, syncs = select(DocumentRow.source).distinct(), select(SyncRow.source).distinct()
    return sorted(transaction.scalars(union(documents, syncs)))


def load_stats(database: Database) -> LibraryStats:
    """Reads the counts with one short query."""
    row = DocumentRow
    counts = select(
        func.count(),
        func.coalesce(func.sum(row.n_chunks), 0),
        func.count(PROBLEM),
        func.max(row.synced_at),
    )
    with database.transaction() as transaction:
        return LibraryStats(*transaction.execute(counts.select_from(row)).one())


def load_documents(transaction: Transaction, source: str) -> tuple[ReadDocument, ...]:
    """Reads what is known of each document of a source, ordered by uri."""
    row = DocumentRow
    query = select(row.uri, row.title, row.url, row.n_chunks, row.updated_at, row.synced_at, PROBLEM, row.language)
    ordered = query.where(row.source == source).order_by(row.uri.collate("C"))
    return tuple(ReadDocument(*columns) for columns in transaction.execute(ordered))


def load_problems(transaction: Transaction, *, source: str | None = None) -> tuple[DocumentProblem, ...]:
    """Reads the problems of one source or of all, ordered by source and uri."""
    row = DocumentRow
    query = select(row.source, row.uri, PROBLEM).where(PROBLEM.is_not(None))
    if source is not None:
        query = query.where(row.source == source)
    ordered = query.order_by(row.source.collate("C"), row.uri.collate("C"))
    return tuple(_problem(*columns) for columns in transaction.execute(ordered))


def _problem(source: str, uri: str, problem: str | None) -> DocumentProblem:
    cause, _, advice = (problem or "").partition("; ")
    return DocumentProblem(source, uri, cause, advice)
