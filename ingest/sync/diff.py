"""Lists a source and compares the listing with what is known, in Postgres: what a sync has to do.

Promises: a source that suddenly lists nothing, far less, or the same everywhere is refused; a right that is taken
away is so before that, and before and without a listing where the declaration takes it away; removed documents
leave the index before any other is read.
"""

from collections.abc import Iterator, Sequence
from uuid import UUID

from sqlalchemy import CursorResult, TextClause, delete, func, select, text, update

from agent.errors import UserError
from agent.store.database import Database, Transaction
from ingest.access.declaration import EVERYONE_READS, Declaration
from ingest.index import scan
from ingest.index.active_index import ActiveIndex
from ingest.index.table import Index
from ingest.progress import Progress, ignore_progress
from ingest.sources.connector import UNREAD, WITHDRAWN, Source
from ingest.sync import staging, store
from ingest.sync.access_changes import AccessChanges
from ingest.sync.store import SyncStatus
from ingest.tables import DocumentRow, SyncItemRow

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
    declaration: Declaration = EVERYONE_READS,
    chunk_tokens: int,
    is_forced: bool = False,
    progress: Progress = ignore_progress,
) -> None:
    """Lists the source, stores as the sync's items what must be read, and removes what is gone.

    Raises :class:`UserError` when the source cannot be listed, and :class:`SuspiciousListing` when the listing is
    not plausible and not ``is_forced``.
    """
    database = active_index.database
    changes = AccessChanges(active_index, source.name, declaration, sync_id)
    changes.narrow_to_declaration()
    try:
        error = staging.stage(
            source, sync_id, database, declaration=declaration, chunk_tokens=chunk_tokens, progress=progress
        )
        n_moved = 0 if error else _pair_moved(database, sync_id, source.name)
        changes.narrow_to_listing()
        if error:
            raise error
        n_listed = _count_listed(database, sync_id)
        _check(database, sync_id, source.name, n_listed, is_forced=is_forced)
    except UserError as error:
        _store_counts(database, sync_id, changes)
        changes.note(error)
        raise
    n_removed = _update_index(active_index, sync_id, source.name, changes)
    _store_counts(database, sync_id, changes)
    with database.transaction() as transaction:
        store.allow_slow_statements(transaction)
        transaction.execute(_DROP_WITHDRAWN, {"sync": sync_id})
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


def _check(database: Database, sync_id: UUID, source: str, n_listed: int, *, is_forced: bool) -> None:
    if is_forced:
        return
    with database.transaction() as transaction:
        store.allow_slow_statements(transaction)
        n_known, n_gone = _count_known_and_gone(transaction, sync_id, source)
        n_alike = transaction.scalar(_COUNT_ALIKE, {"sync": sync_id, "source": source}) or 0
    check_plausible(source, n_listed, n_known, n_gone)
    check_variety(source, n_known, n_gone, n_alike)


def _store_counts(database: Database, sync_id: UUID, changes: AccessChanges) -> None:
    n_narrowed, n_widened = changes.count()
    with database.transaction() as transaction:
        store.set_counts(transaction, sync_id, n_narrowed=n_narrowed, n_widened=n_widened)


def _count_listed(database: Database, sync_id: UUID) -> int:
    """Counts the listed documents, of which a source may name some twice."""
    with database.transaction() as transaction:
        item = SyncItemRow
        count = select(func.count()).where(item.sync_id == sync_id, item.fingerprint != WITHDRAWN)
        return transaction.scalar(count) or 0


def _update_index(active_index: ActiveIndex, sync_id: UUID, source: str, changes: AccessChanges) -> int:
    """Changes access and removes what is gone; returns how many documents it removed."""
    database = active_index.database
    with active_index.writer.alone():
        store.require_open(database, sync_id)
        index = active_index.current().index
        changes.set_listed()
        repair(database, index, source)
        return _remove_gone(database, index, sync_id, source)


def _pair_moved(database: Database, sync_id: UUID, source: str) -> int:
    """Detects renames: an unknown uri with the fingerprint of a vanished document.

    A uri counts as unknown, too, if it has only failed to be fetched so far.
    """
    with database.transaction() as transaction:
        store.allow_slow_statements(transaction)
        return _count_changed(transaction, _PAIR_MOVED, sync_id, source)


def _count_known_and_gone(transaction: Transaction, sync_id: UUID, source: str) -> tuple[int, int]:
    """Counts the known documents and those that are gone, both without those that only fewer people may read."""
    parameters = {"sync": sync_id, "source": source}
    n_known = select(func.count()).select_from(DocumentRow).where(DocumentRow.source == source)
    n_gone = transaction.scalar(text(_GONE.format("count(*)")), parameters) or 0
    n_withdrawn = n_gone - (
        transaction.scalar(text(f"{_GONE.format('count(*)')} {_NOT_WITHDRAWN}"), parameters) or 0
    )
    return (transaction.scalar(n_known) or 0) - n_withdrawn, n_gone - n_withdrawn


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
_NOT_WITHDRAWN = f"""
AND NOT EXISTS (
    SELECT FROM sync_items i WHERE i.sync_id = :sync AND i.fingerprint = '{WITHDRAWN}'
    AND starts_with(d.uri, i.uri)
)
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
_COUNT_NEW = text("""
SELECT count(*) FROM sync_items i WHERE i.sync_id = :sync AND i.moved_from IS NULL
AND NOT EXISTS (SELECT FROM documents d WHERE d.source = :source AND d.uri = i.uri)
""")
_DROP_UNCHANGED = text("""
DELETE FROM sync_items i USING documents d WHERE i.sync_id = :sync AND d.source = :source AND d.uri = i.uri
AND d.content_hash = i.content_hash
""")
_DROP_WITHDRAWN = text(f"DELETE FROM sync_items WHERE sync_id = :sync AND fingerprint = '{WITHDRAWN}'")
