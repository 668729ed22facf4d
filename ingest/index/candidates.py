"""Candidates of a search: which rows are found by words and by meaning, and what stands in them.

To read a row's texts takes longer than to find it, so rows are kept while the version of the index they were read
in is the newest. Whether a row may be seen is asked of the index with every search, never of what is kept.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from ingest.embedding import Matrix
from ingest.index import lancedb_runtime
from ingest.index.filters import ChunkFilter

MAX_BYTES = 40_000_000  # kept: 10,000 rows with vectors of 256 numbers
TEXTS_BYTES = 3_000  # of a row's fields, on average
COLUMNS = [
    "chunk_id", "document_id", "source", "url", "title", "heading_path", "text", "position", "search_text",
    "updated_at",
]  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """One row as found: its BM25 score (0 when its words did not place it) and its cosine to the question."""

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
    seen: str = ""  # what a reader sees of it, in lower case
    bm25: float = 0.0
    cosine: float = 0.0


@dataclass(frozen=True)
class Row:
    """What stands in a row, by the names of a candidate; ``vector`` is float32 ``(dim,)`` of unit length."""

    fields: dict[str, Any]
    vector: Matrix


class RowCache:
    """Rows by their row id, of one version. Not for several threads: it belongs to LanceDB's event loop."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._version: object = None
        self._rows: dict[int, Row] = {}

    async def rows(self, table: Any, row_ids: Sequence[int]) -> dict[int, Row]:
        """Those of ``row_ids`` that there are; what is not kept is read."""
        version = await table.version()
        if version != self._version or self._n_bytes() > self._max_bytes:
            self._version, self._rows = version, {}
        rows = self._rows
        if missing := [row_id for row_id in row_ids if row_id not in rows]:
            rows |= await _read(table, missing)
        return {row_id: rows[row_id] for row_id in row_ids if row_id in rows}

    def _n_bytes(self) -> int:
        one = next(iter(self._rows.values()), None)
        return len(self._rows) * (TEXTS_BYTES + one.vector.nbytes) if one else 0


async def by_both(
    table: Any, query: str, vector: Matrix, *, scope: ChunkFilter, limit: int, shelf: RowCache
) -> list[Candidate]:
    """The best ``limit`` by words and the best ``limit`` by meaning, together."""
    bm25, meant = await asyncio.gather(
        _worded(table, query, scope, limit),
        nearest(table, vector, scope, limit).select(["_rowid", "_distance"]).to_arrow(),
    )
    rows = await shelf.rows(table, list(dict.fromkeys([*bm25, *meant["_rowid"].to_pylist()])))
    return _found(rows, bm25, vector)


async def by_words(table: Any, query: str, *, scope: ChunkFilter, limit: int, shelf: RowCache) -> list[Candidate]:
    """The best ``limit`` by words alone; their cosine is not known, and 0."""
    bm25 = await _worded(table, query, scope, limit)
    return _found(await shelf.rows(table, list(bm25)), bm25, None)


def nearest(table: Any, vector: Matrix, scope: ChunkFilter, limit: int) -> Any:
    """A query for the rows whose vectors are nearest: approximate where there is a vector index, else exact."""
    found = table.query().nearest_to(vector).distance_type("cosine").nprobes(lancedb_runtime.N_PROBES)
    return found.where(scope.where).limit(limit)


async def _worded(table: Any, query: str, scope: ChunkFilter, limit: int) -> dict[int, float]:
    """BM25 by row id."""
    found = table.query().nearest_to_text(query, columns=["search_text"]).where(scope.where).limit(limit)
    rows = await found.select(["_rowid", "_score"]).to_arrow()
    scores = zip(rows["_rowid"].to_pylist(), rows["_score"].to_pylist(), strict=True)
    return {row_id: score for row_id, score in scores if score is not None}


def _found(rows: dict[int, Row], bm25: dict[int, float], vector: Matrix | None) -> list[Candidate]:
    """Ordered by chunk id."""
    cosines: Iterable[float] = [0.0] * len(rows)
    if vector is not None and rows:
        cosines = (np.stack([row.vector for row in rows.values()]) @ vector).tolist()
    found = [
        Candidate(**row.fields, bm25=bm25.get(row_id, 0.0), cosine=cosine)
        for (row_id, row), cosine in zip(rows.items(), cosines, strict=True)
    ]
    return sorted(found, key=lambda one: one.chunk_id)


async def _read(table: Any, row_ids: Sequence[int]) -> dict[int, Row]:
    read = await table.take_row_ids(list(row_ids)).select([*COLUMNS, "vector", "_rowid"]).to_arrow()
    vectors = np.stack(read["vector"].to_numpy()) if read.num_rows else ()
    ids = read["_rowid"].to_pylist()
    fields = read.select(COLUMNS).to_pylist()
    for row in fields:
        row["seen"] = f"{row['title']}\n{row['heading_path']}\n{row['text']}".lower()
    return {row_id: Row(*row) for row_id, *row in zip(ids, fields, vectors, strict=True)}
