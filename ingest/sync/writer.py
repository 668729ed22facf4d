"""Writes documents: embeds their chunks, writes them to the index in one version, then to their rows.

Promises: the index is written before the row that says so, so a killed sync leaves a searchable index and the next
one resumes; a chunk that was there keeps its vector; nobody else writes at the same time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import ColumnElement, case, delete, select
from sqlalchemy.dialects.postgresql import Insert, insert

from agent.clock import now
from agent.store.database import Transaction
from ingest.access.declaration import EVERYONE_READS, Declaration
from ingest.documents import anchors, chunking, names
from ingest.documents.blocks import Document
from ingest.embedding.embedder import Matrix
from ingest.index import scan
from ingest.index.active_index import ActiveIndex, IndexHandle
from ingest.index.table import IndexedChunk
from ingest.search import terms
from ingest.sync import page_access, store
from ingest.sync.page_access import PageAccess
from ingest.sync.reader_pool import ParsedDocument
from ingest.sync.store import BatchCounts
from ingest.tables import DocumentRow


def write(
    batch: Sequence[ParsedDocument],
    *,
    sync_id: UUID,
    source: str,
    active_index: ActiveIndex,
    declaration: Declaration = EVERYONE_READS,
) -> BatchCounts:
    """Writes a batch; returns what was written. The declaration says what readers in front matter mean.

    Raises :class:`ingest.sync.store.SyncSuperseded`, and :class:`agent.errors.ModelError` when the embedding model
    cannot be reached, both before anything is written.
    """
    chunks = [_to_indexed(parsed, chunk, source) for parsed in batch for chunk in parsed.chunks]
    while True:
        handle = active_index.current()
        active_index.writer.probe()  # before anything is paid for; LanceDB tries for longer
        vectors, counts = _embed(batch, chunks, handle)
        active_index.writer.probe()
        with active_index.writer.alone():
            store.require_open(active_index.database, sync_id)
            if active_index.current() is handle:  # else another became active, and needs vectors of its model
                with handle.database.transaction() as transaction:
                    access = page_access.decide(transaction, batch, declaration)
                counts.n_narrowed, counts.n_widened = access.n_narrowed, access.n_widened
                rows = [replace(chunk, access_id=access.ids[chunk.document_id]) for chunk in chunks]
                return _write(
                    batch,
                    rows,
                    vectors,
                    sync_id=sync_id,
                    source=source,
                    handle=handle,
                    counts=counts,
                    access=access,
                )


def _write(
    batch: Sequence[ParsedDocument],
    chunks: Sequence[IndexedChunk],
    vectors: Matrix,
    *,
    sync_id: UUID,
    source: str,
    handle: IndexHandle,
    counts: BatchCounts,
    access: PageAccess,
) -> BatchCounts:
    read = [parsed for parsed in batch if not parsed.keeps_earlier]
    replaced = [id_ for parsed in read for id_ in (parsed.id.hex, parsed.item.moved_from) if id_]
    handle.index.replace(replaced, chunks, vectors)
    with handle.database.transaction() as transaction:
        _count_unread(transaction, batch, source, counts)
        moved = [UUID(parsed.item.moved_from) for parsed in read if parsed.item.moved_from]
        if moved:
            transaction.execute(delete(DocumentRow).where(DocumentRow.id.in_(moved)))
        for statement, keeps_earlier in ((_REPLACE, False), (_KEEP_EARLIER, True)):
            if rows := [_row(parsed, source, access) for parsed in batch if parsed.keeps_earlier is keeps_earlier]:
                transaction.execute(statement, rows)
        n_chunks = {parsed.item.uri: len(parsed.chunks) for parsed in batch}
        return store.complete_items(transaction, sync_id, n_chunks, counts)


def _embed(
    batch: Sequence[ParsedDocument], chunks: Sequence[IndexedChunk], handle: IndexHandle
) -> tuple[Matrix, BatchCounts]:
    """Returns the vector of each chunk; embeds only texts that the index has no vector for."""
    before = [id_ for parsed in batch for id_ in (parsed.id.hex, parsed.item.moved_from) if id_]
    vectors = scan.read_vectors(handle.index, before) if chunks else {}
    new = list(dict.fromkeys(chunk.search_text for chunk in chunks if chunk.search_text not in vectors))
    counts = BatchCounts(n_done=len(batch), n_chunks=len(chunks), n_embedded=len(new))
    if new:
        embedded = handle.embedder.embed_documents(new)
        vectors |= dict(zip(new, embedded.vectors, strict=True))
        counts.n_tokens, counts.cost_usd = embedded.n_tokens, embedded.cost_usd
    rows = [vectors[chunk.search_text] for chunk in chunks]
    return (np.stack(rows) if rows else np.zeros((0, 0), np.float32)), counts


def _count_unread(
    transaction: Transaction, batch: Sequence[ParsedDocument], source: str, counts: BatchCounts
) -> None:
    """Counts documents that could not be read as that, in the place of added, changed or moved."""
    unread = [parsed.item for parsed in batch if parsed.document is None]
    if not unread:
        return
    row = DocumentRow
    query = select(row.uri).where(row.source == source, row.uri.in_([item.uri for item in unread]))
    known = set(transaction.scalars(query))
    counts.n_unread = len(unread)
    counts.n_moved = -sum(item.moved_from is not None for item in unread)
    counts.n_changed = -sum(item.moved_from is None and item.uri in known for item in unread)
    counts.n_added = -sum(item.moved_from is None and item.uri not in known for item in unread)


def _to_indexed(parsed: ParsedDocument, chunk: chunking.Chunk, source: str) -> IndexedChunk:
    assert parsed.document is not None  # a document without one has no chunks
    search_text = _search_text(parsed.document, chunk)
    return IndexedChunk(
        chunk_id=f"{parsed.id.hex}-{chunk.position:05d}",
        document_id=parsed.id.hex,
        source=source,
        access_id=parsed.item.access_id,
        content_hash=parsed.item.content_hash,
        url=f"{parsed.item.url}#page={chunk.page}" if chunk.page else anchors.link(parsed.item.url, chunk.anchor),
        title=parsed.document.title,
        heading_path=chunk.heading_path,
        text=chunk.text,
        search_text=search_text,
        position=chunk.position,
        n_tokens=chunk.n_tokens,
        updated_at=parsed.document.updated_at,
        language=parsed.document.language,
        terms=terms.of_passage(search_text, parsed.document.language) or None,
    )


def _search_text(document: Document, chunk: chunking.Chunk) -> str:
    """Returns what is searched: the chunk below its title and headings; the first one also with the keywords."""
    keywords = document.keywords if chunk.position == 0 else ""
    return "\n".join(part for part in (document.title, chunk.heading_path, keywords, chunk.text) if part)


_COLUMNS = {
    "url", "title", "fingerprint", "content_hash", "access_id", "updated_at", "synced_at", "n_chunks", "problem",
    "path", "declared_access_id", "listed_access_id", "own_readers", "hidden_because", "upkeep",
    "language",
}  # fmt: skip


def _upsert(columns: Iterable[str]) -> Insert:
    statement = insert(DocumentRow)
    set_: dict[str, ColumnElement[Any]] = {name: statement.excluded[name] for name in sorted(columns)}
    if "access_id" in set_:
        is_other = DocumentRow.access_id != statement.excluded.access_id
        set_["access_set_at"] = case((is_other, statement.excluded.access_set_at), else_=DocumentRow.access_set_at)
    return statement.on_conflict_do_update(index_elements=["source", "uri"], set_=set_)


_REPLACE = _upsert(_COLUMNS)
_KEEP_EARLIER = _upsert({"problem", "synced_at", "content_hash"})


def _row(parsed: ParsedDocument, source: str, access: PageAccess) -> dict[str, object]:
    """Returns a row; one that keeps its earlier version has no content hash, so the next sync retries."""
    return {
        "id": parsed.id,
        "source": source,
        "uri": parsed.item.uri,
        "url": parsed.item.url,
        "title": names.escape(parsed.document.title) if parsed.document else parsed.item.uri,
        "fingerprint": parsed.item.fingerprint,
        "content_hash": "" if parsed.keeps_earlier else parsed.item.content_hash,
        "access_id": access.ids[parsed.id.hex],
        "declared_access_id": parsed.item.declared_access_id,
        "listed_access_id": parsed.item.access_id,
        "own_readers": access.own[parsed.id.hex],
        "access_set_at": now(),
        "path": parsed.item.path,
        "hidden_because": parsed.item.hidden_because,
        "updated_at": parsed.document.updated_at if parsed.document else None,
        "upkeep": _upkeep(parsed),
        "language": parsed.document.language if parsed.document else "",
        "synced_at": now(),
        "n_chunks": len(parsed.chunks),
        "problem": _problem(parsed),
    }


def _upkeep(parsed: ParsedDocument) -> dict[str, str] | None:
    stored = parsed.document.upkeep.as_json() if parsed.document else None
    return stored and {name: names.escape(value) for name, value in stored.items()}


def _problem(parsed: ParsedDocument) -> str | None:
    problem = parsed.problem or (parsed.document.gap if parsed.document else None)
    return names.escape(f"{problem.cause}; {problem.advice}") if problem else None
