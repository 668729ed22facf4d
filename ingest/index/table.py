"""Reads and writes one table of chunks.

Promises: a batch of documents is replaced in one version, so a search sees each document whole, in one version;
every read starts from the newest version, for which it looks once, so a document that was withdrawn is not found;
the table stores its embedding model and refuses another. Which table is searched is
:mod:`ingest.index.active_index`'s.
"""

import asyncio
import copy
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa

from agent.errors import UserError
from ingest.embedding.embedder import Matrix
from ingest.index import candidates, lancedb_runtime, versions
from ingest.index.candidates import Candidate, RowCache
from ingest.index.filters import ChunkFilter, id_batches, one_of
from ingest.index.mirror.index_mirror import IndexMirror, OpenedVersion
from ingest.index.mirror.written_version import WrittenVersion
from ingest.index.ownership.index_writer import IndexWriter
from ingest.index.storage import object_store, outages
from ingest.settings import SERVICE

TABLE = "chunks"
FIRST_VERSION = 1  # of a table that was just created
T = TypeVar("T")


class NoIndex(UserError):
    """Nothing was ever written at this address."""


@dataclass(frozen=True)
class IndexedChunk:
    """A row to write.

    ``search_text`` is what full-text search reads, and ``terms``, parted by spaces, what it reads instead of that
    in another language than English; ``language`` is empty if not known.
    """

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
    language: str = ""
    terms: str | None = None


@dataclass(frozen=True)
class IndexedHeading:
    """A heading under which a document has chunks; ``path`` begins with the headings above it."""

    document_id: str
    title: str
    path: str


Neutral = Callable[[], Matrix] | None


class Index:
    """A table of chunks, opened at first use; may be shared by threads."""

    def __init__(
        self, address: str, *, embedding_model: str, table: str = TABLE, writer: IndexWriter | None = None
    ) -> None:
        self.address = address
        self.embedding_model = embedding_model
        self.table = table
        self._table: Any = None
        self._dimension = 0
        self._is_prepared = False
        self._opening = threading.Lock()
        self._cache = RowCache()
        self._writer = writer  # None: nobody else writes
        self._mirror: IndexMirror | None = None
        self._written = WrittenVersion()
        self._opened: OpenedVersion | None = None  # by this search
        self._shared: Index | None = None  # which all searches share, and which has the table in the bucket open

    def from_mirror(self, mirror: IndexMirror, written: WrittenVersion) -> "Index":
        """Returns this table for one search, which reads the copy on this machine while that is the newest."""
        index = copy.copy(self)
        index._mirror, index._written, index._shared = mirror, written, self
        return index

    def candidates(
        self,
        query: str,
        vector: Matrix,
        *,
        scope: ChunkFilter,
        limit: int,
        neutral: Neutral = None,
        terms: str = "",
    ) -> list[Candidate]:
        """Finds the best ``limit`` by words and the best ``limit`` by meaning, together, ordered by chunk id.

        Reads only rows within the scope (a filter before ranking, never after). Raises :class:`UserError` when
        there is no index, or one of another embedding model.
        """
        (found,) = self.candidates_of_each(
            [query], [vector], neutral=neutral, scope=scope, limit=limit, terms=[terms]
        )
        return found

    def candidates_of_each(
        self,
        queries: Sequence[str],
        vectors: Sequence[Matrix],
        *,
        scope: ChunkFilter,
        limit: int,
        neutral: Neutral = None,
        terms: Sequence[str] = (),
    ) -> list[list[Candidate]]:
        """Finds the candidates of each query, of all in one version and at once; ``neutral`` and the ``terms`` of
        each query as in :func:`ingest.index.candidates.find_by_words_and_meaning`."""
        if not scope.access_ids:
            return [[] for _ in queries]

        async def find(table: Any) -> list[list[Candidate]]:
            self._require_dimension(len(vectors[0]))
            find_one = partial(
                candidates.find_by_words_and_meaning,
                neutral=neutral,
                scope=scope,
                limit=limit,
                cache=self._cache,
            )
            each = zip(queries, vectors, terms or [""] * len(queries), strict=True)
            return await asyncio.gather(
                *(find_one(table, query, vector, terms=own) for query, vector, own in each)
            )

        return self.read(find)

    def candidates_by_words(
        self, query: str, *, scope: ChunkFilter, limit: int, terms: str = ""
    ) -> list[Candidate]:
        """Finds the best ``limit`` by words alone, ordered by chunk id; their cosine is not known, and 0."""
        if not scope.access_ids:
            return []

        async def find(table: Any) -> list[Candidate]:
            return await candidates.find_by_words(
                table, query, terms=terms, scope=scope, limit=limit, cache=self._cache
            )

        return self.read(find)

    def count_chunks_with(
        self, words: Sequence[str], *, scope: ChunkFilter, up_to: int, terms: Sequence[str] = ()
    ) -> list[int]:
        """Counts the chunks that contain each word, or one of its ``terms``, each up to ``up_to``.

        Counts in the version that was read last: it completes a search that has just begun with the newest.
        """
        if not scope.access_ids or not words:
            return [0] * len(words)
        score = partial(candidates.score_by_words, scope=scope, limit=up_to, cache=self._cache)

        async def count_all(table: Any) -> list[int]:
            each = zip(words, terms or [""] * len(words), strict=True)
            scores = await asyncio.gather(*(score(table, word, own) for word, own in each))
            return [min(len(rows), up_to) for rows in scores]

        return self.read(count_all, is_newest=False)

    def chunks(
        self, document_id: str, *, access_ids: Sequence[str], first: int = 0, last: int = 1_000_000
    ) -> list[Candidate]:
        """Reads a document's chunks from position ``first`` to ``last``, in order; none if it may not be read."""
        if not access_ids:
            return []
        where = f"{one_of('document_id', [document_id])} AND {one_of('access_id', access_ids)}"
        where += f" AND position BETWEEN {first:d} AND {last:d}"

        async def rows(table: Any) -> list[dict[str, Any]]:
            columns = await candidates.list_columns(table)
            return (await table.query().where(where).select(columns).to_arrow()).to_pylist()  # type: ignore[no-any-return]

        return sorted((Candidate(**row) for row in self.read(rows)), key=lambda chunk: chunk.position)

    def headings(self, document_ids: Sequence[str], *, access_ids: Sequence[str]) -> list[IndexedHeading]:
        """Reads the headings of these documents, each once and in order; none of one that may not be read."""
        if not access_ids or not document_ids:
            return []
        where = f"{one_of('document_id', document_ids)} AND {one_of('access_id', access_ids)}"

        async def rows(table: Any) -> list[dict[str, Any]]:
            query = table.query().where(where).select(["document_id", "title", "heading_path", "position"])
            return (await query.to_arrow()).to_pylist()  # type: ignore[no-any-return]

        ordered = sorted(self.read(rows), key=lambda row: (row["document_id"], row["position"]))
        headings = [IndexedHeading(row["document_id"], row["title"], row["heading_path"]) for row in ordered]
        return list(dict.fromkeys(headings))

    def n_chunks(self, source: str | None = None) -> int:
        """Counts the chunks of all sources or of one; 0 where nothing was ever written."""
        where = None if source is None else one_of("source", [source])
        try:
            return int(self.read(lambda table: table.count_rows(where)))
        except NoIndex:
            return 0

    def stored_model(self) -> str | None:
        """Reads the embedding model that the table was made with; None where there is no table."""

        async def model() -> str | None:
            table = await lancedb_runtime.open_table(self.address, self.table)
            return None if table is None else lancedb_runtime.embedding_model_of(await table.schema())

        return lancedb_runtime.run(model())

    def exists(self) -> bool:
        """Returns whether something was ever written; raises :class:`UserError` for an unusable address."""
        try:
            return bool(self.version())
        except NoIndex:
            return False

    def version(self) -> str:
        """Returns the newest version, for a turn's record."""
        return str(self.read(lambda table: table.version()))

    def replace(self, document_ids: Iterable[str], chunks: Sequence[IndexedChunk], vectors: Matrix) -> None:
        """Replaces all chunks of these documents by these, in one version.

        ``vectors`` has one row per chunk. A document without chunks here is removed.
        """
        documents = sorted(set(document_ids))
        if not documents:
            return
        if not chunks:
            self.remove(documents)
            return
        table = self._open_for_writing(vectors.shape[1])
        rows = pa.table(
            {name: [getattr(c, name) for c in chunks] for name in IndexedChunk.__dataclass_fields__}
            | {"vector": list(vectors)},
            schema=lancedb_runtime.chunk_schema(vectors.shape[1], self.embedding_model),
        )
        if any(chunk.terms for chunk in chunks):
            self._write(table, partial(lancedb_runtime.create_terms_index, table))
        where = one_of("document_id", documents)
        self._write(table, lambda: versions.put(table, rows, where))

    def remove(self, document_ids: Iterable[str]) -> None:
        """Removes these documents, each in one version."""
        for ids in id_batches(document_ids):
            if self.exists():
                table, where = self._open(), one_of("document_id", ids)
                self._write(table, partial(table.delete, where))

    def set_access(self, document_ids: Iterable[str], access_id: str) -> None:
        """Changes who may read these documents, each in one version, without embedding anything."""
        for ids in id_batches(document_ids):
            if self.exists():
                table, where = self._open(), one_of("document_id", ids)
                self._write(table, partial(table.update, {"access_id": access_id}, where=where))

    def optimize(self) -> None:
        """Updates the search indexes and drops old versions. Call it after a sync."""
        if not self.address.startswith(SERVICE) and self.exists():  # a service optimizes by itself
            table, keep = self._open(), versions.choose_lifetime(self.address, self.table)
            self._write(table, lambda: lancedb_runtime.optimize(table, keep_versions=keep), is_content=False)

    def _open(self, *, must_exist: bool = True) -> Any:
        with self._opening:
            if self._table is None:
                self._table = lancedb_runtime.run(lancedb_runtime.open_table(self.address, self.table))
                if self._table is not None:
                    self._require_model()
            if self._table is None and must_exist:
                raise NoIndex("No documents have been read in yet. Run 'docent ingest PATH' first.")
            return self._table

    def _require_model(self) -> None:
        schema = lancedb_runtime.run(self._table.schema())
        try:
            self._require(lancedb_runtime.embedding_model_of(schema), lancedb_runtime.dimension_of(schema))
        except UserError:
            self._table = None
            raise

    def _require(self, table_model: str, dimension: int) -> None:
        self._dimension = dimension
        if table_model != self.embedding_model:
            raise UserError(
                f"The index at {self.address} was made with the embedding model '{table_model}', not with "
                f"'{self.embedding_model}'. Run 'docent reindex' to change it."
            )

    def _require_dimension(self, dimension: int) -> None:
        if self._dimension != dimension:
            raise UserError(
                f"The index at {self.address} has vectors of {self._dimension} dimensions, but the embedding "
                f"model now gives {dimension} dimensions. Run 'docent reindex --again'."
            )

    def _open_for_writing(self, dimension: int) -> Any:
        """Opens or creates the table, with all search indexes: a killed first sync may have left some out."""
        if self._open(must_exist=False) is None:
            schema = lancedb_runtime.chunk_schema(dimension, self.embedding_model)
            with self._opening, self._explained(), self._alone(lambda: FIRST_VERSION, is_content=True):
                self._table = lancedb_runtime.run(lancedb_runtime.create_table(self.address, self.table, schema))
                self._is_prepared = False
                self._require_model()
        self._require_dimension(dimension)
        if not self._is_prepared:
            self._write(self._table, partial(lancedb_runtime.add_missing_columns, self._table))
            if not self.address.startswith(SERVICE):  # where it cannot be declared
                self._write(self._table, partial(lancedb_runtime.declare_key, self._table))
            self._write(self._table, partial(lancedb_runtime.create_search_indexes, self._table))
            self._is_prepared = True
        return self._table

    def read(self, query: Callable[[Any], Awaitable[T]], *, is_newest: bool = True) -> T:
        """Runs a query on the newest version, or with ``is_newest=False`` on the one that was read last.

        Opens the table again, once, when its files are gone.
        """
        if self._mirror and self._shared:
            if answer := self._read_mirror(self._mirror, query, is_newest=is_newest):
                return answer[0]
            self._shared._open()
            self._dimension = self._shared._dimension
            return self._shared.read(query, is_newest=is_newest)
        run_query = versions.read_newest if is_newest else versions.read_open
        try:
            return lancedb_runtime.run(run_query(self._open(), query))
        except (RuntimeError, OSError, ValueError):
            with self._opening:
                self._table, self._is_prepared = None, False
            with self._explained():
                return lancedb_runtime.run(run_query(self._open(), query))

    def _read_mirror(
        self, mirror: IndexMirror, query: Callable[[Any], Awaitable[T]], *, is_newest: bool
    ) -> tuple[T] | None:
        """Runs a query on the copy on this machine, which is repaired once if it cannot be read; returns None
        where the bucket has to be read."""
        for _ in range(2):
            if is_newest or self._opened is None:
                self._opened = mirror.open(self.table, self._written)
            if self._opened is None:
                return None
            self._require(self._opened.embedding_model, self._opened.dimension)
            try:
                return (lancedb_runtime.run(versions.read_open(self._opened.table, query)),)
            except (RuntimeError, OSError, ValueError):
                mirror.recheck(self.table)
                self._opened = None
        return None

    def _write(self, table: Any, work: Callable[[], Awaitable[object]], *, is_content: bool = True) -> None:
        """Writes after the newest version, which another process may have written."""

        async def awaited() -> None:
            await table.checkout_latest()
            await work()

        newest = partial(lancedb_runtime.run_version, table)
        with self._explained(), self._alone(newest, is_content=is_content):
            lancedb_runtime.run(awaited())

    def _alone(self, newest: Callable[[], int], *, is_content: bool) -> AbstractContextManager[None]:
        return self._writer.writing(self.table, newest, is_content=is_content) if self._writer else nullcontext()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raises :class:`UserError` for what keeps LanceDB from reading or writing; bugs stay what they are."""
        try:
            yield
        except (RuntimeError, OSError, ValueError) as error:
            if why := outages.explain(self.address, error):
                raise object_store.make_problem(self.address, why) from error
            raise
