"""What a sync has to do: the source's listing beside what is known, compared in Postgres.

Promises: memory does not grow with the number of documents; a source that suddenly lists nothing or far less is
not believed; who may read is changed first, because taking a right away is urgent, and what is gone leaves
before anything is read.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from agent.errors import UserError
from agent.store import locks
from agent.store.database import Database, Transaction
from ingest import access, lock_names
from ingest.documents import names
from ingest.index import scan
from ingest.index.active_index import ActiveIndex
from ingest.index.table import Index
from ingest.progress import Progress, ignore_progress
from ingest.sources.connector import UNNAMED, UNREAD, Listed, Source
from ingest.sync import store
from ingest.tables import DocumentRow, SyncItemRow

PIPELINE_VERSION = 3  # raise it when reading or splitting changes: every document is then read in again
STAGE_ROWS = 1_000
AT_ONCE = 500  # documents named in one statement
SUSPICIOUS_SHARE = 0.5  # of a source's documents gone at once
SUSPICIOUS_FROM = 10  # documents; of a few, half may well be deleted on purpose


class SuspiciousListing(UserError):
    """The source lists so little that something must be wrong with it; nothing was changed."""


def make(
    source: Source,
    sync_id: UUID,
    *,
    live: ActiveIndex,
    readers: Iterable[str] = access.DEFAULT_READERS,
    chunk_tokens: int,
    is_forced: bool = False,
    progress: Progress = ignore_progress,
) -> None:
    """Lists the source and leaves as the sync's items what must be read in; removes what is gone.

    Raises :class:`UserError` when the source cannot be listed, :class:`SuspiciousListing` when it is not believed.
    """
    database = live.database
    n_listed = _staged(
        source, sync_id, database, readers=frozenset(readers), chunk_tokens=chunk_tokens, progress=progress
    )
    with database.transaction() as transaction:
        store.patient(transaction)
        n_moved = _pair_moved(transaction, sync_id, source.name)
        n_known, n_gone = _compared(transaction, sync_id, source.name)
    if not is_forced:
        _believe(source.name, n_listed, n_known, n_gone)
    with locks.acquire(database, lock_names.INDEX):
        store.require_open(database, sync_id)
        index = live.now().index
        _set_access(database, index, sync_id, source.name)
        _amend(database, index, source.name)
        n_removed = _remove_gone(database, index, sync_id, source.name)
    with database.transaction() as transaction:
        store.patient(transaction)
        n_added = transaction.scalar(_COUNT_NEW, {"sync": sync_id, "source": source.name}) or 0
        n_left = _drop_unchanged(transaction, sync_id, source.name, n_listed)
        store.set_status(
            transaction,
            sync_id,
            "reading",
            n_listed=n_listed,
            n_moved=n_moved,
            n_added=n_added,
            n_changed=n_left - n_added - n_moved,
            n_removed=n_removed,
        )


def content_hash(listed: Listed, chunk_tokens: int) -> str:
    """Whatever decides what the index holds of a document."""
    parts = [PIPELINE_VERSION, chunk_tokens, listed.fingerprint, listed.url]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Known(Mapping[str, str]):
    """Fingerprints by uri of what was read in, asked for only by sources that look at them."""

    def __init__(self, database: Database, source: str) -> None:
        self._database = database
        self._source = source

    def __getitem__(self, uri: str) -> str:
        return self._all[uri]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @cached_property
    def _all(self) -> dict[str, str]:
        row = DocumentRow
        with self._database.transaction() as transaction:
            found = select(row.uri, row.fingerprint).where(row.source == self._source)
            return {known.uri: known.fingerprint for known in transaction.execute(found)}


def _staged(
    source: Source,
    sync_id: UUID,
    database: Database,
    *,
    readers: frozenset[str],
    chunk_tokens: int,
    progress: Progress,
) -> int:
    with database.transaction() as transaction:
        store.patient(transaction)
        transaction.execute(delete(SyncItemRow).where(SyncItemRow.sync_id == sync_id))  # if it was killed before
    listing = iter(source.list(Known(database, source.name)))
    access_ids: dict[frozenset[str], str] = {}
    n_seen = 0
    while rows := [*islice(listing, STAGE_ROWS)]:
        n_seen += len(rows)
        with database.transaction() as transaction:
            for new in {_readers(one, readers) for one in rows} - access_ids.keys():
                access_ids[new] = access.remember(transaction, new)
            values = [_row(one, sync_id, access_ids[_readers(one, readers)], chunk_tokens) for one in rows]
            transaction.execute(insert(SyncItemRow).on_conflict_do_nothing(), values)
        store.touch(database, sync_id)
        progress(n_seen, None)
    with database.transaction() as transaction:  # without it a plan for ten rows compares 100,000 with each other
        transaction.execute(text("ANALYZE sync_items, documents"))
    return store.n_left(database, sync_id)  # a source may name a document twice


def _readers(one: Listed, readers: frozenset[str]) -> frozenset[str]:
    """Nobody is not the same as those of the source: a document whose own readers are none is found by none."""
    return readers if one.readers is None else one.readers


def _row(one: Listed, sync_id: UUID, access_id: str, chunk_tokens: int) -> dict[str, Any]:
    is_named = names.shorten(one.uri) == one.uri or one.fingerprint == UNREAD
    return {
        "sync_id": sync_id,
        "uri": names.shorten(one.uri),
        "url": names.escape(one.url),
        "fingerprint": names.escape(one.fingerprint) if is_named else UNNAMED,
        "content_hash": content_hash(one, chunk_tokens),
        "access_id": access_id,
    }


def _pair_moved(transaction: Transaction, sync_id: UUID, source: str) -> int:
    """A new uri with the fingerprint of one that is gone is the same document; new is also one that could not be
    had so far, for which the earlier one stands in."""
    return _rows(transaction.execute(_PAIR_MOVED, {"sync": sync_id, "source": source}))


def _compared(transaction: Transaction, sync_id: UUID, source: str) -> tuple[int, int]:
    n_known = select(func.count()).select_from(DocumentRow).where(DocumentRow.source == source)
    n_gone = text(_GONE.format("count(*)"))
    parameters = {"sync": sync_id, "source": source}
    return transaction.scalar(n_known) or 0, transaction.scalar(n_gone, parameters) or 0


def _believe(source: str, n_listed: int, n_known: int, n_gone: int) -> None:
    if not n_listed:
        raise SuspiciousListing(
            f"No documents were found in '{source}', so nothing was changed. Check its location and patterns; "
            f"to remove it on purpose, run: docent forget '{source}'"
        )
    if n_gone > SUSPICIOUS_SHARE * n_known and n_known >= SUSPICIOUS_FROM:
        raise SuspiciousListing(
            f"'{source}' had {n_known} documents, and {n_gone} of them are gone, so nothing was changed. "
            "Is all of it there? If they were removed on purpose, sync it with --force."
        )


def _set_access(database: Database, index: Index, sync_id: UUID, source: str) -> None:
    """The index first: until then a right withdrawn still holds, and the row must not claim otherwise."""
    row = DocumentRow
    parameters = {"sync": sync_id, "source": source}
    with database.transaction() as transaction:
        store.patient(transaction)
        changed = [(id_, to) for id_, to in transaction.execute(_OTHER_ACCESS, parameters)]
    for access_id in sorted({to for _, to in changed}):
        for ids in _some([id_ for id_, to in changed if to == access_id]):
            index.set_access([id_.hex for id_ in ids], access_id)
            with database.transaction() as transaction:
                transaction.execute(update(row).where(row.id.in_(ids)).values(access_id=access_id))


def _amend(database: Database, index: Index, source: str) -> None:
    """Where the index does not hold what the rows say, as after it was lost, the documents are read in again."""
    row = DocumentRow
    of_source = row.source == source
    with database.transaction() as transaction:
        store.patient(transaction)
        n_chunks = transaction.scalar(select(func.sum(row.n_chunks)).where(of_source)) or 0
    if index.n_chunks(source) == n_chunks:
        return
    held = scan.documents(index, source)
    with database.transaction() as transaction:
        store.patient(transaction)
        known = select(row.id, row.content_hash, row.n_chunks).where(of_source, row.n_chunks > 0)
        rows = transaction.execute(known).all()
        for lost in _some([id_ for id_, *was in rows if held.get(id_.hex) != tuple(was)]):
            transaction.execute(update(row).where(row.id.in_(lost)).values(content_hash=""))


def _remove_gone(database: Database, index: Index, sync_id: UUID, source: str) -> int:
    n_removed = 0
    some = text(f"{_GONE.format('d.id')} LIMIT {AT_ONCE}")
    while True:
        with database.transaction() as transaction:
            store.patient(transaction)
            ids = transaction.scalars(some, {"sync": sync_id, "source": source}).all()
        if not ids:
            return n_removed
        index.remove(id_.hex for id_ in ids)
        with database.transaction() as transaction:
            transaction.execute(delete(DocumentRow).where(DocumentRow.id.in_(ids)))
        n_removed += len(ids)


def _some(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    return (ids[i : i + AT_ONCE] for i in range(0, len(ids), AT_ONCE))


def _drop_unchanged(transaction: Transaction, sync_id: UUID, source: str, n_listed: int) -> int:
    """Returns how many items are left."""
    return n_listed - _rows(transaction.execute(_DROP_UNCHANGED, {"sync": sync_id, "source": source}))


def _rows(result: Any) -> int:
    return int(result.rowcount)


# Known documents that are listed no more, but for those under another uri and those below a folder that could
# not be read this time.
_GONE = f"""
WITH unread AS MATERIALIZED (
    SELECT uri FROM sync_items WHERE sync_id = :sync AND fingerprint = '{UNREAD}'
)
SELECT {{}} FROM documents d WHERE d.source = :source
AND NOT EXISTS (SELECT FROM sync_items i WHERE i.sync_id = :sync AND i.uri = d.uri)
AND NOT EXISTS (SELECT FROM sync_items i WHERE i.sync_id = :sync AND i.moved_from = d.id)
AND NOT EXISTS (SELECT FROM unread WHERE starts_with(d.uri, unread.uri))
"""
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
