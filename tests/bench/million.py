"""A million chunks in one index: making its search indexes, searches of readers of much and of little, an update.

The texts are three random sentences each, and a vector is the mean of their static vectors with some noise. That
is harder for an approximate index than documents are, whose vectors lie in clusters.
"""

import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.embedding.embedder import Embedder, Matrix, embed
from ingest.index import lancedb_runtime
from ingest.index.candidates import RowCache, query_nearest
from ingest.index.filters import ChunkFilter
from ingest.index.table import TABLE, Index, IndexedChunk
from ingest.search.search import N_CANDIDATES, SearchContext, search
from ingest.settings import STATIC_EMBEDDING_MODEL, IngestSettings
from tests.bench.documents import Texts, list_queries
from tests.bench.figures import Row
from tests.bench.office import Office

N_CHUNKS = int(os.environ.get("DOCENT_BENCH_CHUNKS", "1000000"))
N_PER_DOCUMENT = 4
BATCH = 20_000
N_QUERIES = 60
N_PASSAGES = IngestSettings.model_fields["top_k"].default
NOISE = 0.02  # standard deviation, of each number of a vector
READERS = {"everything": ("most", "tenth", "thousandth"), "a tenth": ("tenth",), "a thousandth": ("thousandth",)}


def million(office: Office) -> Iterator[Row]:
    """Writes the chunks, makes the search indexes in a process of its own, searches, and updates a document."""
    address = str(office.folder / "million")
    sentences = Texts(3).sentences
    vectors = np.concatenate([embed(sentences[i : i + 512]) for i in range(0, len(sentences), 512)])
    started = time.perf_counter()
    _write(address, sentences, vectors)
    yield Row(f"writing {N_CHUNKS:,} chunks", f"{time.perf_counter() - started:.0f} s")
    command = [sys.executable, "-m", "tests.bench.million", address]
    made = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    yield Row("making the search indexes", f"{float(made[0]):.0f} s, at most {made[1]} MB", "≤ 1,500 MB")
    index = Index(address, embedding_model=STATIC_EMBEDDING_MODEL)
    for name, access_ids in READERS.items():
        scope = ChunkFilter(access_ids)
        p50, p95 = _time_searches(index, scope)
        yield Row(f"search, readers of {name}, p50", f"{p50 * 1000:.0f} ms", "", p50)
        yield Row(f"search, readers of {name}, p95", f"{p95 * 1000:.0f} ms", "≤ 0.14 u", p95)
        recall = _measure_recall(address, scope)
        yield Row(f"nearest ten among {N_CANDIDATES}, readers of {name}", f"{recall:.3f}", "≥ 0.95")
    seconds = _update(index, vectors[0])
    yield Row("a changed document is found after", f"{seconds:.2f} s", "≤ 2 s", seconds)


def _write(address: str, sentences: list[str], vectors: Matrix) -> None:
    chooser, noise = random.Random(3), np.random.default_rng(3)
    schema = lancedb_runtime.chunk_schema(vectors.shape[1], STATIC_EMBEDDING_MODEL)
    table = lancedb_runtime.run(lancedb_runtime.create_table(address, TABLE, schema))
    for first in range(0, N_CHUNKS, BATCH):
        n = min(BATCH, N_CHUNKS - first)
        chosen = np.array([chooser.choices(range(len(sentences)), k=3) for _ in range(n)])
        own = vectors[chosen].sum(axis=1) + noise.normal(0, NOISE, (n, vectors.shape[1])).astype(np.float32)
        own /= np.linalg.norm(own, axis=1, keepdims=True)
        texts = [" ".join(sentences[i] for i in row) for row in chosen]
        lancedb_runtime.run(table.add(_rows(range(first, first + n), texts, own, schema)))


def _rows(numbers: range, texts: list[str], vectors: Matrix, schema: pa.Schema) -> pa.Table:
    changed = datetime(2026, 1, 1, tzinfo=UTC)
    chunks = [_chunk(i, text, changed) for i, text in zip(numbers, texts, strict=True)]
    columns: dict[str, Any] = {
        name: [getattr(chunk, name) for chunk in chunks] for name in IndexedChunk.__dataclass_fields__
    }
    columns["vector"] = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    return pa.table(columns, schema=schema)


def _chunk(i: int, text: str, changed: datetime) -> IndexedChunk:
    readers = "thousandth" if i % 1000 == 7 else "tenth" if i % 10 == 3 else "most"
    document, position = divmod(i, N_PER_DOCUMENT)
    return IndexedChunk(
        chunk_id=f"{i:032x}",
        document_id=f"{document:032x}",
        source="bench",
        access_id=readers,
        content_hash=f"{i:032x}",
        url="",
        title=f"Report {document}",
        heading_path="",
        text=text,
        search_text=text,
        position=position,
        n_tokens=100,
        updated_at=changed,
        language="en",
    )


def _time_searches(index: Index, scope: ChunkFilter) -> tuple[float, float]:
    """Returns the median and the 95th percentile, in seconds; the first searches read what is kept in memory."""
    queries, seconds = list_queries("scifact")[:N_QUERIES], []
    context = SearchContext(index, Embedder(), scope)
    for query in [*queries, *queries]:
        started = time.perf_counter()
        search(query, context, k=N_PASSAGES)
        seconds.append(time.perf_counter() - started)
    p50, p95 = np.percentile(seconds[len(queries) :], [50, 95])
    return float(p50), float(p95)


def _measure_recall(address: str, scope: ChunkFilter) -> float:
    """Returns the share of the ten nearest of an exact scan that a search finds by meaning."""
    vectors = embed(list_queries("scifact")[:N_QUERIES])
    return float(np.mean([lancedb_runtime.run(_compare(address, scope, vector)) for vector in vectors]))


async def _compare(address: str, scope: ChunkFilter, vector: Matrix) -> float:
    table = await lancedb_runtime.open_table(address, TABLE)
    query = await query_nearest(table, vector, scope, N_CANDIDATES, RowCache())
    found = await query.select(["_rowid"]).to_arrow()
    exact = table.query().nearest_to(vector).distance_type("cosine").bypass_vector_index().where(scope.where)
    nearest = await exact.limit(10).select(["_rowid"]).to_arrow()
    wanted = set(nearest["_rowid"].to_pylist())
    return len(wanted & set(found["_rowid"].to_pylist())) / max(len(wanted), 1)


def _update(index: Index, vector: Matrix) -> float:
    """Changes a document, and returns the seconds until a search finds its new text."""
    text = "The Zwickelfarn committee meets on the second Tuesday."
    chunks = [_chunk(i, text, datetime.now(UTC)) for i in range(N_PER_DOCUMENT)]
    started = time.perf_counter()
    index.replace([chunks[0].document_id], chunks, np.stack([vector] * len(chunks)))
    found = index.candidates_by_words("Zwickelfarn committee", scope=ChunkFilter(("most", "tenth")), limit=5)
    if not found or found[0].text != text:
        raise AssertionError("The changed document was not found.")
    return time.perf_counter() - started


def _make_indexes(address: str) -> None:
    index = Index(address, embedding_model=STATIC_EMBEDDING_MODEL)
    started = time.perf_counter()
    added = _chunk(N_CHUNKS, "What is written first makes the indexes.", datetime.now(UTC))
    index.replace([added.document_id], [added], embed([added.text]))
    index.optimize()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(time.perf_counter() - started, peak_mb)


if __name__ == "__main__":
    _make_indexes(str(Path(sys.argv[1])))
