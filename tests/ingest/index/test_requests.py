"""What a search asks of the store of the index: in a bucket a request takes longer than the rest of a search."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.embedding.embedder import embed
from ingest.index.table import Index
from tests.ingest.index.bucket import Bucket, serve
from tests.ingest.index.test_table import EVERYONE, found, put

N_DOCUMENTS = 40


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    index = Index(str(tmp_path / "index"), embedding_model="static")
    for n in range(N_DOCUMENTS):
        put(index, f"d{n}", f"fruit number {n}", f"vegetable number {n}")
    index.optimize()
    with serve(tmp_path) as bucket:
        for name, value in bucket.environment().items():
            monkeypatch.setenv(name, value)
        yield bucket


def test_a_search_looks_once_for_a_newer_version_and_reads_little_else(bucket: Bucket) -> None:
    index = Index("s3://bucket/index", embedding_model="static")
    assert found(index, "fruit number 7")
    bucket.requests.clear()
    assert found(index, "fruit number 7")
    assert bucket.requests["LIST"] == 1
    assert bucket.requests["GET"] <= 1  # all vectors; words and rows are cached
    bucket.requests.clear()
    assert found(index, "vegetable number 12")
    assert bucket.requests["LIST"] == 1
    assert bucket.requests["GET"] <= 2


def test_all_parts_of_a_question_are_searched_in_one_version(bucket: Bucket) -> None:
    index = Index("s3://bucket/index", embedding_model="static")
    queries = ["fruit number 7", "vegetable number 12", "number 3"]
    alone = [index.candidates(query, embed([query])[0], scope=EVERYONE, limit=20) for query in queries]
    bucket.requests.clear()
    assert index.candidates_of_each(queries, list(embed(queries)), scope=EVERYONE, limit=20) == alone
    assert bucket.requests["LIST"] == 1


def test_counting_words_looks_for_no_newer_version(bucket: Bucket) -> None:
    index = Index("s3://bucket/index", embedding_model="static")
    assert found(index, "fruit")
    bucket.requests.clear()
    assert index.count_chunks_with(["fruit", "stone"], scope=EVERYONE, up_to=3) == [3, 0]
    assert bucket.requests["LIST"] == 0
