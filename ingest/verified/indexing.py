"""Brings the index in step with the verified answers that Postgres has.

Promises that it may be killed anywhere and run by several processes: what to do is found by comparing, so the next
run finishes it. The index is written before the rows that say so, as in a sync.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from agent.clock import now
from agent.prompting import citations
from agent.store import locks
from agent.store.database import Transaction
from ingest.access import reader_sets
from ingest.documents import chunking, names
from ingest.documents.blocks import Block, BlockKind, Document
from ingest.documents.upkeep import Upkeep
from ingest.embedding.embedder import Matrix
from ingest.index import lock_names, scan
from ingest.index.active_index import ActiveIndex, IndexHandle
from ingest.index.scan import DocumentVersion
from ingest.index.table import IndexedChunk
from ingest.search import terms
from ingest.tables import DocumentRow
from ingest.verified import answers
from ingest.verified.answers import SOURCE, VerifiedAnswer

LOCK = "verified answers"  # of one run at a time


@dataclass(frozen=True)
class _Wanted:
    """An answer as the index should have it."""

    answer: VerifiedAnswer
    chunks: Sequence[IndexedChunk]

    @property
    def version(self) -> DocumentVersion:
        chunk = self.chunks[0]
        return DocumentVersion(chunk.content_hash, chunk.access_id, len(self.chunks))


def refresh(active_index: ActiveIndex, *, chunk_tokens: int) -> int:
    """Writes, moves and removes what differs; returns how many answers that were.

    Raises :class:`agent.errors.ModelError` when the embedding model cannot be reached, before anything is written.
    """
    with locks.acquire(active_index.database, LOCK):
        active_index.ensure_state()
        while True:
            handle, started_at = active_index.current(), now()
            with active_index.database.transaction() as transaction:
                known = [answer for answer in answers.load_all(transaction) if answer.is_current]
                wanted = {answer.id.hex: _want(transaction, answer, chunk_tokens) for answer in known}
                rows = _load_rows(transaction)
            there = scan.document_versions(handle.index, SOURCE)
            is_new = {
                id_: one
                for id_, one in wanted.items()
                if there.get(id_) != one.version or rows.get(id_) != str(one.answer.version)
            }
            vectors = _embed(handle, is_new)
            with locks.acquire(active_index.database, lock_names.INDEX):
                if active_index.current() is handle:  # else another became active, and needs vectors of its model
                    gone = (there.keys() | rows.keys()) - wanted.keys()
                    _write(handle, is_new, vectors, gone, started_at)
                    return len(is_new) + len(gone)


def _want(transaction: Transaction, answer: VerifiedAnswer, chunk_tokens: int) -> _Wanted:
    access_id = reader_sets.store_readers(transaction, answer.readers)
    text = citations.strip_references(answer.answer)
    paragraphs = tuple(Block(BlockKind.PARAGRAPH, part.strip()) for part in text.split("\n\n") if part.strip())
    paragraphs = paragraphs or (Block(BlockKind.PARAGRAPH, answer.answer),)
    chunks = chunking.split(Document(answer.question, paragraphs), max_tokens=chunk_tokens)
    content = json.dumps([chunk_tokens, answer.version, answer.question, answer.answer, answer.url])
    content_hash = hashlib.sha256(content.encode()).hexdigest()
    return _Wanted(answer, [_to_indexed(answer, chunk, access_id, content_hash) for chunk in chunks])


def _to_indexed(answer: VerifiedAnswer, chunk: chunking.Chunk, access_id: str, content_hash: str) -> IndexedChunk:
    search_text = f"{answer.question}\n{chunk.text}"  # a question is found by its own words
    return IndexedChunk(
        chunk_id=f"{answer.id.hex}-{chunk.position:05d}",
        document_id=answer.id.hex,
        source=SOURCE,
        access_id=access_id,
        content_hash=content_hash,
        url=answer.url,
        title=answer.question,
        heading_path="",
        text=chunk.text,
        search_text=search_text,
        position=chunk.position,
        n_tokens=chunk.n_tokens,
        updated_at=answer.verified_at,
        terms=terms.of_passage(search_text, "") or None,
    )


def _embed(handle: IndexHandle, wanted: Mapping[str, _Wanted]) -> Matrix:
    texts = [chunk.search_text for one in wanted.values() for chunk in one.chunks]
    return handle.embedder.embed_documents(texts).vectors if texts else np.zeros((0, 0), np.float32)


def _write(
    handle: IndexHandle, wanted: Mapping[str, _Wanted], vectors: Matrix, gone: set[str], started_at: datetime
) -> None:
    """Writes the index, then the rows; ``started_at`` is until when changes of readers were followed."""
    row = DocumentRow
    if gone:
        handle.index.remove(gone)
    if wanted:
        handle.index.replace(wanted, [chunk for one in wanted.values() for chunk in one.chunks], vectors)
    with handle.database.transaction() as transaction:
        transaction.execute(delete(row).where(row.id.in_(map(UUID, gone)), row.source == SOURCE))
        for one in wanted.values():
            values = _row(one)
            statement = insert(row).values(id=one.answer.id, **values)
            transaction.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))
        transaction.execute(update(row).where(row.source == SOURCE).values(synced_at=started_at))


def _load_rows(transaction: Transaction) -> dict[str, str]:
    """Returns the versions that rows say the index has, by the answers' ids."""
    rows = transaction.execute(select(DocumentRow.id, DocumentRow.fingerprint).where(DocumentRow.source == SOURCE))
    return {id_.hex: fingerprint for id_, fingerprint in rows}


def _row(wanted: _Wanted) -> dict[str, object]:
    answer, chunk = wanted.answer, wanted.chunks[0]
    return {
        "source": SOURCE,
        "uri": str(answer.id),
        "url": answer.url,
        "title": names.escape(answer.question),
        "fingerprint": str(answer.version),
        "content_hash": chunk.content_hash,
        "access_id": chunk.access_id,
        "declared_access_id": chunk.access_id,
        "listed_access_id": chunk.access_id,
        "access_set_at": now(),
        "updated_at": answer.verified_at,
        "n_chunks": len(wanted.chunks),
        "upkeep": Upkeep(owner_slack=answer.author).as_json(),
        "verified_by": answer.author_name,
    }
