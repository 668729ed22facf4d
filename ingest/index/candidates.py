"""Finds the candidates of a search, by words and by meaning, and reads their rows.

Row contents are cached per version of the index, because reading them takes longer than finding them. Access is
never cached: every search filters in the index.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from ingest.embedding.embedder import Matrix
from ingest.index import lancedb_runtime
from ingest.index.closeness import FEWEST_SAMPLED, SAMPLED, standardize
from ingest.index.filters import ChunkFilter

MAX_BYTES = 40_000_000  # cached: 10,000 rows with vectors of 256 numbers
MAX_COUNTS = 10_000  # cached: of so many filters
TEXTS_BYTES = 3_000  # of a row's fields, on average
COLUMNS = [
    "chunk_id", "document_id", "source", "url", "title", "heading_path", "text", "position", "search_text",
    "updated_at", "language",
]  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """A row with its BM25 score (0 when it was not found by words) and its cosine to the question.

    ``closeness`` says what the cosine is worth, see :mod:`ingest.index.closeness`.
    """

    chunk_id: str
    document_id: str
    source: str
    url: str
    title: str
    heading_path: str
    text: str
    position: int
    search_text: str = ""
    updated_at: datetime | None = None
    language: str | None = None  # none or empty where it is not known
    seen: str = ""  # the text that people see, in lower case
    bm25: float = 0.0
    cosine: float = 0.0
    closeness: float = 0.0


@dataclass(frozen=True)
class Row:
    """The contents of a row, by the names of a candidate; ``vector`` is float32 ``(dim,)`` of unit length."""

    fields: dict[str, Any]  # as LanceDB gives them
    vector: Matrix


class RowCache:
    """The rows of one version by row id, and a sample of the vectors of all rows.

    Not for several threads: it belongs to LanceDB's event loop.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._version: object = None
        self._rows: dict[int, Row] = {}
        self._sample: Matrix | None = None
        self._sampled_version: object = None
        self._n_when_sampled = 0
        self._counted_version: object = None
        self._counts: dict[int, int] = {}  # by the filter's hash: of many readers a filter is long
        self._has_terms: tuple[object, bool] = None, False

    async def has_terms(self, table: Any) -> bool:
        """Returns whether the table has terms to search; looks once a version."""
        version = await table.version()
        if version != self._has_terms[0]:
            self._has_terms = version, await lancedb_runtime.has_terms(table)
        return self._has_terms[1]

    async def count(self, table: Any, where: str = "") -> int:
        """Counts the rows that a filter lets through, or all; counts once a version."""
        version = await table.version()
        if version != self._counted_version or len(self._counts) >= MAX_COUNTS:
            self._counted_version, self._counts = version, {}
        key, counts = hash(where), self._counts  # of this version: another search may begin the next one meanwhile
        if key not in counts:
            counts[key] = int(await table.count_rows(where or None))
        return counts[key]

    async def sample(self, table: Any) -> Matrix:
        """Returns the vectors of rows spread evenly over the table, float32 ``(at most SAMPLED, dim)``.

        Reads them once, and again when the table has twice or half as many rows: they stand for all documents,
        and say nothing of a single one.
        """
        version = await table.version()
        if self._sample is None or version != self._sampled_version:
            n_rows = await self.count(table)
            if self._sample is None or not self._n_when_sampled / 2 < n_rows < self._n_when_sampled * 2:
                self._sample, self._n_when_sampled = await _read_sample(table, n_rows), n_rows
            self._sampled_version = version
        return self._sample

    async def rows(self, table: Any, row_ids: Sequence[int]) -> dict[int, Row]:
        """Returns the rows with these ids that exist; reads those that are not cached."""
        version = await table.version()
        if version != self._version or self._n_bytes() > self._max_bytes:
            self._version, self._rows = version, {}
        rows = self._rows
        if missing := [row_id for row_id in row_ids if row_id not in rows]:
            rows |= await _read(table, missing)
        return {row_id: rows[row_id] for row_id in row_ids if row_id in rows}

    def _n_bytes(self) -> int:
        first = next(iter(self._rows.values()), None)
        return len(self._rows) * (TEXTS_BYTES + first.vector.nbytes) if first else 0


async def find_by_words_and_meaning(
    table: Any,
    query: str,
    vector: Matrix,
    *,
    scope: ChunkFilter,
    limit: int,
    cache: RowCache,
    neutral: Callable[[], Matrix] | None = None,
    terms: str = "",
) -> list[Candidate]:
    """Finds the best ``limit`` by words and the best ``limit`` by meaning, together, ordered by chunk id.

    ``terms`` are the query's in other languages than English, parted by spaces: words are then also those of the
    terms of rows, ``limit`` of each. They cost a table without terms nothing.
    ``neutral`` gives vectors of texts about nothing in particular, for a table with too few rows to compare with.
    There the rows that were found are compared with instead of a sample of all: of so few a reader could work out
    what those that he may not read are about.
    """
    bm25, nearest = await asyncio.gather(
        score_by_words(table, query, terms, scope=scope, limit=limit, cache=cache),
        _find_nearest(table, vector, scope=scope, limit=limit, cache=cache),
    )
    rows = await cache.rows(table, list(dict.fromkeys([*bm25, *nearest["_rowid"].to_pylist()])))
    sample = await cache.sample(table)
    if rows and len(sample) < FEWEST_SAMPLED:
        more = await asyncio.to_thread(neutral) if neutral else sample[:0]  # a model may be loaded for it
        sample = np.concatenate([*(row.vector[None] for row in rows.values()), *([more] if len(more) else [])])
    return _with_scores(rows, bm25, vector, sample)


async def find_by_words(
    table: Any, query: str, *, scope: ChunkFilter, limit: int, cache: RowCache, terms: str = ""
) -> list[Candidate]:
    """Finds the best ``limit`` by words alone, ordered by chunk id; their cosine is not known, and 0."""
    bm25 = await score_by_words(table, query, terms, scope=scope, limit=limit, cache=cache)
    return _with_scores(await cache.rows(table, list(bm25)), bm25, None, None)


async def score_by_words(
    table: Any, query: str, terms: str, *, scope: ChunkFilter, limit: int, cache: RowCache
) -> dict[int, float]:
    """Returns the BM25 scores of the best rows by row id, of their words or of their terms: the higher one."""
    if not terms or not await cache.has_terms(table):
        return await _score(table, query, "search_text", scope=scope, limit=limit)
    by_words, by_terms = await asyncio.gather(
        _score(table, query, "search_text", scope=scope, limit=limit),
        _score(table, terms, "terms", scope=scope, limit=limit),
    )
    return {row_id: max(by_words.get(row_id, 0.0), by_terms.get(row_id, 0.0)) for row_id in by_words | by_terms}


async def list_columns(table: Any) -> list[str]:
    """Lists the columns of a candidate that the table has: one of an earlier release may lack the newest."""
    there = {*(await table.schema()).names}
    return [name for name in COLUMNS if name in there]


async def query_nearest(table: Any, vector: Matrix, scope: ChunkFilter, limit: int, cache: RowCache) -> Any:
    """Builds a query for the nearest vectors: approximate where there is a vector index, else exact.

    Exact, too, for somebody who may read little of a large index: that little lies in too many partitions. Where
    the nearest partitions have too few rows that they may read, as of another subject, others are read as well.
    """
    n_rows = await cache.count(table)
    n_probes = lancedb_runtime.count_probes(n_rows)
    query = table.query().nearest_to(vector).distance_type("cosine")
    query = query.nprobes(n_probes).maximum_nprobes(0)  # the latter: and as many more as it takes
    is_large = n_rows >= lancedb_runtime.VECTOR_INDEX_FROM
    if is_large and await cache.count(table, scope.where) <= lancedb_runtime.EXACT_UP_TO:
        query = query.bypass_vector_index()
    return query.where(scope.where).limit(limit)


async def _find_nearest(table: Any, vector: Matrix, *, scope: ChunkFilter, limit: int, cache: RowCache) -> Any:
    query = await query_nearest(table, vector, scope, limit, cache)
    return await query.select(["_rowid", "_distance"]).to_arrow()


async def _score(table: Any, text: str, column: str, *, scope: ChunkFilter, limit: int) -> dict[int, float]:
    search = table.query().nearest_to_text(text, columns=[column]).where(scope.where).limit(limit)
    rows = await search.select(["_rowid", "_score"]).to_arrow()
    scores = zip(rows["_rowid"].to_pylist(), rows["_score"].to_pylist(), strict=True)
    return {row_id: score for row_id, score in scores if score is not None}


def _with_scores(
    rows: dict[int, Row], bm25: dict[int, float], vector: Matrix | None, sample: Matrix | None
) -> list[Candidate]:
    cosines = closeness = np.zeros(len(rows), np.float32)
    if vector is not None and sample is not None and rows:
        cosines = np.stack([row.vector for row in rows.values()]) @ vector
        closeness = standardize(cosines, sample @ vector)
    candidates = [
        Candidate(**row.fields, bm25=bm25.get(row_id, 0.0), cosine=float(cosine), closeness=float(close))
        for (row_id, row), cosine, close in zip(rows.items(), cosines, closeness, strict=True)
    ]
    return sorted(candidates, key=lambda candidate: candidate.chunk_id)


async def _read_sample(table: Any, n_rows: int) -> Matrix:
    offsets = np.unique(np.linspace(0, n_rows - 1, min(n_rows, SAMPLED)).astype(int)).tolist() if n_rows else []
    rows = await table.take_offsets(offsets).select(["vector"]).to_arrow()
    return _vectors(rows)


async def _read(table: Any, row_ids: Sequence[int]) -> dict[int, Row]:
    columns = await list_columns(table)
    rows = await table.take_row_ids(list(row_ids)).select([*columns, "vector", "_rowid"]).to_arrow()
    vectors = _vectors(rows)
    ids, contents = rows["_rowid"].to_pylist(), rows.select(columns).to_pylist()
    for fields in contents:
        fields["seen"] = f"{fields['title']}\n{fields['heading_path']}\n{fields['text']}".lower()
    return {row_id: Row(*row) for row_id, *row in zip(ids, contents, vectors, strict=True)}


def _vectors(rows: Any) -> Matrix:
    if not rows.num_rows:
        return np.zeros((0, rows.schema.field("vector").type.list_size), np.float32)
    vectors: Matrix = rows["vector"].combine_chunks().flatten().to_numpy().reshape(rows.num_rows, -1)
    return vectors
