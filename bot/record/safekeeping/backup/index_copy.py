"""Copies the index into a backup and back: document by document, as lines of JSON with their vectors.

Promises bounded memory, and the texts that the documents' rows of the same backup speak of: the version is tagged
while it is copied. Search indexes are not copied but made again, so it does not matter whether the index was in a
folder and will be in a bucket, nor which release wrote it.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from agent.clock import now
from agent.errors import UserError
from bot.record.safekeeping.backup.archive import PartWriter
from ingest.embedding.embedder import Matrix
from ingest.index import scan
from ingest.index.active_index import ActiveIndex
from ingest.index.table import Index, IndexedChunk
from ingest.sync.agreement import tags
from ingest.sync.agreement.tagged_table import TaggedTable

PART = "index.jsonl"
MOMENT = "%Y%m%d-%H%M%S-%f"  # in the name of a tag
LONGEST_BACKUP = timedelta(days=1)
BATCH_DOCUMENTS = 100
BATCH_CHUNKS = 500
_IDS = text("SELECT id FROM documents WHERE n_chunks > 0 AND id > :after ORDER BY id LIMIT :limit")
_FIRST = "00000000-0000-0000-0000-000000000000"


@contextmanager
def keep_version(active: ActiveIndex) -> Iterator[TaggedTable]:
    """Keeps the newest version for the ``with``, also from syncs that tidy up; the caller has nobody write.

    Deletes the tags of backups that were killed.
    """
    began = now()
    for left in tags.list_tags(active):
        if left.name.startswith(tags.OWN_PREFIX) and _is_old(left.name, began):
            tags.delete_tag(active, left.name)
    tag = f"{tags.OWN_PREFIX}{began:{MOMENT}}"
    table = active.current().index.table
    version = tags.tag_newest(active, tag)
    try:
        yield TaggedTable(active.address, table, version)
    finally:
        tags.delete_tag(active, tag)


def copy_out(connection: Connection, table: TaggedTable, part: PartWriter) -> None:
    """Copies the passages of the documents that the connection's snapshot knows into a part."""
    after: Any = _FIRST
    while ids := connection.execute(_IDS, {"after": after, "limit": BATCH_DOCUMENTS}).scalars().all():
        after = ids[-1]
        for line in _write_documents(table, [id_.hex for id_ in ids]):
            part.write(line)
            part.n_rows += 1


def copy_in(index: Index, lines: Iterable[bytes]) -> int:
    """Writes the documents of a part into an index; returns how many."""
    n_documents, chunks, vectors = 0, list[IndexedChunk](), list[Matrix]()
    for line in lines:
        of_document, matrix = _read_document(line)
        chunks += of_document
        vectors.append(matrix)
        n_documents += 1
        if len(chunks) >= BATCH_CHUNKS:
            _write(index, chunks, vectors)
            chunks, vectors = [], []
    if chunks:
        _write(index, chunks, vectors)
    return n_documents


def _is_old(tag: str, moment: datetime) -> bool:
    try:
        began = datetime.strptime(tag.removeprefix(tags.OWN_PREFIX), MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return False
    return moment - began > LONGEST_BACKUP


def split_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the lines of a stream, one at a time."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _write_documents(table: TaggedTable, ids: Sequence[str]) -> Iterator[bytes]:
    chunks = scan.read_chunks(table, ids)
    vectors = scan.read_vectors(table, ids)
    for _, group in groupby(chunks, key=lambda chunk: chunk.document_id):
        of_document = list(group)
        matrix = np.stack([vectors[chunk.search_text] for chunk in of_document]).astype("<f4")
        document = {"chunks": [_to_json(chunk) for chunk in of_document], "dimension": matrix.shape[1]}
        document["vectors"] = base64.b64encode(matrix.tobytes()).decode()
        yield json.dumps(document, ensure_ascii=False).encode() + b"\n"


def _to_json(chunk: IndexedChunk) -> dict[str, object]:
    return asdict(chunk) | {"updated_at": chunk.updated_at.isoformat() if chunk.updated_at else None}


def _read_document(line: bytes) -> tuple[list[IndexedChunk], Matrix]:
    try:
        document = json.loads(line)
        fields = IndexedChunk.__dataclass_fields__
        chunks = [
            IndexedChunk(
                **{name: value for name, value in row.items() if name in fields}  # an earlier release has fewer
                | {"updated_at": datetime.fromisoformat(row["updated_at"]) if row["updated_at"] else None}
            )
            for row in document["chunks"]
        ]
        matrix = np.frombuffer(base64.b64decode(document["vectors"]), "<f4").reshape(-1, document["dimension"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError("A document of the index in this backup cannot be read.") from error
    return chunks, matrix.astype(np.float32)


def _write(index: Index, chunks: Sequence[IndexedChunk], vectors: Sequence[Matrix]) -> None:
    index.replace({chunk.document_id for chunk in chunks}, chunks, np.concatenate(vectors))


def load(active: ActiveIndex, pieces: Iterable[bytes]) -> int:
    """Writes a part into the active table, and makes its search indexes; returns how many documents it has."""
    index = active.current().index
    with active.writer.alone():
        n_documents = copy_in(index, split_lines(pieces))
        index.optimize()
    return n_documents
