"""Stores the listing of a source as the items of a sync, portion by portion.

Promises that memory does not grow with the number of documents. What the items mean is :mod:`ingest.sync.diff`'s.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import TypedDict
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert

from agent.store.database import Database
from ingest.access import reader_sets
from ingest.access.reader_sets import Readers
from ingest.documents import names
from ingest.progress import Progress
from ingest.sources.connector import UNNAMED, UNREAD, ListedDocument, Source
from ingest.sync import store
from ingest.tables import DocumentRow, SyncItemRow

PIPELINE_VERSION = 4  # raise it when reading or splitting changes: every document is then read again
STAGE_ROWS = 1_000


class ItemValues(TypedDict):
    """A row of ``sync_items`` to insert."""

    sync_id: UUID
    uri: str
    url: str
    fingerprint: str
    content_hash: str
    access_id: str


def stage(
    source: Source,
    sync_id: UUID,
    database: Database,
    *,
    readers: Readers,
    chunk_tokens: int,
    progress: Progress,
) -> int:
    """Stores the listing as the sync's items; returns how many documents it has."""
    with database.transaction() as transaction:
        store.allow_slow_statements(transaction)
        transaction.execute(delete(SyncItemRow).where(SyncItemRow.sync_id == sync_id))  # of a run that was killed
    listing = iter(source.list(KnownFingerprints(database, source.name)))
    access_ids: dict[Readers, str] = {}
    n_seen = 0
    while rows := [*islice(listing, STAGE_ROWS)]:
        n_seen += len(rows)
        with database.transaction() as transaction:
            for new in {_readers(document, readers) for document in rows} - access_ids.keys():
                access_ids[new] = reader_sets.store_readers(transaction, new)
            values = [
                dict(_item(document, sync_id, access_ids[_readers(document, readers)], chunk_tokens))
                for document in rows
            ]
            transaction.execute(insert(SyncItemRow).on_conflict_do_nothing(), values)
        store.touch(database, sync_id)
        progress(n_seen, None)
    with database.transaction() as transaction:  # without it a plan for ten rows compares 100,000 with each other
        transaction.execute(text("ANALYZE sync_items, documents"))
    return store.count_items(database, sync_id)  # a source may name a document twice


def content_hash(listed: ListedDocument, chunk_tokens: int) -> str:
    """Hashes what decides which chunks a document has in the index."""
    parts = [PIPELINE_VERSION, chunk_tokens, listed.fingerprint, listed.url, listed.anchors]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def is_current(source: Source, database: Database, *, chunk_tokens: int) -> bool:
    """Returns whether a source lists exactly what was read of it, so that a sync would change nothing."""
    row = DocumentRow
    with database.transaction() as transaction:
        query = select(row.uri, row.content_hash).where(row.source == source.name)
        known = dict(transaction.execute(query).all())
    listed = {names.shorten(document.uri): content_hash(document, chunk_tokens) for document in source.list({})}
    return listed == known


def _readers(document: ListedDocument, readers: Readers) -> Readers:
    """Returns a document's readers; an empty set of its own means nobody, not the source's readers."""
    return readers if document.readers is None else reader_sets.one_of(document.readers)


def _item(document: ListedDocument, sync_id: UUID, access_id: str, chunk_tokens: int) -> ItemValues:
    is_named = names.shorten(document.uri) == document.uri or document.fingerprint == UNREAD
    return {
        "sync_id": sync_id,
        "uri": names.shorten(document.uri),
        "url": names.escape(document.url),
        "fingerprint": names.escape(document.fingerprint) if is_named else UNNAMED,
        "content_hash": content_hash(document, chunk_tokens),
        "access_id": access_id,
    }


class KnownFingerprints(Mapping[str, str]):
    """The fingerprints by uri of what was read before; loaded only when a source looks at them."""

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
            query = select(row.uri, row.fingerprint).where(row.source == self._source)
            return dict(transaction.execute(query).all())
