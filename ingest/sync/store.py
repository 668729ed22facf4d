"""Stores the state of syncs in Postgres: which are open, what each has still to do, how they ended.

Promises: at most one sync of a source is open; an item is claimed by one reader at a time, and a claim that is not
renewed lapses, so that the documents of a killed process are read by another. All times are the database's, for
machines' clocks differ. Knows nothing of the index.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Select, case, delete, func, literal, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from agent.clock import new_id
from agent.errors import UserError
from agent.store import locks
from agent.store.database import Database, Transaction
from ingest.index import lock_names
from ingest.tables import SyncItemRow, SyncRow

LEASE_SECONDS = 60.0  # of a claim, unless the settings say otherwise
IDLE_LEASES = 1.1  # after so many leases without a touch an open sync is idle: its claims have lapsed
SUSPECT_PARTS = 4  # of a batch, in which documents of a reader that crashed are read
MAX_CLAIMS = 3  # a document that ended so many reading processes is given up
SLOW_STATEMENT_SECONDS = 120

READER_OPTIONS = ("readers", "front_matter_may_widen")

Options = Mapping[str, object]  # of a source, as validate_options takes them; JSON


class SyncOrigin(StrEnum):
    """Who began a sync."""

    COMMAND = "command"
    CLOCK = "clock"


class SyncStatus(StrEnum):
    """How far a sync is, or how it ended."""

    QUEUED = "queued"
    LISTING = "listing"
    READING = "reading"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"  # the listing was not plausible
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class StoredSync:
    """A sync that is open or has ended."""

    id: UUID
    source: str
    options: Options
    status: SyncStatus
    is_open: bool


@dataclass(frozen=True)
class SyncItem:
    """A document to read, with the ids of its readers without front matter and of those that are declared.

    ``moved_from`` is its id under an earlier uri, if it was renamed.
    """

    uri: str
    url: str
    fingerprint: str
    content_hash: str
    access_id: str
    declared_access_id: str | None
    path: str
    hidden_because: str | None
    moved_from: str | None
    n_claims: int


@dataclass
class BatchCounts:
    """What a batch of documents adds to the counts of its sync; a document that was not read is taken off what it
    was listed as."""

    n_done: int = 0
    n_added: int = 0
    n_changed: int = 0
    n_moved: int = 0
    n_unread: int = 0
    n_chunks: int = 0
    n_embedded: int = 0
    n_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    n_narrowed: int = 0
    n_widened: int = 0


class SyncSuperseded(UserError):
    """Another sync of the same source has begun; this one must not write any more."""


def open_sync(database: Database, source: str, options: Options, origin: SyncOrigin) -> UUID:
    """Begins a sync with the status ``listing``; the caller holds the source's lock.

    A sync that is still open ends ``interrupted``: what it has written stays, the rest is found again.
    """
    with locks.acquire(database, lock_names.INDEX), database.transaction() as transaction:
        is_open = (SyncRow.source == source, SyncRow.ended_at.is_(None))
        for open_id in transaction.scalars(select(SyncRow.id).where(*is_open)).all():
            end(transaction, open_id, SyncStatus.INTERRUPTED, "another sync of this source began")
        sync_id = _insert(transaction, source, options, origin, SyncStatus.LISTING)
    if sync_id is None:  # the clock was quicker
        raise UserError(f"Another sync of '{source}' has just begun. Try again when it has ended.")
    return sync_id


def request_sync(transaction: Transaction, source: str, options: Options) -> UUID | None:
    """Queues a sync for the workers; None where one is open that goes on.

    Ends one that a killed command left open, and one of the clock's that reads documents in for other readers: a
    right that is taken away must not wait for its end.
    """
    is_open = (SyncRow.source == source, SyncRow.ended_at.is_(None))
    row = transaction.scalars(select(SyncRow).where(*is_open)).first()
    if row and row.origin == SyncOrigin.COMMAND:
        if not locks.try_lock(transaction, lock_names.source(source)):
            return None
        end(transaction, row.id, SyncStatus.INTERRUPTED, "its process ended")
    elif row:
        has_other_readers = pick_readers(row.options) != pick_readers(options)
        if not has_other_readers or not locks.try_lock(transaction, lock_names.INDEX):  # see require_open
            return None
        end(transaction, row.id, SyncStatus.INTERRUPTED, "other readers were declared")
    return _insert(transaction, source, options, SyncOrigin.CLOCK, SyncStatus.QUEUED)


def pick_readers(options: Options) -> dict[str, object]:
    """Returns those of a source's options that are about readers."""
    return {name: options[name] for name in READER_OPTIONS if name in options}


def load(database: Database, sync_id: UUID) -> StoredSync | None:
    """Reads a sync; None where its row is gone."""
    with database.transaction() as transaction:
        row = transaction.get(SyncRow, sync_id)
        if row is None:
            return None
        return StoredSync(row.id, row.source, row.options, SyncStatus(row.status), row.ended_at is None)


def load_last_started(transaction: Transaction) -> dict[str, datetime]:
    """Reads when each source's latest sync began, by source."""
    latest = select(SyncRow.source, func.max(SyncRow.started_at)).group_by(SyncRow.source)
    return dict(transaction.execute(latest).all())


def take_idle(transaction: Transaction, *, lease_seconds: float = LEASE_SECONDS) -> list[tuple[UUID, SyncStatus]]:
    """Returns the clock's open syncs that nobody works on, with their status, and touches them."""
    limit = func.now() - timedelta(seconds=IDLE_LEASES * lease_seconds)
    is_idle = (SyncRow.ended_at.is_(None), SyncRow.origin == SyncOrigin.CLOCK, SyncRow.touched_at < limit)
    statement = update(SyncRow).where(*is_idle).values(touched_at=func.now()).returning(SyncRow.id, SyncRow.status)
    return [(id_, SyncStatus(status)) for id_, status in transaction.execute(statement)]


def set_status(transaction: Transaction, sync_id: UUID, status: SyncStatus, **counts: int) -> None:
    """Stores how far a sync is, and what has been counted so far."""
    values = {"status": status, "touched_at": func.now(), **counts}
    transaction.execute(update(SyncRow).where(SyncRow.id == sync_id).values(values))


def set_counts(transaction: Transaction, sync_id: UUID, **counts: int) -> None:
    """Stores what has been counted so far."""
    transaction.execute(update(SyncRow).where(SyncRow.id == sync_id).values(counts))


def touch(database: Database, sync_id: UUID) -> None:
    """Records that somebody works on a sync."""
    with database.transaction() as transaction:
        transaction.execute(update(SyncRow).where(SyncRow.id == sync_id).values(touched_at=func.now()))


def claim(
    database: Database, sync_id: UUID, *, limit: int, lease_seconds: float = LEASE_SECONDS
) -> list[SyncItem]:
    """Claims up to ``limit`` items that nobody reads, ordered by uri; none once the sync has ended.

    Documents whose previous reader crashed are claimed last: a few at a time, for mostly it was a machine that
    died, and after a second crash one at a time, so that a poison document is identified.
    """
    item = SyncItemRow
    is_due = (item.claimed_until.is_(None)) | (item.claimed_until < func.now())
    is_reading = select(SyncRow.id).where(
        SyncRow.id == sync_id, SyncRow.ended_at.is_(None), SyncRow.status == SyncStatus.READING
    )
    due = select(item.uri).where(item.sync_id == sync_id, is_due, is_reading.exists())
    fresh = due.where(item.n_claims <= 0).order_by(item.uri.collate("C")).limit(limit)
    once = due.where(item.n_claims == 1).order_by(item.uri.collate("C")).limit(max(1, limit // SUSPECT_PARTS))
    suspect = due.order_by(item.n_claims, item.uri.collate("C")).limit(1)
    with database.transaction() as transaction:
        allow_slow_statements(transaction)
        for uris in (fresh, once, suspect):
            if items := _claim(transaction, sync_id, uris, lease_seconds):
                break
    return sorted(items, key=lambda item: item.uri)


def renew_claims(
    database: Database, sync_id: UUID, uris: Sequence[str], *, lease_seconds: float = LEASE_SECONDS
) -> None:
    """Extends claims.

    Lock order, here and in :func:`complete_items`: the sync's row before its items; otherwise deadlock.
    """
    item = SyncItemRow
    until = func.now() + timedelta(seconds=lease_seconds)
    with database.transaction() as transaction:
        transaction.execute(update(SyncRow).where(SyncRow.id == sync_id).values(touched_at=func.now()))
        transaction.execute(
            update(item).where(item.sync_id == sync_id, item.uri.in_(uris)).values(claimed_until=until)
        )


def release_claims(database: Database, sync_id: UUID, items: Iterable[SyncItem]) -> None:
    """Releases claims, so that others may read these documents; not those that have become another reader's."""
    row = SyncItemRow
    claims = [(item.uri, item.n_claims) for item in items]
    with database.transaction() as transaction:
        is_ours = tuple_(row.uri, row.n_claims).in_(claims)
        statement = update(row).where(row.sync_id == sync_id, is_ours)
        transaction.execute(statement.values(claimed_until=None, n_claims=row.n_claims - 1))


def require_open(database: Database, sync_id: UUID) -> None:
    """Raises :class:`SyncSuperseded` unless a sync is open; it then stays open while the index's lock is held."""
    sync = load(database, sync_id)
    if sync is None or not sync.is_open:
        raise SyncSuperseded("Another sync of the same source has begun, so this one stops.")


def complete_items(
    transaction: Transaction, sync_id: UUID, n_chunks: Mapping[str, int], counts: BatchCounts
) -> BatchCounts:
    """Deletes items that are written, adds them to the sync's counts, and returns what was added.

    ``n_chunks`` are the chunks of each written uri. One whose item is gone was written by another reader, after
    this one had lost its claim: it was counted then.
    """
    item, row = SyncItemRow, SyncRow
    transaction.execute(select(row.id).where(row.id == sync_id).with_for_update())
    deletion = delete(item).where(item.sync_id == sync_id, item.uri.in_(list(n_chunks))).returning(item.uri)
    uris = transaction.scalars(deletion.execution_options(synchronize_session=False)).all()
    counts = replace(counts, n_done=len(uris), n_chunks=sum(n_chunks[uri] for uri in uris))
    added = {name: getattr(row, name) + value for name, value in vars(counts).items()}
    transaction.execute(update(row).where(row.id == sync_id).values(**added, n_failures=0, touched_at=func.now()))
    return counts


def count_items(database: Database, sync_id: UUID) -> int:
    """Counts the items that are not written yet, claimed or not."""
    with database.transaction() as transaction:
        count = select(func.count()).select_from(SyncItemRow).where(SyncItemRow.sync_id == sync_id)
        return transaction.scalar(count) or 0


def count_failure(transaction: Transaction, sync_id: UUID) -> int:
    """Counts a failure that another try may overcome; returns how many there were in a row."""
    row = SyncRow
    statement = update(row).where(row.id == sync_id).values(n_failures=row.n_failures + 1)
    return transaction.scalar(statement.returning(row.n_failures)) or 0


def end(transaction: Transaction, sync_id: UUID, status: SyncStatus, problem: str | None = None) -> bool:
    """Ends an open sync and deletes its items; returns False where it had ended already.

    Of its options only the location and the readers stay stored. Not even those stay when a sync of the clock
    failed: its options may never have been validated, and contain a secret.
    """
    row = SyncRow
    allow_slow_statements(transaction)
    ended = update(row).where(row.id == sync_id, row.ended_at.is_(None))
    kept = func.jsonb_build_object(
        *("location", row.options["location"]),
        *("readers", row.options["readers"]),
        *("front_matter_may_widen", row.options["front_matter_may_widen"]),
    )
    is_unchecked = (row.origin == SyncOrigin.CLOCK) & (literal(status) == SyncStatus.FAILED)
    options = case((is_unchecked, func.jsonb_build_object()), else_=func.jsonb_strip_nulls(kept))
    values = {
        "status": status,
        "problem": problem,
        "ended_at": func.now(),
        "touched_at": func.now(),
        "options": options,
    }
    is_first = transaction.scalar(ended.values(values).returning(row.id)) is not None
    if is_first:
        transaction.execute(delete(SyncItemRow).where(SyncItemRow.sync_id == sync_id))
    return is_first


def delete_old(transaction: Transaction, *, keep: int = 50) -> None:
    """Deletes all but the latest ended syncs of each source."""
    transaction.execute(
        text(
            "DELETE FROM syncs WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER "
            "(PARTITION BY source ORDER BY started_at DESC) AS n FROM syncs WHERE ended_at IS NOT NULL) AS old "
            "WHERE n > :keep)"
        ),
        {"keep": keep},
    )


def allow_slow_statements(transaction: Transaction) -> None:
    """Raises the transaction's statement timeout, for statements over every document of a source."""
    transaction.execute(text(f"SET LOCAL statement_timeout = '{SLOW_STATEMENT_SECONDS}s'"))


def _insert(
    transaction: Transaction, source: str, options: Options, origin: SyncOrigin, status: SyncStatus
) -> UUID | None:
    row = {"id": new_id(), "source": source, "options": dict(options), "origin": origin, "status": status}
    statement = insert(SyncRow).values(row).on_conflict_do_nothing().returning(SyncRow.id)
    return transaction.scalar(statement)


def _claim(transaction: Transaction, sync_id: UUID, uris: Select[str], lease_seconds: float) -> list[SyncItem]:
    item = SyncItemRow
    due = uris.with_for_update(skip_locked=True).cte("due")
    until = func.now() + timedelta(seconds=lease_seconds)
    statement = (
        update(item)
        .where(item.sync_id == sync_id, item.uri == due.c.uri)
        .values(claimed_until=until, n_claims=item.n_claims + 1)
        .returning(item)
        .execution_options(synchronize_session=False)
    )
    return [_item(row) for row in transaction.scalars(statement)]


def _item(row: SyncItemRow) -> SyncItem:
    return SyncItem(
        uri=row.uri,
        url=row.url,
        fingerprint=row.fingerprint,
        content_hash=row.content_hash,
        access_id=row.access_id,
        declared_access_id=row.declared_access_id,
        path=row.path,
        hidden_because=row.hidden_because,
        moved_from=row.moved_from.hex if row.moved_from else None,
        n_claims=row.n_claims,
    )
