"""Reads the index as a whole: to compare it with what it should contain, and to copy it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import pyarrow.compute as pc

from ingest.embedding.embedder import Matrix
from ingest.index.filters import id_batches, one_of
from ingest.index.table import Index, IndexedChunk, NoIndex

T = TypeVar("T")


class ReadableTable(Protocol):
    """A table of chunks: the newest version (:class:`Index`), or one that was tagged."""

    def read(self, query: Callable[[Any], Awaitable[T]]) -> T:
        """Runs a query on one version."""


@dataclass(frozen=True)
class DocumentVersion:
    """What the index contains of a document."""

    content_hash: str
    access_id: str
    n_chunks: int


def document_versions(index: Index, source: str | None = None) -> dict[str, DocumentVersion]:
    """Returns the version of each document by id, of all sources or of one. Reads all their rows."""
    return _read_versions(index, None if source is None else one_of("source", [source]))


def versions_between(table: ReadableTable, first: str, last: str) -> dict[str, DocumentVersion]:
    """Returns the versions of the documents whose ids lie between two, both included."""
    return _read_versions(table, f"document_id >= '{first}' AND document_id <= '{last}'")


def versions_of(table: ReadableTable, document_ids: Sequence[str]) -> dict[str, DocumentVersion]:
    """Returns the versions of these documents, of those that are there."""
    versions: dict[str, DocumentVersion] = {}
    for ids in id_batches(document_ids):
        versions |= _read_versions(table, one_of("document_id", ids))
    return versions


def _read_versions(index: ReadableTable, where: str | None) -> dict[str, DocumentVersion]:
    columns = ["document_id", "content_hash", "access_id"]

    async def read(table: Any) -> Any:
        query = table.query() if where is None else table.query().where(where)
        return await query.select(columns).to_arrow()

    try:
        groups = index.read(read).group_by(columns).aggregate([([], "count_all")])
    except NoIndex:
        return {}
    return {
        row["document_id"]: DocumentVersion(row["content_hash"], row["access_id"], row["count_all"])
        for row in groups.to_pylist()
    }


def measure(index: Index) -> tuple[int, int]:
    """Counts all chunks, and about how many characters of them an embedding model would read."""

    async def count(table: Any) -> tuple[int, int]:
        n_chars = 0
        async for batch in await table.query().select(["search_text"]).to_batches():
            n_chars += pc.sum(pc.utf8_length(batch["search_text"])).as_py() or 0
        return int(await table.count_rows()), n_chars

    return index.read(count)


def read_chunks(index: ReadableTable, document_ids: Sequence[str]) -> list[IndexedChunk]:
    """Reads the chunks of these documents as they were written, ordered by id."""
    names = [*IndexedChunk.__dataclass_fields__]

    async def read(table: Any) -> list[IndexedChunk]:
        there = {*(await table.schema()).names}
        columns = [name for name in names if name in there]  # a table of an earlier release lacks the newest
        rows = await table.query().where(one_of("document_id", document_ids)).select(columns).to_arrow()
        return [IndexedChunk(**{**row, "language": row.get("language") or ""}) for row in rows.to_pylist()]

    return sorted(index.read(read), key=lambda chunk: chunk.chunk_id)


def read_vectors(index: ReadableTable, document_ids: Sequence[str]) -> dict[str, Matrix]:
    """Reads the vectors of the chunks of these documents, by the text that was embedded."""
    vectors: dict[str, Matrix] = {}
    for ids in id_batches(document_ids):

        async def read(table: Any, ids: Sequence[str] = ids) -> Any:
            query = table.query().where(one_of("document_id", ids))
            return await query.select(["search_text", "vector"]).to_arrow()

        try:
            rows = index.read(read)
        except NoIndex:
            return {}
        vectors |= dict(zip(rows["search_text"].to_pylist(), rows["vector"].to_numpy(), strict=True))
    return vectors
