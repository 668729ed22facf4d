"""What the index holds, read as a whole: to compare it with what it should hold, and to copy it."""

from collections.abc import Sequence
from typing import Any

import pyarrow.compute as pc

from ingest.embedding import Matrix
from ingest.index.filters import one_of, some
from ingest.index.table import Index, IndexedChunk, NoIndex


def documents(index: Index, source: str) -> dict[str, tuple[str, int]]:
    """Of each document of a source: its content hash, and how many chunks it has. Reads all of it."""

    columns = ["document_id", "content_hash"]

    async def rows(table: Any) -> Any:
        return await table.query().where(one_of("source", [source])).select(columns).to_arrow()

    try:
        counted = index.read(rows).group_by(columns).aggregate([([], "count_all")])
    except NoIndex:
        return {}
    return {row["document_id"]: (row["content_hash"], row["count_all"]) for row in counted.to_pylist()}


def editions(index: Index) -> dict[str, tuple[str, str, int]]:
    """Of each document: its content hash, its access id, and how many chunks it has. Reads all of it."""
    columns = ["document_id", "content_hash", "access_id"]

    async def rows(table: Any) -> Any:
        return await table.query().select(columns).to_arrow()

    try:
        counted = index.read(rows).group_by(columns).aggregate([([], "count_all")])
    except NoIndex:
        return {}
    return {
        row["document_id"]: (row["content_hash"], row["access_id"], row["count_all"])
        for row in counted.to_pylist()
    }


def size(index: Index) -> tuple[int, int]:
    """How many chunks there are, and about how many characters they have for an embedding model to read."""

    async def counted(table: Any) -> tuple[int, int]:
        n_chars = 0
        async for batch in await table.query().select(["search_text"]).to_batches():
            n_chars += pc.sum(pc.utf8_length(batch["search_text"])).as_py() or 0
        return int(await table.count_rows()), n_chars

    return index.read(counted)


def rows(index: Index, document_ids: Sequence[str]) -> list[IndexedChunk]:
    """The chunks of these documents as they were written, by id."""
    columns = [*IndexedChunk.__dataclass_fields__]

    async def rows(table: Any) -> list[dict[str, Any]]:
        where = one_of("document_id", document_ids)
        return (await table.query().where(where).select(columns).to_arrow()).to_pylist()  # type: ignore[no-any-return]

    return sorted((IndexedChunk(**row) for row in index.read(rows)), key=lambda chunk: chunk.chunk_id)


def vectors(index: Index, document_ids: Sequence[str]) -> dict[str, Matrix]:
    """The vectors that chunks of these documents have, by what was embedded."""
    found: dict[str, Matrix] = {}
    for ids in some(document_ids):

        async def rows(table: Any, ids: Sequence[str] = ids) -> Any:
            where = one_of("document_id", ids)
            return await table.query().where(where).select(["search_text", "vector"]).to_arrow()

        try:
            table = index.read(rows)
        except NoIndex:
            return {}
        found |= dict(zip(table["search_text"].to_pylist(), table["vector"].to_numpy(), strict=True))
    return found
