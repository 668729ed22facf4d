"""Writes read documents: embedded, into the index in one version, then into their rows.

Promises: the index is written before the row that says so, so a killed sync leaves a searchable index and the
next one goes on where it ended; a chunk that was there keeps its vector; nobody else writes meanwhile.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import Insert, insert

from agent.clock import now
from agent.store import locks
from ingest import lock_names
from ingest.documents import chunking, names
from ingest.documents.blocks import Document
from ingest.embedding import Matrix
from ingest.index import scan
from ingest.index.active_index import ActiveIndex, IndexHandle
from ingest.index.table import IndexedChunk
from ingest.sync import store
from ingest.sync.reader_pool import ParsedDocument
from ingest.sync.store import Done
from ingest.tables import DocumentRow


def write(batch: Sequence[ParsedDocument], *, sync_id: UUID, source: str, live: ActiveIndex) -> Done:
    """Returns what was done; raises :class:`syncs.Superseded`, and :class:`agent.errors.ModelError` when the
    embedding model cannot be reached, both before anything is written."""
    chunks = [_indexed(one, chunk, source) for one in batch for chunk in one.chunks]
    while True:
        stores = live.now()
        vectors, done = _vectors(batch, chunks, stores)
        with locks.acquire(live.database, lock_names.INDEX):
            store.require_open(live.database, sync_id)
            if live.now() is stores:  # else another model has gone live meanwhile: embedded again for that
                _write(batch, chunks, vectors, sync_id=sync_id, source=source, stores=stores, done=done)
                return done


def _write(
    batch: Sequence[ParsedDocument],
    chunks: Sequence[IndexedChunk],
    vectors: Matrix,
    *,
    sync_id: UUID,
    source: str,
    stores: IndexHandle,
    done: Done,
) -> None:
    replaced = [id_ for one in batch if not one.keeps_earlier for id_ in (one.id.hex, one.item.moved_from) if id_]
    stores.index.replace(replaced, chunks, vectors)
    with stores.database.transaction() as transaction:
        moved = [UUID(one.item.moved_from) for one in batch if one.item.moved_from and not one.keeps_earlier]
        if moved:
            transaction.execute(delete(DocumentRow).where(DocumentRow.id.in_(moved)))
        for statement, keeps_earlier in ((_READ_IN, False), (_KEPT, True)):
            if rows := [_row(one, source) for one in batch if one.keeps_earlier is keeps_earlier]:
                transaction.execute(statement, rows)
        store.done(transaction, sync_id, [one.item.uri for one in batch], done)


def _vectors(
    batch: Sequence[ParsedDocument], chunks: Sequence[IndexedChunk], stores: IndexHandle
) -> tuple[Matrix, Done]:
    """Of each chunk; only texts the index has no vector for are embedded."""
    before = [id_ for one in batch for id_ in (one.id.hex, one.item.moved_from) if id_]
    kept = scan.vectors(stores.index, before) if chunks else {}
    new = list(dict.fromkeys(chunk.search_text for chunk in chunks if chunk.search_text not in kept))
    done = Done(len(batch), len(chunks), len(new))
    if new:
        embedded = stores.embedder.documents(new)
        kept |= dict(zip(new, embedded.vectors, strict=True))
        done.n_tokens, done.cost_usd = embedded.n_tokens, embedded.cost_usd
    rows = [kept[chunk.search_text] for chunk in chunks]
    return (np.stack(rows) if rows else np.zeros((0, 0), np.float32)), done


def _indexed(one: ParsedDocument, chunk: chunking.Chunk, source: str) -> IndexedChunk:
    assert one.document is not None  # a document without one has no chunks
    return IndexedChunk(
        chunk_id=f"{one.id.hex}-{chunk.position:05d}",
        document_id=one.id.hex,
        source=source,
        access_id=one.item.access_id,
        content_hash=one.item.content_hash,
        url=f"{one.item.url}#page={chunk.page}" if chunk.page else one.item.url,
        title=one.document.title,
        heading_path=chunk.heading_path,
        text=chunk.text,
        search_text=_search_text(one.document, chunk),
        position=chunk.position,
        n_tokens=chunk.n_tokens,
        updated_at=one.document.updated_at,
    )


def _search_text(document: Document, chunk: chunking.Chunk) -> str:
    """What is searched: the chunk under its title and headings, and with the first one the keywords."""
    keywords = document.keywords if chunk.position == 0 else ""
    return "\n".join(part for part in (document.title, chunk.heading_path, keywords, chunk.text) if part)


_COLUMNS = {
    "url", "title", "fingerprint", "content_hash", "access_id", "updated_at", "synced_at", "n_chunks", "problem",
}  # fmt: skip


def _upsert(columns: Iterable[str]) -> Insert:
    statement = insert(DocumentRow)
    set_ = {name: statement.excluded[name] for name in sorted(columns)}
    return statement.on_conflict_do_update(index_elements=["source", "uri"], set_=set_)


_READ_IN = _upsert(_COLUMNS)
_KEPT = _upsert({"problem", "synced_at", "content_hash"})  # its earlier version stays


def _row(one: ParsedDocument, source: str) -> dict[str, Any]:
    """A document that keeps its earlier version is asked for again by the next sync: it has no content hash."""
    return {
        "id": one.id,
        "source": source,
        "uri": one.item.uri,
        "url": one.item.url,
        "title": names.escape(one.document.title) if one.document else one.item.uri,
        "fingerprint": one.item.fingerprint,
        "content_hash": "" if one.keeps_earlier else one.item.content_hash,
        "access_id": one.item.access_id,
        "updated_at": one.document.updated_at if one.document else None,
        "synced_at": now(),
        "n_chunks": len(one.chunks),
        "problem": _problem(one),
    }


def _problem(one: ParsedDocument) -> str | None:
    problem = one.problem or (one.document.gap if one.document else None)
    return names.escape(f"{problem.cause}; {problem.advice}") if problem else None
