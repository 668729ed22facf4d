"""A large index over real LanceDB: how it is cut and searched, with limits that are small here."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from ingest.embedding.embedder import embed
from ingest.index import lancedb_runtime
from ingest.index.filters import ChunkFilter
from ingest.index.table import Index
from tests.ingest.index.test_table import READERS, chunk

FEW = "f" * 64  # may read every tenth item
N_ITEMS = 2_000
N_OF_FEW = N_ITEMS // 10
TEXTS = [f"item {i} of the list number {i * 7}" for i in range(N_ITEMS)]
VECTORS = embed(TEXTS)
N_NEAREST = 50


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """An index with a vector index of 64 partitions, of which a search reads one."""
    monkeypatch.setattr(lancedb_runtime, "VECTOR_INDEX_FROM", 1_000)
    monkeypatch.setattr(lancedb_runtime, "count_probes", lambda n_chunks: 1)
    index = Index(str(tmp_path / "i"), embedding_model="static")
    chunks = [replace(chunk("a", i, text), access_id=READERS if i % 10 else FEW) for i, text in enumerate(TEXTS)]
    index.replace(["a"], chunks, VECTORS)
    index.optimize()
    return index


def misses_some(index: Index, access_id: str) -> bool:
    """Returns whether a search by meaning alone misses some of the nearest that this one may read."""
    (vector,) = embed(["something else"])
    rows = [i for i in range(N_ITEMS) if (i % 10 == 0) == (access_id == FEW)]
    nearest = sorted(rows, key=lambda i: -float(VECTORS[i] @ vector))[:N_NEAREST]
    found = index.candidates("nothing", vector, scope=ChunkFilter((access_id,)), limit=N_NEAREST)
    return {TEXTS[i] for i in nearest} != {candidate.text for candidate in found}


@pytest.mark.parametrize(
    ("n_chunks", "n_partitions", "n_probes"),
    [(30_000, 64, 64), (92_000, 64, 64), (300_000, 128, 64), (1_000_000, 512, 128), (10_000_000, 4_096, 1_024)],
)
def test_a_vector_index_is_cut_and_read_by_its_size(n_chunks: int, n_partitions: int, n_probes: int) -> None:
    assert lancedb_runtime.count_partitions(n_chunks) == n_partitions
    assert lancedb_runtime.count_probes(n_chunks) == n_probes


def test_a_large_index_is_searched_by_its_vector_index(large: Index) -> None:
    (vector,) = embed([TEXTS[77]])
    best = large.candidates(TEXTS[77], vector, scope=ChunkFilter((READERS,)), limit=20)
    assert TEXTS[77] in [candidate.text for candidate in best]


def test_all_that_readers_of_little_may_read_is_compared(large: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lancedb_runtime, "EXACT_UP_TO", N_OF_FEW)
    assert misses_some(large, READERS)
    assert not misses_some(large, FEW)
    monkeypatch.setattr(lancedb_runtime, "EXACT_UP_TO", N_OF_FEW - 1)
    assert misses_some(large, FEW)


def test_readers_of_another_subject_than_the_question_find_as_much_as_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what they may read nothing lies in the partitions that are nearest to the question. LanceDB gives them
    nothing then where the vector index was made and what follows failed, as in a bucket that goes away."""

    async def fail(table: object, keep_versions: timedelta) -> timedelta:
        raise RuntimeError("the bucket is away")

    monkeypatch.setattr(lancedb_runtime, "_choose_age", fail)
    monkeypatch.setattr(lancedb_runtime, "VECTOR_INDEX_FROM", 1_000)
    monkeypatch.setattr(lancedb_runtime, "EXACT_UP_TO", 0)
    monkeypatch.setattr(lancedb_runtime, "count_probes", lambda n_chunks: 1)
    index = Index(str(tmp_path / "i"), embedding_model="static")
    subjects = embed(["how salaries are paid", "how servers are cooled"])
    of_few = [i % 10 == 0 for i in range(N_ITEMS)]
    noise = np.random.default_rng(1).normal(size=VECTORS.shape, scale=0.05)
    vectors = (noise + subjects[[int(few) for few in of_few]]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    access = [FEW if few else READERS for few in of_few]
    chunks = [replace(chunk("a", i, text), access_id=access[i]) for i, text in enumerate(TEXTS)]
    index.replace(["a"], chunks, vectors)
    with pytest.raises(RuntimeError, match="away"):
        index.optimize()
    for access_id in (READERS, FEW):
        found = index.candidates("nothing", subjects[0], scope=ChunkFilter((access_id,)), limit=N_NEAREST)
        assert len(found) == N_NEAREST


def test_full_text_gives_readers_of_a_tenth_what_it_gives_all(large: Index) -> None:
    """Whichever way LanceDB filters: the same rows that may be read, with the same scores."""
    query = "item list number 70 140 490"
    (vector,) = embed([query])

    def score(*access_ids: str) -> dict[str, float]:
        rows = large.candidates(query, vector, scope=ChunkFilter(access_ids), limit=N_ITEMS)
        return {row.chunk_id: row.bm25 for row in rows if row.bm25}

    of_few, of_all = score(FEW), score(FEW, READERS)
    assert of_few == {id_: score for id_, score in of_all.items() if id_ in of_few}
    assert len(of_few) == N_OF_FEW
