"""Rows that a search keeps: read once, bounded, and never older than the index or seen by others."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ingest.embedding.embedder import embed
from ingest.index import candidates, lancedb_runtime
from ingest.index.candidates import Candidate, Row, RowCache
from ingest.index.filters import ChunkFilter
from ingest.index.table import Index
from tests.ingest.index.test_table import EVERYONE, READERS, found, put

NOBODY = ChunkFilter(("n" * 64,))


class CountingCache(RowCache):
    """Counts the rows it reads."""

    n_read = 0

    async def rows(self, table: Any, row_ids: Sequence[int]) -> dict[int, Row]:
        kept = dict(self._rows)
        rows = await super().rows(table, row_ids)
        self.n_read += sum(kept.get(row_id) is not row for row_id, row in rows.items())
        return rows


def search(index: Index, cache: RowCache, query: str, scope: ChunkFilter = EVERYONE) -> list[Candidate]:
    (vector,) = embed([query])
    table = lancedb_runtime.run(lancedb_runtime.open_table(index.address, index.table))
    return lancedb_runtime.run(
        candidates.find_by_words_and_meaning(table, query, vector, scope=scope, limit=20, cache=cache)
    )


def test_a_row_is_read_once_while_nothing_changes(tmp_path: Path) -> None:
    index, cache = Index(str(tmp_path / "i"), embedding_model="static"), CountingCache()
    put(index, "a", "apples", "pears")
    assert search(index, cache, "apples") == search(index, cache, "apples")
    assert cache.n_read == 2
    put(index, "b", "plums")
    assert {one.text for one in search(index, cache, "fruit")} == {"apples", "pears", "plums"}
    assert cache.n_read == 5


def test_no_more_is_kept_than_allowed(tmp_path: Path) -> None:
    index, cache = Index(str(tmp_path / "i"), embedding_model="static"), CountingCache(max_bytes=20_000)
    put(index, "a", *[f"fruit number {n}" for n in range(8)])
    for n_searches in (1, 2):
        assert len(search(index, cache, "fruit")) == 8
        assert cache.n_read == 8 * n_searches  # begun anew with each search, never within one


def test_what_is_kept_is_shown_to_nobody_who_may_not_read_it(tmp_path: Path) -> None:
    index = Index(str(tmp_path / "i"), embedding_model="static")
    put(index, "a", "apples")
    assert found(index, "apples") == ["apples"]
    assert index.candidates("apples", embed(["apples"])[0], scope=NOBODY, limit=20) == []
    index.set_access(["a"], NOBODY.access_ids[0])
    assert found(index, "apples") == []
    index.set_access(["a"], READERS)
    assert found(index, "apples") == ["apples"]


@pytest.mark.parametrize("text", ["Apples & PEARS", "ÄPFEL"])
def test_a_candidate_knows_what_a_reader_sees(tmp_path: Path, text: str) -> None:
    index = Index(str(tmp_path / "i"), embedding_model="static")
    put(index, "Fruit", text)
    (one,) = search(index, RowCache(), text)
    assert one.seen == f"fruit\n\n{text.lower()}"


def test_a_count_of_an_earlier_version_is_not_taken_for_one_of_the_next(tmp_path: Path) -> None:
    """Two searches at once, of which one began before a write."""
    index, cache = Index(str(tmp_path / "i"), embedding_model="static"), RowCache()
    put(index, "a", "apples")
    before = lancedb_runtime.run(lancedb_runtime.open_table(index.address, index.table))
    put(index, "b", "plums", "pears")
    after = lancedb_runtime.run(lancedb_runtime.open_table(index.address, index.table))

    class SlowTable:
        """A table whose rows are counted while another search counts those of the next version."""

        async def version(self) -> int:
            return int(await before.version())

        async def count_rows(self, where: str | None) -> int:
            assert await cache.count(after, "position = 0") == 2
            return int(await before.count_rows(where))

    assert lancedb_runtime.run(cache.count(SlowTable())) == 1
    assert lancedb_runtime.run(cache.count(after)) == 3
