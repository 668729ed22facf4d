"""Lists a source and compares the listing with what is known, in Postgres: what a sync has to do.

Promises: a source that suddenly lists nothing, far less, or the same everywhere is refused; access is changed
first, because withdrawing a right is urgent, and removed documents leave the index before any other is read.
"""

from collections.abc import Iterator, Sequence
from uuid import UUID

from sqlalchemy import CursorResult, TextClause, delete, func, select, text, update

from agent.errors import UserError
from agent.store import locks
from agent.store.database import Database, Transaction
from ingest import lock_names
from ingest.access import reader_sets
from ingest.access.reader_sets import Readers
from ingest.index import scan
from ingest.index.active_index import ActiveIndex
from ingest.index.table import Index
from ingest.progress import Progress, ignore_progress
from ingest.sources.connector import UNREAD, Source
from ingest.sync import staging, store
from ingest.sync.store import SyncStatus
from ingest.tables import DocumentRow

MAX_IDS = 500  # documents named in one statement
SUSPICIOUS_SHARE = 0.5  # of a source's documents gone at once
SUSPICIOUS_FROM = 10  # documents; of a few, half may well be deleted on purpose
SUSPICIOUS_ALIKE = 3  # documents; nobody writes the same into so many on purpose


class SuspiciousListing(UserError):
    """The source lists so few documents that something must be wrong with it; nothing was changed."""


def prepare(
    source: Source,
    sync_id: UUID,
    *,
    active_index: ActiveIndex,
    readers: Readers = reader_sets.DEFAULT_READERS,
    chunk_tokens: int,
    is_forced: bool = False,
    progress: Progress = ignore_progress,
) -> None:
    """Lists the source, stores as the sync's items what must be read, and removes what is gone.

    Raises :class:`UserError` when the source cannot be listed, and :class:`SuspiciousListing` when the listing is
    not plausible and not ``is_forced``.
    """
    database = active_index.database
    n_listed = staging.stage(
        source, sync_id, database, readers=readers, chunk_tokens=chunk_tokens, progress=progress
    )
    with database.transaction() as transaction:
        store.allow_slow_statements(transaction)
        n_moved = _pair_moved(transaction, sync_id, source.name)
        n_known, n_gone = _count_known_and_gone(transaction, sync_id, source.name)
        n_alike = transaction.scalar(_COUNT_ALIKE, {"sync": sync_id, "source": source.name}) or 0
    if not is_forced:
        check_plausible(source.name, n_listed, n_known, n_gone)
        check_variety(source.name, n_known, n_gone, n_alike)
    n_removed = _update_index(active_index, sync_id, source.name)
    with database.transaction() as transaction:
        store.allow_slow_statements(transaction)
        n_added = transaction.scalar(_COUNT_NEW, {"sync": sync_id, "source": source.name}) or 0
        n_left = _drop_unchanged(transaction, sync_id, source.name, n_listed)
        store.set_status(
            transaction,
            sync_id,
            SyncStatus.READING,
            n_listed=n_listed,
            n_moved=n_moved,
            n_added=n_added,
            n_changed=n_left - n_added - n_moved,
            n_removed=n_removed,
        )


def _update_index(active_index: ActiveIndex, sync_id: UUID, source: str) -> int:
    """Changes access and removes what is gone; returns how many documents it removed."""
    database = active_index.database
    with locks.acquire(database, lock_names.INDEX):
        store.require_open(database, sync_id)
        index = active_index.current().index
        _set_access(database, index, sync_id, source)
        repair(database, index, source)
        return _remove_gone(database, index, sync_id, source)


def _pair_moved(transaction: Transaction, sync_id: UUID, source: str) -> int:
    """Detects renames: an unknown uri with the fingerprint of a vanished document.

    A uri counts as unknown, too, if it has only failed to be fetched so far.
    """
    return _count_changed(transaction, _PAIR_MOVED, sync_id, source)


def _count_known_and_gone(transaction: Transaction, sync_id: UUID, source: str) -> tuple[int, int]:
    n_known = select(func.count()).select_from(DocumentRow).where(DocumentRow.source == source)
    n_gone = text(_GONE.format("count(*)"))
    parameters = {"sync": sync_id, "source": source}
    return transaction.scalar(n_known) or 0, transaction.scalar(n_gone, parameters) or 0


def check_plausible(source: str, n_listed: int, n_known: int, n_gone: int) -> None:
    """Raises :class:`SuspiciousListing` for an empty listing, or one that lacks most of many documents."""
    if not n_listed:
        raise SuspiciousListing(
            f"No documents were found in '{source}', so nothing was changed. Check its location and patterns; "
            f"to remove the source on purpose, run: docent forget '{source}'"
        )
    if n_gone > SUSPICIOUS_SHARE * n_known and n_known >= SUSPICIOUS_FROM:
        raise SuspiciousListing(
            f"'{source}' had {n_known} documents, and {n_gone} of them are gone, so nothing was changed. "
            "Check that the source is complete. If they were removed on purpose, sync it with --force."
        )


def check_variety(source: str, n_known: int, n_gone: int, n_alike: int) -> None:
    """Raises :class:`SuspiciousListing` when one and the same content would take the place of most documents."""
    if n_alike >= SUSPICIOUS_ALIKE and n_alike + n_gone > SUSPICIOUS_SHARE * n_known:
        raise SuspiciousListing(
            f"'{source}' had {n_known} documents, and {n_alike} of them now show one and the same, so nothing was "
            "changed. Check whether the source asks for a login, or shows an error in their place. "
            "If that is how it should be, sync it with --force."
        )


def _set_access(database: Database, index: Index, sync_id: UUID, source: str) -> None:
    """Changes the index first: until then a withdrawn right is still in effect, and the row must not deny that."""
    row = DocumentRow
    parameters = {"sync": sync_id, "source": source}
    with database.transaction() as transaction:
        store.allow_slow_statements(transaction)
        changed = [(id_, access_id) for id_, access_id in transaction.execute(_OTHER_ACCESS, parameters)]
    for access_id in sorted({new for _, new in changed}):
        for ids in _batches([id_ for id_, new in changed if new == access_id]):
            index.set_access([id_.hex for id_ in ids], access_id)
            with database.transaction() as transaction:
                transaction.execute(update(row).where(row.id.in_(ids)).values(access_id=access_id))


def repair(database: Database, index: Index, source: str) -> None:
    """Marks documents to be read again whose chunks are not in the index as their rows say, as after its loss."""
    row = DocumentRow
    of_source = row.source == source
    with database.transaction() as transaction:
        store.allow_slow_statements(transaction)
        n_chunks = transaction.scalar(select(func.sum(row.n_chunks)).where(of_source)) or 0
    if index.n_chunks(source) == n_chunks:
        return
    versions = scan.document_versions(index, source)
    stored = {id_: (version.content_hash, version.n_chunks) for id_, version in versions.items()}
    with database.transaction() as transaction:
        store.allow_slow_statements(transaction)
        query = select(row.id, row.content_hash, row.n_chunks).where(of_source, row.n_chunks > 0)
        rows = transaction.execute(query).all()
        for lost in _batches([id_ for id_, *version in rows if stored.get(id_.hex) != tuple(version)]):
            transaction.execute(update(row).where(row.id.in_(lost)).values(content_hash=""))


def _remove_gone(database: Database, index: Index, sync_id: UUID, source: str) -> int:
    n_removed = 0
    gone = text(f"{_GONE.format('d.id')} LIMIT {MAX_IDS}")
    while True:
        with database.transaction() as transaction:
            store.allow_slow_statements(transaction)
            ids = transaction.scalars(gone, {"sync": sync_id, "source": source}).all()
        if not ids:
            return n_removed
        index.remove(id_.hex for id_ in ids)
        with database.transaction() as transaction:
            transaction.execute(delete(DocumentRow).where(DocumentRow.id.in_(ids)))
        n_removed += len(ids)


def _batches(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    return (ids[i : i + MAX_IDS] for i in range(0, len(ids), MAX_IDS))


def _drop_unchanged(transaction: Transaction, sync_id: UUID, source: str, n_listed: int) -> int:
    """Deletes the items that need not be read; returns how many are left."""
    return n_listed - _count_changed(transaction, _DROP_UNCHANGED, sync_id, source)


def _count_changed(transaction: Transaction, statement: TextClause, sync_id: UUID, source: str) -> int:
    """Executes a statement; returns how many rows it changed."""
    result = transaction.execute(statement, {"sync": sync_id, "source": source})
    assert isinstance(result, CursorResult)
    return result.rowcount


# Known documents that are no longer listed, except renamed ones and those below a folder that could not be read.
_GONE = f"""
WITH unread AS MATERIALIZED (
    SELECT uri FROM sync_items WHERE sync_id = :sync AND fingerprint = '{UNREAD}'
)
SELECT {{}} FROM documents d WHERE d.source = :source
AND NOT EXISTS (SELECT FROM sync_items i WHERE i.sync_id = :sync AND i.uri = d.uri)
AND NOT EXISTS (SELECT FROM sync_items i WHERE i.sync_id = :sync AND i.moved_from = d.id)
AND NOT EXISTS (SELECT FROM unread WHERE starts_with(d.uri, unread.uri))
"""
# The largest number of searchable documents that would get the same content, which they did not have before.
_COUNT_ALIKE = text("""
SELECT count(*) AS n FROM sync_items i JOIN documents d ON d.source = :source AND d.uri = i.uri
WHERE i.sync_id = :sync AND d.n_chunks > 0 AND d.fingerprint <> i.fingerprint
GROUP BY i.fingerprint ORDER BY n DESC LIMIT 1
""")
_PAIR_MOVED = text("""
WITH gone AS (
    SELECT d.id, d.fingerprint, row_number() OVER (PARTITION BY d.fingerprint ORDER BY d.uri COLLATE "C") AS n
    FROM documents d WHERE d.source = :source AND d.fingerprint <> '' AND d.n_chunks > 0
    AND NOT EXISTS (SELECT FROM sync_items i WHERE i.sync_id = :sync AND i.uri = d.uri)
), new AS (
    SELECT i.uri, i.fingerprint, row_number() OVER (PARTITION BY i.fingerprint ORDER BY i.uri COLLATE "C") AS n
    FROM sync_items i WHERE i.sync_id = :sync
    AND NOT EXISTS (SELECT FROM documents d WHERE d.source = :source AND d.uri = i.uri AND
        (d.n_chunks > 0 OR d.content_hash <> ''))
)
UPDATE sync_items SET moved_from = gone.id FROM gone JOIN new USING (fingerprint, n)
WHERE sync_items.sync_id = :sync AND sync_items.uri = new.uri
""")
_OTHER_ACCESS = text("""
SELECT d.id, i.access_id FROM documents d JOIN sync_items i ON i.sync_id = :sync AND i.uri = d.uri
WHERE d.source = :source AND d.access_id <> i.access_id
UNION ALL
SELECT d.id, i.access_id FROM documents d JOIN sync_items i ON i.sync_id = :sync AND i.moved_from = d.id
WHERE d.source = :source AND d.access_id <> i.access_id
""")
_COUNT_NEW = text("""
SELECT count(*) FROM sync_items i WHERE i.sync_id = :sync AND i.moved_from IS NULL
AND NOT EXISTS (SELECT FROM documents d WHERE d.source = :source AND d.uri = i.uri)
""")
_DROP_UNCHANGED = text("""
DELETE FROM sync_items i USING documents d WHERE i.sync_id = :sync AND d.source = :source AND d.uri = i.uri
AND d.content_hash = i.content_hash
""")
