"""Stores the listing of a source as the items of a sync, portion by portion.

Promises that memory does not grow with the number of documents. What the items mean is :mod:`ingest.sync.diff`'s.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import TypedDict
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert

from agent.errors import UserError
from agent.store.database import Database
from ingest.access import reader_sets
from ingest.access.declaration import Declaration, list_readers
from ingest.access.reader_sets import Readers
from ingest.documents import formats, names, ocr
from ingest.progress import Progress
from ingest.sources.connector import UNNAMED, UNREAD, WITHDRAWN, ListedDocument, Source
from ingest.sync import store
from ingest.tables import DocumentRow, SyncItemRow

PIPELINE_VERSION = 9  # raise it when reading or splitting changes: every document is then read again
STAGE_ROWS = 1_000


class ItemValues(TypedDict):
    """A row of ``sync_items`` to insert."""

    sync_id: UUID
    uri: str
    url: str
    fingerprint: str
    content_hash: str
    access_id: str
    declared_access_id: str
    path: str
    hidden_because: str | None


def stage(
    source: Source,
    sync_id: UUID,
    database: Database,
    *,
    declaration: Declaration,
    chunk_tokens: int,
    progress: Progress,
) -> UserError | None:
    """Stores the listing as the sync's items; returns the error that ended it, after what came before."""
    with database.transaction() as transaction:
        store.allow_slow_statements(transaction)
        transaction.execute(delete(SyncItemRow).where(SyncItemRow.sync_id == sync_id))  # of a run that was killed
    listing = _Listing(source.list(KnownFingerprints(database, source.name)))
    access_ids: dict[Readers, str] = {}
    n_seen = 0
    while portion := [*islice(listing, STAGE_ROWS)]:
        n_seen += len(portion)
        rows = _keep_hidden(portion, database, source.name)
        readers = [_readers(document, declaration) for document in rows]
        with database.transaction() as transaction:
            for new in {one for pair in readers for one in pair} - access_ids.keys():
                access_ids[new] = reader_sets.store_readers(transaction, new)
            values = [
                dict(_item(document, sync_id, (access_ids[listed], access_ids[declared]), chunk_tokens))
                for document, (listed, declared) in zip(rows, readers, strict=True)
            ]
            transaction.execute(insert(SyncItemRow).on_conflict_do_nothing(), values)
        store.touch(database, sync_id)
        progress(n_seen, None)
    with database.transaction() as transaction:  # without it a plan for ten rows compares 100,000 with each other
        transaction.execute(text("ANALYZE sync_items, documents"))
    return listing.error


class _Listing(Iterator[ListedDocument]):
    """A listing that ends at the error of its source, and keeps it."""

    def __init__(self, documents: Iterable[ListedDocument]) -> None:
        self._documents = documents
        self._iterator: Iterator[ListedDocument] | None = None
        self.error: UserError | None = None

    def __next__(self) -> ListedDocument:
        if self.error:
            raise StopIteration
        try:
            self._iterator = self._iterator or iter(self._documents)
            return next(self._iterator)
        except UserError as error:
            self.error = error
            raise StopIteration from error


def content_hash(listed: ListedDocument, chunk_tokens: int) -> str:
    """Hashes what decides which chunks a document has in the index."""
    parts = [PIPELINE_VERSION, chunk_tokens, listed.fingerprint, listed.url, listed.anchors]
    if ocr.is_on() and formats.may_hold_scans(listed.uri):
        parts.append("ocr")  # so that scans are read once it is installed
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def is_current(source: Source, database: Database, *, chunk_tokens: int) -> bool:
    """Returns whether a source lists exactly what was read of it, so that a sync would change nothing."""
    row = DocumentRow
    with database.transaction() as transaction:
        query = select(row.uri, row.content_hash).where(row.source == source.name)
        known = dict(transaction.execute(query).all())
    listed = {names.shorten(document.uri): content_hash(document, chunk_tokens) for document in source.list({})}
    return listed == known


def _keep_hidden(documents: Sequence[ListedDocument], database: Database, source: str) -> Sequence[ListedDocument]:
    """Returns the documents, those hidden that were so and could not be looked at."""
    unseen = [names.shorten(document.uri) for document in documents if document.keeps_hidden]
    if not unseen:
        return documents
    row = DocumentRow
    is_hidden = (row.source == source, row.uri.in_(unseen), row.hidden_because.is_not(None))
    with database.transaction() as transaction:
        rows = transaction.execute(select(row.uri, row.hidden_because).where(*is_hidden))
        hidden = {uri: str(why) for uri, why in rows}
    return [
        replace(document, readers=frozenset(), hidden_because=hidden[uri])
        if document.keeps_hidden and (uri := names.shorten(document.uri)) in hidden
        else document
        for document in documents
    ]


def _readers(document: ListedDocument, declaration: Declaration) -> tuple[Readers, Readers]:
    """Returns a document's readers without its front matter, and those that are declared."""
    declared = declaration.readers_of(document.uri, document.path)
    if document.fingerprint == WITHDRAWN:
        return reader_sets.one_of(document.readers or ()), declared
    return list_readers(declared, document.readers), declared


def _item(document: ListedDocument, sync_id: UUID, access_ids: tuple[str, str], chunk_tokens: int) -> ItemValues:
    is_named = names.shorten(document.uri) == document.uri or document.fingerprint == UNREAD
    return {
        "sync_id": sync_id,
        "uri": names.shorten(document.uri),
        "url": names.escape(document.url),
        "fingerprint": names.escape(document.fingerprint) if is_named else UNNAMED,
        "content_hash": content_hash(document, chunk_tokens),
        "access_id": access_ids[0],
        "declared_access_id": access_ids[1],
        "path": names.escape(document.path),
        "hidden_because": names.escape(document.hidden_because) or None,
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
