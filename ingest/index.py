"""The LanceDB index: the only module that imports lancedb and pyarrow.

Promises: a batch of documents is replaced in one version, so a search sees each document whole, in one
version; every read starts from the newest version, so what was withdrawn is not found; the index remembers its
embedding model and refuses another. Not safe in a process forked after first use.

Why the asynchronous API behind a loop of our own: the synchronous one crosses threads six times a query;
a search costs 11 ms of CPU with it and 6 ms without (2,600 chunks, lancedb 0.40).
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import FTS, Bitmap, BTree, IvfFlat

from agent.errors import UserError
from ingest.embedding import Matrix

TABLE = "chunks"
KEEP_VERSIONS = timedelta(hours=1)  # a reader that holds an older version must still find its files
VECTOR_INDEX_FROM = 30_000  # chunks; below, an exact scan takes under 50 ms and misses nothing
N_PROBES = 40
MAX_SNAPSHOT_TRIES = 4
_MODEL = b"docent.embedding_model"
_READ = ["chunk_id", "document_id", "url", "title", "heading_path", "text", "position", "search_text"]

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


@dataclass(frozen=True)
class Candidate:
    """One row as found: its BM25 score (0 when its words did not place it) and its cosine to the question."""

    chunk_id: str
    document_id: str
    url: str
    title: str
    heading_path: str
    text: str
    position: int
    search_text: str = ""
    bm25: float = 0.0
    cosine: float = 0.0


class Index:
    """A handle on the table, opened at first use and kept; may be shared by threads."""

    def __init__(self, address: str, *, embedding_model: str) -> None:
        self.address = address
        self.embedding_model = embedding_model
        self._table: Any = None
        self._is_prepared = False
        self._opening = threading.Lock()

    def candidates(self, query: str, vector: Matrix, *, access_ids: Sequence[str], limit: int) -> list[Candidate]:
        """The best ``limit`` by words and the best ``limit`` by meaning, together, ordered by chunk id.

        Only rows of these access ids are looked at (a filter before ranking, never after). Raises
        :class:`UserError` when there is no index, or one of another embedding model.
        """
        if not access_ids:
            return []
        where = _one_of("access_id", access_ids)

        async def candidates(table: Any) -> list[Candidate]:
            _require_dimension(await table.schema(), len(vector), self.address)
            return await _candidates(table, query, vector, where, limit)

        return self._read(candidates)

    def counts(self, words: Sequence[str], *, access_ids: Sequence[str], up_to: int) -> list[int]:
        """How many chunks hold each word, none counted further than ``up_to``."""
        if not access_ids or not words:
            return [0] * len(words)
        where = _one_of("access_id", access_ids)

        async def count(table: Any, word: str) -> int:
            found = table.query().nearest_to_text(word, columns=["search_text"]).where(where).limit(up_to)
            return int((await found.select(["chunk_id", "_score"]).to_arrow()).num_rows)

        async def counts(table: Any) -> list[int]:
            return list(await asyncio.gather(*(count(table, word) for word in words)))

        return self._read(counts)

    def chunks(
        self, document_id: str, *, access_ids: Sequence[str], first: int = 0, last: int = 1_000_000
    ) -> list[Candidate]:
        """A document's chunks from position ``first`` to ``last``, in order; none if it may not be read."""
        if not access_ids:
            return []
        where = f"{_one_of('document_id', [document_id])} AND {_one_of('access_id', access_ids)}"
        where += f" AND position BETWEEN {first:d} AND {last:d}"

        async def rows(table: Any) -> list[dict[str, Any]]:
            return (await table.query().where(where).select(_READ).to_arrow()).to_pylist()  # type: ignore[no-any-return]

        return sorted((Candidate(**row) for row in self._read(rows)), key=lambda chunk: chunk.position)

    def documents(self, source: str) -> dict[str, tuple[str, str, int]]:
        """Of each document of a source: its content hash, its access id, and how many chunks it has."""

        columns = ["document_id", "content_hash", "access_id"]

        async def rows(table: Any) -> Any:
            return await table.query().where(_one_of("source", [source])).select(columns).to_arrow()

        try:
            found = self._read(rows)
        except NoIndex:
            return {}
        counted = found.group_by(columns).aggregate([([], "count_all")])
        return {
            row["document_id"]: (row["content_hash"], row["access_id"], row["count_all"])
            for row in counted.to_pylist()
        }

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

        return self._read(version)

    def n_chunks(self) -> int:
        """How many chunks there are."""

        async def count(table: Any) -> int:
            return int(await table.count_rows())

        return self._read(count)

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
            schema=_schema(vectors.shape[1], self.embedding_model),
        )
        merge = table.merge_insert("chunk_id").when_matched_update_all().when_not_matched_insert_all()
        merge.when_not_matched_by_source_delete(_one_of("document_id", documents))
        self._call(merge.execute(rows))

    def remove(self, document_ids: Iterable[str]) -> None:
        """Removes these documents in one version."""
        documents = sorted(set(document_ids))
        if documents and self.exists():
            self._call(self._opened().delete(_one_of("document_id", documents)))

    def set_access(self, document_ids: Iterable[str], access_id: str) -> None:
        """Changes who may read these documents, in one version; nothing is embedded again."""
        documents = sorted(set(document_ids))
        if documents and self.exists():
            self._call(self._opened().update({"access_id": access_id}, where=_one_of("document_id", documents)))

    def optimize(self) -> None:
        """Brings the search indexes up to date and drops versions older than an hour. Run after a sync."""
        if self.exists():
            self._call(_optimized(self._opened()))

    def _opened(self, *, must_exist: bool = True) -> Any:
        with self._opening:
            if self._table is None:
                self._table = _run(_open(self.address, self.embedding_model))
            if self._table is None and must_exist:
                raise NoIndex("No documents have been read in yet. Run 'docent ingest PATH' first.")
            return self._table

    def _writable(self, dimension: int) -> Any:
        """The table, made if need be, with its search indexes, which a killed first sync may have left out."""
        if self._opened(must_exist=False) is None:
            with self._opening:
                self._table = _run(_create(self.address, _schema(dimension, self.embedding_model)))
                self._is_prepared = False
        _require_dimension(_run(self._table.schema()), dimension, self.address)
        if not self._is_prepared:
            _run(_prepared(self._table))
            self._is_prepared = True
        return self._table

    def _read(self, query: Callable[[Any], Awaitable[T]]) -> T:
        """Runs a query on the newest version; a handle whose files are gone is opened anew, once."""
        try:
            return _run(_on_newest(self._opened(), query))
        except (RuntimeError, OSError, ValueError):
            with self._opening:
                self._table, self._is_prepared = None, False
            return _run(_on_newest(self._opened(), query))

    def _call(self, work: Awaitable[object]) -> None:
        async def awaited() -> None:
            await work

        _run(awaited())


def _schema(dimension: int, model: str) -> pa.Schema:
    texts = ["chunk_id", "document_id", "source", "access_id", "content_hash"]
    texts += ["url", "title", "heading_path", "text", "search_text"]
    fields = [pa.field(name, pa.string(), nullable=False) for name in texts]
    fields += [pa.field("position", pa.int32()), pa.field("n_tokens", pa.int32())]
    fields += [pa.field("updated_at", pa.timestamp("us", tz="UTC"))]
    fields += [pa.field("vector", pa.list_(pa.float32(), dimension))]
    return pa.schema(fields, metadata={_MODEL: model.encode()})


async def _open(address: str, model: str) -> Any:
    """The table, or None when there is none yet."""
    try:
        database = await lancedb.connect_async(address, read_consistency_interval=timedelta(0))
        tables = (await database.list_tables()).tables
        table = await database.open_table(TABLE) if TABLE in tables else None
    except (RuntimeError, OSError, ValueError) as error:
        raise UserError(f"The index at {address} cannot be opened: {_first_line(error)}") from error
    if table is not None:
        _require_model((await table.schema()).metadata, model, address)
    return table


def _require_model(metadata: dict[bytes, bytes] | None, model: str, address: str) -> None:
    made_with = (metadata or {}).get(_MODEL, b"").decode()
    if made_with != model:
        raise UserError(
            f"The index at {address} was made with the embedding model '{made_with}', but DOCENT_EMBEDDING_MODEL "
            f"is '{model}'. Set it back, or set DOCENT_INDEX_URI to a new place and run 'docent ingest' again."
        )


def _require_dimension(schema: pa.Schema, dimension: int, address: str) -> None:
    made_with = schema.field("vector").type.list_size
    if made_with != dimension:
        raise UserError(
            f"The index at {address} holds vectors of {made_with} dimensions, but the embedding model now gives "
            f"{dimension} dimensions. Set DOCENT_INDEX_URI to a new place and run 'docent ingest' again."
        )


async def _create(address: str, schema: pa.Schema) -> Any:
    database = await lancedb.connect_async(address, read_consistency_interval=timedelta(0))
    return await database.create_table(TABLE, schema=schema, exist_ok=True)


async def _prepared(table: Any) -> None:
    indexed = {column for index in await table.list_indices() for column in index.columns}
    wanted = {"search_text": FTS(with_position=False), "access_id": Bitmap(), "document_id": BTree()}
    for column, config in wanted.items():
        if column not in indexed:
            await table.create_index(column, config=config)


async def _optimized(table: Any) -> None:
    n_chunks = await table.count_rows()
    is_indexed = any(index.columns == ["vector"] for index in await table.list_indices())
    if n_chunks >= VECTOR_INDEX_FROM and not is_indexed:
        await table.create_index("vector", config=IvfFlat(distance_type="cosine"))
    await table.optimize(cleanup_older_than=KEEP_VERSIONS)


async def _on_newest(table: Any, query: Callable[[Any], Awaitable[T]]) -> T:
    """The query's result on one version: begun again when another was committed meanwhile."""
    for _ in range(MAX_SNAPSHOT_TRIES):
        before = await table.version()
        result = await query(table)
        if await table.version() == before:
            break
    return result


async def _candidates(table: Any, query: str, vector: Matrix, where: str, limit: int) -> list[Candidate]:
    by_words = table.query().nearest_to_text(query, columns=["search_text"]).where(where).limit(limit)
    by_meaning = table.query().nearest_to(vector).distance_type("cosine").where(where).limit(limit)
    worded, meant = await asyncio.gather(
        by_words.select([*_READ, "vector", "_score"]).to_arrow(),
        by_meaning.nprobes(N_PROBES).select([*_READ, "_distance"]).to_arrow(),
    )
    found: dict[str, Candidate] = {}
    cosines = np.stack(worded["vector"].to_numpy()) @ vector if worded.num_rows else ()
    for row, cosine in zip(worded.drop_columns("vector").to_pylist(), cosines, strict=True):
        bm25 = row.pop("_score")
        found[row["chunk_id"]] = Candidate(**row, bm25=bm25, cosine=float(cosine))
    for row in meant.to_pylist():
        distance = row.pop("_distance")
        found.setdefault(row["chunk_id"], Candidate(**row, cosine=1.0 - distance))
    return [found[chunk_id] for chunk_id in sorted(found)]


def _one_of(column: str, values: Sequence[str]) -> str:
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({quoted})"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


_starting = threading.Lock()
_loops: list[asyncio.AbstractEventLoop] = []


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Runs on the one event loop of this process, started when first needed, and waits."""
    with _starting:
        if not _loops:
            _loops.append(asyncio.new_event_loop())
            threading.Thread(target=_loops[0].run_forever, name="lancedb", daemon=True).start()
    return asyncio.run_coroutine_threadsafe(work, _loops[0]).result()
