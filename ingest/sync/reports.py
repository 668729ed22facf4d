"""What is told of syncs, and of the documents that could not be read."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from agent.clock import now
from agent.store.database import Database, Transaction
from ingest.tables import DocumentRow, SyncRow


@dataclass(frozen=True)
class Latest:
    """How a source's last sync stands; ``at`` is when it ended, or else when somebody last worked at it. Of
    ``n_to_read`` documents ``n_done`` are done."""

    source: str
    origin: str
    status: str
    at: datetime
    n_done: int
    n_to_read: int
    problem: str | None


@dataclass(frozen=True)
class Problem:
    """A document that is not searchable, or not as it is now, and what to do about it."""

    source: str
    uri: str
    cause: str
    advice: str


@dataclass(frozen=True)
class SyncReport:
    """What a sync did. ``n_chunks`` counts the chunks written, ``n_embedded`` those that had no vector yet;
    ``n_moved`` documents are counted neither as added nor as removed. ``problems`` are all that the source has."""

    source: str
    status: str
    n_added: int
    n_changed: int
    n_unchanged: int
    n_moved: int
    n_removed: int
    n_chunks: int
    n_embedded: int
    n_tokens: int
    cost_usd: Decimal
    problems: tuple[Problem, ...]
    seconds: float


def latest(transaction: Transaction) -> list[Latest]:
    """Of each source, by name."""
    row = SyncRow
    found = select(row).ext(distinct_on(row.source)).order_by(row.source, row.started_at.desc())
    return [
        Latest(
            source=one.source,
            origin=one.origin,
            status=one.status,
            at=one.ended_at or one.touched_at,
            n_done=one.n_done,
            n_to_read=one.n_added + one.n_changed + one.n_moved,
            problem=one.problem,
        )
        for one in transaction.scalars(found)
    ]


def location(transaction: Transaction, source: str) -> str | None:
    """Where a source's documents came from with its latest sync that did not fail, if its options say so."""
    row = SyncRow
    of_it = (row.source == source, row.options.has_key("location"))
    found = select(row.options).where(*of_it).order_by(row.started_at.desc()).limit(1)
    options = transaction.scalar(found)
    return str(options["location"]) if options and options.get("location") else None


def of(database: Database, sync_id: UUID) -> SyncReport:
    """What a sync did, and the problems its source has now."""
    with database.transaction() as transaction:
        row = transaction.get_one(SyncRow, sync_id)
        n_read = row.n_added + row.n_changed + row.n_moved
        return SyncReport(
            source=row.source,
            status=row.status,
            n_added=row.n_added,
            n_changed=row.n_changed,
            n_unchanged=row.n_listed - n_read,
            n_moved=row.n_moved,
            n_removed=row.n_removed,
            n_chunks=row.n_chunks,
            n_embedded=row.n_embedded,
            n_tokens=row.n_tokens,
            cost_usd=row.cost_usd,
            problems=problems(transaction, source=row.source),
            seconds=((row.ended_at or now()) - row.started_at).total_seconds(),
        )


def problems(transaction: Transaction, *, source: str | None = None) -> tuple[Problem, ...]:
    """Of one source or of all, by source and uri."""
    row = DocumentRow
    found = select(row.source, row.uri, row.problem).where(row.problem.is_not(None))
    if source is not None:
        found = found.where(row.source == source)
    ordered = found.order_by(row.source.collate("C"), row.uri.collate("C"))
    return tuple(_problem(*columns) for columns in transaction.execute(ordered))


def _problem(source: str, uri: str, problem: str | None) -> Problem:
    cause, _, advice = (problem or "").partition("; ")
    return Problem(source, uri, cause, advice)
