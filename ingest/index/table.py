"""The index of chunks: what is written to it and what is asked of it.

Promises: a batch of documents is replaced in one version, so a search sees each document whole, in one
version; every read starts from the newest version, so what was withdrawn is not found; the index remembers its
embedding model and refuses another.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import pyarrow as pa

from agent.errors import UserError
from ingest.embedding import Matrix
from ingest.index import candidates, lancedb_runtime
from ingest.index.candidates import Candidate, RowCache
from ingest.index.filters import ChunkFilter, one_of, some

TABLE = "chunks"
MAX_SNAPSHOT_TRIES = 4
T = TypeVar("T")


class NoIndex(UserError):
    """Nothing was ever written at this address."""


@dataclass(frozen=True)
class IndexedChunk:
    """One row to write. ``search_text`` is what full-text search reads."""

    chunk_id: str
    document_id: str
    source: str
    access_id: str
    content_hash: str
    url: str
    title: str
    heading_path: str
    text: str
    search_text: str
    position: int
    n_tokens: int
    updated_at: datetime | None


class Index:
    """A handle on the table, opened at first use and kept; may be shared by threads."""

    def __init__(self, address: str, *, embedding_model: str, table: str = TABLE) -> None:
        self.address = address
        self.embedding_model = embedding_model
        self.table = table
        self._table: Any = None
        self._is_prepared = False
        self._opening = threading.Lock()
        self._shelf = RowCache()

    def candidates(self, query: str, vector: Matrix, *, scope: ChunkFilter, limit: int) -> list[Candidate]:
        """The best ``limit`` by words and the best ``limit`` by meaning, together, ordered by chunk id.

        Only rows within the scope are looked at (a filter before ranking, never after). Raises
        :class:`UserError` when there is no index, or one of another embedding model.
        """
        if not scope.access_ids:
            return []

        async def found(table: Any) -> list[Candidate]:
            _require_dimension(await table.schema(), len(vector), self.address)
            return await candidates.by_both(table, query, vector, scope=scope, limit=limit, shelf=self._shelf)

        return self.read(found)

    def worded(self, query: str, *, scope: ChunkFilter, limit: int) -> list[Candidate]:
        """The best ``limit`` by words alone, ordered by chunk id; their cosine is not known, and 0."""
        if not scope.access_ids:
            return []

        async def found(table: Any) -> list[Candidate]:
            return await candidates.by_words(table, query, scope=scope, limit=limit, shelf=self._shelf)

        return self.read(found)

    def counts(self, words: Sequence[str], *, scope: ChunkFilter, up_to: int) -> list[int]:
        """How many chunks hold each word, none counted further than ``up_to``."""
        if not scope.access_ids or not words:
            return [0] * len(words)
        where = scope.where

        async def count(table: Any, word: str) -> int:
            found = table.query().nearest_to_text(word, columns=["search_text"]).where(where).limit(up_to)
            return int((await found.select(["chunk_id", "_score"]).to_arrow()).num_rows)

        async def counts(table: Any) -> list[int]:
            return list(await asyncio.gather(*(count(table, word) for word in words)))

        return self.read(counts)

    def chunks(
        self, document_id: str, *, access_ids: Sequence[str], first: int = 0, last: int = 1_000_000
    ) -> list[Candidate]:
        """A document's chunks from position ``first`` to ``last``, in order; none if it may not be read."""
        if not access_ids:
            return []
        where = f"{one_of('document_id', [document_id])} AND {one_of('access_id', access_ids)}"
        where += f" AND position BETWEEN {first:d} AND {last:d}"

        async def rows(table: Any) -> list[dict[str, Any]]:
            return (await table.query().where(where).select(candidates.COLUMNS).to_arrow()).to_pylist()  # type: ignore[no-any-return]

        return sorted((Candidate(**row) for row in self.read(rows)), key=lambda chunk: chunk.position)

    def n_chunks(self, source: str | None = None) -> int:
        """How many chunks there are, altogether or of one source; none where nothing was ever written."""
        where = None if source is None else one_of("source", [source])

        async def count(table: Any) -> int:
            return int(await table.count_rows(where))

        try:
            return self.read(count)
        except NoIndex:
            return 0

    def made_with(self) -> str | None:
        """The embedding model of the table as it is, or None where there is no table."""

        async def model() -> str | None:
            table = await lancedb_runtime.open_(self.address, self.table)
            return None if table is None else lancedb_runtime.model_of(await table.schema())

        return lancedb_runtime.run(model())

    def exists(self) -> bool:
        """Whether something was ever written; raises :class:`UserError` for an unusable address."""
        try:
            return bool(self.version())
        except NoIndex:
            return False

    def version(self) -> str:
        """The newest version, for a turn's record."""

        async def version(table: Any) -> str:
            return str(await table.version())

        return self.read(version)

    def replace(self, document_ids: Iterable[str], chunks: Sequence[IndexedChunk], vectors: Matrix) -> None:
        """Puts these chunks in the place of whatever these documents had, in one version.

        ``vectors`` has one row per chunk. A document without chunks here is removed.
        """
        documents = sorted(set(document_ids))
        if not documents:
            return
        if not chunks:
            self.remove(documents)
            return
        table = self._writable(vectors.shape[1])
        rows = pa.table(
            {name: [getattr(c, name) for c in chunks] for name in IndexedChunk.__dataclass_fields__}
            | {"vector": list(vectors)},
            schema=lancedb_runtime.schema(vectors.shape[1], self.embedding_model),
        )
        self._call(_put(table, rows, one_of("document_id", documents)))

    def remove(self, document_ids: Iterable[str]) -> None:
        """Removes these documents, each in one version."""
        for ids in some(document_ids):
            if self.exists():
                self._call(self._opened().delete(one_of("document_id", ids)))

    def set_access(self, document_ids: Iterable[str], access_id: str) -> None:
        """Changes who may read these documents, each in one version; nothing is embedded again."""
        for ids in some(document_ids):
            if self.exists():
                self._call(self._opened().update({"access_id": access_id}, where=one_of("document_id", ids)))

    def optimize(self) -> None:
        """Brings the search indexes up to date and drops versions older than an hour. Run after a sync."""
        if self.exists():
            self._call(lancedb_runtime.optimize(self._opened()))

    def _opened(self, *, must_exist: bool = True) -> Any:
        with self._opening:
            if self._table is None:
                self._table = lancedb_runtime.run(lancedb_runtime.open_(self.address, self.table))
                if self._table is not None:
                    self._require_model()
            if self._table is None and must_exist:
                raise NoIndex("No documents have been read in yet. Run 'docent ingest PATH' first.")
            return self._table

    def _require_model(self) -> None:
        made_with = lancedb_runtime.model_of(lancedb_runtime.run(self._table.schema()))
        if made_with != self.embedding_model:
            self._table = None
            raise UserError(
                f"The index at {self.address} was made with the embedding model '{made_with}', not with "
                f"'{self.embedding_model}'. Run 'docent reindex' to change it."
            )

    def _writable(self, dimension: int) -> Any:
        """The table, made if need be, with its search indexes, which a killed first sync may have left out."""
        if self._opened(must_exist=False) is None:
            schema = lancedb_runtime.schema(dimension, self.embedding_model)
            with self._opening:
                self._table = lancedb_runtime.run(lancedb_runtime.create(self.address, self.table, schema))
                self._is_prepared = False
        _require_dimension(lancedb_runtime.run(self._table.schema()), dimension, self.address)
        if not self._is_prepared:
            lancedb_runtime.run(lancedb_runtime.prepare(self._table))
            self._is_prepared = True
        return self._table

    def read(self, query: Callable[[Any], Awaitable[T]]) -> T:
        """Runs a query on the newest version; a handle whose files are gone is opened anew, once."""
        try:
            return lancedb_runtime.run(_on_newest(self._opened(), query))
        except (RuntimeError, OSError, ValueError):
            with self._opening:
                self._table, self._is_prepared = None, False
            return lancedb_runtime.run(_on_newest(self._opened(), query))

    def _call(self, work: Awaitable[object]) -> None:
        async def awaited() -> None:
            await work

        lancedb_runtime.run(awaited())


def _require_dimension(schema: pa.Schema, dimension: int, address: str) -> None:
    made_with = schema.field("vector").type.list_size
    if made_with != dimension:
        raise UserError(
            f"The index at {address} holds vectors of {made_with} dimensions, but the embedding model now gives "
            f"{dimension} dimensions. Run 'docent reindex --again'."
        )


async def _put(table: Any, rows: pa.Table, where: str) -> None:
    """Merging reads the ids of the whole table; new documents need none of that."""
    if await table.count_rows(where):
        merge = table.merge_insert("chunk_id").when_matched_update_all().when_not_matched_insert_all()
        await merge.when_not_matched_by_source_delete(where).execute(rows)
    else:
        await table.add(rows)


async def _on_newest(table: Any, query: Callable[[Any], Awaitable[T]]) -> T:
    """The query's result on one version: begun again when another was committed meanwhile."""
    for _ in range(MAX_SNAPSHOT_TRIES):
        before = await table.version()
        result = await query(table)
        if await table.version() == before:
            break
    return result
