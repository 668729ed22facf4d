"""What Postgres knows of syncs: which are open, what each has still to do, how they ended.

Promises: of a source at most one sync is open; an item is claimed by one reader at a time, and a claim that is
not renewed lapses, so whatever a killed process was reading is read by another. Knows nothing of the index.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Select, case, delete, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert

from agent.clock import new_id, now
from agent.errors import UserError
from agent.store import locks
from agent.store.database import Database, Transaction
from ingest import lock_names
from ingest.tables import SyncItemRow, SyncRow

LEASE_SECONDS = 60.0  # of a claim, unless the settings say otherwise
IDLE_LEASES = 1.1  # an open sync that nobody has touched for so many leases is woken again: its claims have lapsed
MAX_CLAIMS = 3  # a document that ended its reader so often is given up

PATIENCE_SECONDS = 120

Origin = Literal["command", "clock"]
Ending = Literal["completed", "failed", "stopped", "interrupted"]


@dataclass(frozen=True)
class Sync:
    """An open or ended run. ``status`` is queued, listing, reading, or one of the endings."""

    id: UUID
    source: str
    options: Mapping[str, Any]
    status: str
    is_open: bool


@dataclass(frozen=True)
class Item:
    """A document to read in; ``moved_from`` is the id of the one it was under another uri."""

    uri: str
    url: str
    fingerprint: str
    content_hash: str
    access_id: str
    moved_from: str | None
    n_claims: int


@dataclass
class Done:
    """What a batch adds to its sync's counts."""

    n_done: int = 0
    n_chunks: int = 0
    n_embedded: int = 0
    n_tokens: int = 0
    cost_usd: Decimal = Decimal(0)


class Superseded(UserError):
    """Another sync of the same source has begun meanwhile; nothing more is written by this one."""


def open_(database: Database, source: str, options: Mapping[str, Any], origin: Origin) -> UUID:
    """A new sync in the state ``listing``; call it under the source's lock. One that is still open ends
    ``interrupted``: what it had done stands, and what it had not is found anew."""
    with locks.acquire(database, lock_names.INDEX), database.transaction() as transaction:
        is_open = (SyncRow.source == source, SyncRow.ended_at.is_(None))
        for left in transaction.scalars(select(SyncRow.id).where(*is_open)).all():
            end(transaction, left, "interrupted", "another sync of this source began")
        made = _inserted(transaction, source, options, origin, "listing")
    if made is None:  # the clock was quicker
        raise UserError(f"Another sync of '{source}' has just begun. Try again when it has ended.")
    return made


def request(transaction: Transaction, source: str, options: Mapping[str, Any]) -> UUID | None:
    """Queues a sync for the workers; None where one is open. One that a killed command left open is ended."""
    is_open = (SyncRow.source == source, SyncRow.ended_at.is_(None))
    row = transaction.scalars(select(SyncRow).where(*is_open)).first()
    if row:
        if row.origin != "command" or not locks.try_lock(transaction, lock_names.source(source)):
            return None
        end(transaction, row.id, "interrupted", "its process ended")
    return _inserted(transaction, source, options, "clock", "queued")


def load(database: Database, sync_id: UUID) -> Sync | None:
    """The sync, unless its row is gone."""
    with database.transaction() as transaction:
        row = transaction.get(SyncRow, sync_id)
        return Sync(row.id, row.source, row.options, row.status, row.ended_at is None) if row else None


def last_started(transaction: Transaction) -> dict[str, datetime]:
    """When each source's latest sync began."""
    found = select(SyncRow.source, func.max(SyncRow.started_at).label("began")).group_by(SyncRow.source)
    return {last.source: last.began for last in transaction.execute(found)}


def idle(transaction: Transaction, *, lease_seconds: float = LEASE_SECONDS) -> list[tuple[UUID, str]]:
    """Open syncs of the clock that nobody works on, with their status; touches them."""
    limit = now() - timedelta(seconds=IDLE_LEASES * lease_seconds)
    is_idle = (SyncRow.ended_at.is_(None), SyncRow.origin == "clock", SyncRow.touched_at < limit)
    statement = update(SyncRow).where(*is_idle).values(touched_at=now()).returning(SyncRow.id, SyncRow.status)
    return [(id_, status) for id_, status in transaction.execute(statement)]


def set_status(transaction: Transaction, sync_id: UUID, status: str, **counts: int) -> None:
    """Moves on, with what has been counted by then."""
    values: dict[str, Any] = {"status": status, "touched_at": now(), **counts}
    transaction.execute(update(SyncRow).where(SyncRow.id == sync_id).values(values))


def touch(database: Database, sync_id: UUID) -> None:
    """Says that somebody works on it."""
    with database.transaction() as transaction:
        transaction.execute(update(SyncRow).where(SyncRow.id == sync_id).values(touched_at=now()))


def claim(database: Database, sync_id: UUID, *, limit: int, lease_seconds: float = LEASE_SECONDS) -> list[Item]:
    """Up to ``limit`` items that nobody reads, in the order of their uris; none once the sync has ended.

    One whose reader vanished comes after all others, and alone: if it ends this reader too, it was that one.
    """
    item = SyncItemRow
    is_due = (item.claimed_until.is_(None)) | (item.claimed_until < func.now())
    is_reading = select(SyncRow.id).where(
        SyncRow.id == sync_id, SyncRow.ended_at.is_(None), SyncRow.status == "reading"
    )
    due = select(item.uri).where(item.sync_id == sync_id, is_due, is_reading.exists())
    fresh = due.where(item.n_claims <= 0).order_by(item.uri.collate("C")).limit(limit)
    suspect = due.order_by(item.n_claims, item.uri.collate("C")).limit(1)
    with database.transaction() as transaction:
        patient(transaction)
        found = _claimed(transaction, sync_id, fresh, lease_seconds) or _claimed(
            transaction, sync_id, suspect, lease_seconds
        )
    return sorted(found, key=lambda one: one.uri)


def renew(database: Database, sync_id: UUID, uris: Sequence[str], *, lease_seconds: float = LEASE_SECONDS) -> None:
    """Keeps a claim. Here and below the sync's row comes first, so that nobody waits for one another in a ring."""
    item = SyncItemRow
    until = func.now() + timedelta(seconds=lease_seconds)
    with database.transaction() as transaction:
        transaction.execute(update(SyncRow).where(SyncRow.id == sync_id).values(touched_at=now()))
        transaction.execute(
            update(item).where(item.sync_id == sync_id, item.uri.in_(uris)).values(claimed_until=until)
        )


def put_back(database: Database, sync_id: UUID, uris: Iterable[str]) -> None:
    """Lets others read what was claimed."""
    item = SyncItemRow
    with database.transaction() as transaction:
        statement = update(item).where(item.sync_id == sync_id, item.uri.in_(list(uris)))
        transaction.execute(statement.values(claimed_until=None, n_claims=item.n_claims - 1))


def require_open(database: Database, sync_id: UUID) -> None:
    """Raises :class:`Superseded`. Under the index's lock the answer holds until the lock is let go."""
    sync = load(database, sync_id)
    if sync is None or not sync.is_open:
        raise Superseded("Another sync of the same source has begun; this one stops.")


def done(transaction: Transaction, sync_id: UUID, uris: Sequence[str], counts: Done) -> None:
    """Strikes items off and counts them."""
    item, row = SyncItemRow, SyncRow
    added = {name: getattr(row, name) + value for name, value in vars(counts).items()}
    transaction.execute(update(row).where(row.id == sync_id).values(**added, n_failures=0, touched_at=now()))
    transaction.execute(delete(item).where(item.sync_id == sync_id, item.uri.in_(uris)))


def n_left(database: Database, sync_id: UUID) -> int:
    """How many items are not done, claimed ones counted in."""
    with database.transaction() as transaction:
        counted = select(func.count()).select_from(SyncItemRow).where(SyncItemRow.sync_id == sync_id)
        return transaction.scalar(counted) or 0


def failed_once(transaction: Transaction, sync_id: UUID) -> int:
    """Counts a failure that another try may overcome; returns how many came in a row."""
    row = SyncRow
    counted = update(row).where(row.id == sync_id).values(n_failures=row.n_failures + 1).returning(row.n_failures)
    return transaction.scalar(counted) or 0


def end(transaction: Transaction, sync_id: UUID, status: Ending, problem: str | None = None) -> bool:
    """Ends an open sync and forgets what it had to do; False where it had ended already.

    Of its options the location stays. Of one of the clock's that failed none does: they may never have been
    understood, and hold what no option should, such as a secret.
    """
    row = SyncRow
    patient(transaction)
    ended = update(row).where(row.id == sync_id, row.ended_at.is_(None))
    location = func.jsonb_build_object("location", row.options["location"])
    is_unsure = (row.origin == "clock") & (literal(status) == "failed")
    kept = case((is_unsure, func.jsonb_build_object()), else_=func.jsonb_strip_nulls(location))
    values = {"status": status, "problem": problem, "ended_at": now(), "touched_at": now(), "options": kept}
    is_first = transaction.scalar(ended.values(values).returning(row.id)) is not None
    if is_first:
        transaction.execute(delete(SyncItemRow).where(SyncItemRow.sync_id == sync_id))
    return is_first


def forget_old(transaction: Transaction, *, keep: int = 50) -> None:
    """Deletes all but the latest ended syncs of each source."""
    transaction.execute(
        text(
            "DELETE FROM syncs WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER "
            "(PARTITION BY source ORDER BY started_at DESC) AS n FROM syncs WHERE ended_at IS NOT NULL) AS old "
            "WHERE n > :keep)"
        ),
        {"keep": keep},
    )


def patient(transaction: Transaction) -> None:
    """What follows looks at every document of a source, and may take longer than a statement otherwise may."""
    transaction.execute(text(f"SET LOCAL statement_timeout = '{PATIENCE_SECONDS}s'"))


def _inserted(
    transaction: Transaction, source: str, options: Mapping[str, Any], origin: Origin, status: str
) -> UUID | None:
    row = {"id": new_id(), "source": source, "options": dict(options), "origin": origin, "status": status}
    statement = insert(SyncRow).values(row).on_conflict_do_nothing().returning(SyncRow.id)
    return transaction.scalar(statement)


def _claimed(transaction: Transaction, sync_id: UUID, chosen: Select[Any], lease_seconds: float) -> list[Item]:
    item = SyncItemRow
    due = chosen.with_for_update(skip_locked=True).cte("due")
    until = func.now() + timedelta(seconds=lease_seconds)
    claimed = (
        update(item)
        .where(item.sync_id == sync_id, item.uri == due.c.uri)
        .values(claimed_until=until, n_claims=item.n_claims + 1)
        .returning(item)
        .execution_options(synchronize_session=False)
    )
    return [_item(row) for row in transaction.scalars(claimed)]


def _item(row: SyncItemRow) -> Item:
    return Item(
        uri=row.uri,
        url=row.url,
        fingerprint=row.fingerprint,
        content_hash=row.content_hash,
        access_id=row.access_id,
        moved_from=row.moved_from.hex if row.moved_from else None,
        n_claims=row.n_claims,
    )
