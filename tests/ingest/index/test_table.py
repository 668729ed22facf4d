"""The index over real LanceDB: its model, its versions, its handles."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from agent.errors import UserError
from ingest.embedding.embedder import embed
from ingest.index import lancedb_runtime, scan, versions
from ingest.index.filters import ChunkFilter
from ingest.index.lancedb_runtime import ADDED_TEXTS
from ingest.index.table import TABLE, Index, IndexedChunk

READERS = "r" * 64
EVERYONE = ChunkFilter((READERS,))


def chunk(document: str, position: int, text: str) -> IndexedChunk:
    return IndexedChunk(
        chunk_id=f"{document}-{position:05d}",
        document_id=document,
        source="s",
        access_id=READERS,
        content_hash="h",
        url=f"https://x.example/{document}",
        title=document,
        heading_path="",
        text=text,
        search_text=text,
        position=position,
        n_tokens=3,
        updated_at=None,
    )


def put(index: Index, document: str, *texts: str) -> None:
    chunks = [chunk(document, i, text) for i, text in enumerate(texts)]
    index.replace([document], chunks, embed(texts) if texts else np.zeros((0, 256), np.float32))


def found(index: Index, query: str) -> list[str]:
    candidates = index.candidates(query, embed([query])[0], scope=EVERYONE, limit=20)
    return [candidate.text for candidate in candidates]


def test_an_index_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    index = Index(str(tmp_path / "none"), embedding_model="static")
    assert not index.exists()
    assert index.n_chunks() == 0
    for use in (index.version, lambda: found(index, "anything")):
        with pytest.raises(UserError, match="docent ingest PATH"):
            use()


def test_a_table_that_was_opened_before_another_process_made_its_search_indexes_is_written(tmp_path: Path) -> None:
    address = str(tmp_path / "i")
    early, other = (Index(address, embedding_model="static") for _ in range(2))
    schema = lancedb_runtime.chunk_schema(256, "static")
    lancedb_runtime.run(lancedb_runtime.create_table(address, TABLE, schema))
    assert early.n_chunks() == 0
    put(other, "a", "apples")
    put(early, "b", "pears")
    assert sorted(found(other, "apples pears")) == ["apples", "pears"]


def test_an_index_opened_too_early_is_found_once_it_is_there(tmp_path: Path) -> None:
    early = Index(str(tmp_path / "i"), embedding_model="static")
    assert not early.exists()
    put(Index(str(tmp_path / "i"), embedding_model="static"), "a", "apples")
    assert found(early, "apples") == ["apples"]


def test_another_embedding_model_is_refused(tmp_path: Path) -> None:
    put(Index(str(tmp_path / "i"), embedding_model="static"), "a", "apples")
    other = Index(str(tmp_path / "i"), embedding_model="openai/text-embedding-3-small")
    with pytest.raises(UserError, match=r"made with the embedding model 'static'.*docent reindex"):
        found(other, "apples")
    with pytest.raises(UserError, match="static"):
        put(other, "a", "apples")


def test_vectors_of_another_dimension_are_refused(tmp_path: Path) -> None:
    index = Index(str(tmp_path / "i"), embedding_model="static")
    put(index, "a", "apples")
    with pytest.raises(UserError, match="64 dimensions"):
        index.replace(["b"], [chunk("b", 0, "pears")], np.ones((1, 64), np.float32))


def test_replacing_drops_what_the_document_no_longer_has(tmp_path: Path) -> None:
    index = Index(str(tmp_path / "i"), embedding_model="static")
    put(index, "a", "apples", "pears", "plums")
    put(index, "b", "cherries")
    before = int(index.version())
    put(index, "a", "quinces")

    assert int(index.version()) == before + 1
    assert sorted(found(index, "fruit")) == ["cherries", "quinces"]
    put(index, "a")
    assert found(index, "fruit") == ["cherries"]


def test_a_handle_survives_that_its_files_were_cleaned_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "KEEP_VERSIONS", timedelta(milliseconds=1))
    writer = Index(str(tmp_path / "i"), embedding_model="static")
    reader = Index(str(tmp_path / "i"), embedding_model="static")
    put(writer, "a", "apples")
    assert found(reader, "apples") == ["apples"]
    for number in range(4):
        put(writer, "a", f"apples {number}")
        writer.optimize()
    assert found(reader, "apples") == ["apples 3"]


def test_a_first_sync_killed_before_its_search_indexes_is_repaired(tmp_path: Path) -> None:
    index = Index(str(tmp_path / "i"), embedding_model="static")
    lancedb_runtime.run(
        lancedb_runtime.create_table(index.address, TABLE, lancedb_runtime.chunk_schema(256, "static"))
    )
    put(index, "a", "apples")
    index.optimize()
    assert found(index, "apples") == ["apples"]


def test_equal_searches_give_equal_results(tmp_path: Path) -> None:
    index = Index(str(tmp_path / "i"), embedding_model="static")
    for i in range(30):
        put(index, f"d{i:02d}", "the same text", "the same text")
    first = index.candidates("same text", embed(["same text"])[0], scope=EVERYONE, limit=100)
    for _ in range(5):
        assert index.candidates("same text", embed(["same text"])[0], scope=EVERYONE, limit=100) == first


def test_words_with_operators_in_them_are_only_words(tmp_path: Path) -> None:
    index = Index(str(tmp_path / "i"), embedding_model="static")
    put(index, "a", "apples")
    for query in ('"apples" AND (', "apples OR", "", "   ", "~^*?:", "'; DROP TABLE chunks --", "🍏"):
        assert isinstance(found(index, query), list)


@pytest.mark.parametrize(("since", "n_found"), [(1, 1), (999, 1), (2026, 1), (2027, 0), (9999, 0)])
def test_a_search_begins_at_any_date_there_is(tmp_path: Path, since: int, n_found: int) -> None:
    index = Index(str(tmp_path / "i"), embedding_model="static")
    dated = replace(chunk("a", 0, "apples"), updated_at=datetime(2026, 1, 1, tzinfo=UTC))
    index.replace(["a"], [dated], embed(["apples"]))
    scope = ChunkFilter((READERS,), since=datetime(since, 1, 1, tzinfo=UTC))
    assert len(index.candidates("apples", embed(["apples"])[0], scope=scope, limit=5)) == n_found


def test_an_address_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UserError, match="is no folder"):
        put(Index(str(tmp_path / "file"), embedding_model="static"), "a", "apples")


def test_a_process_that_has_used_an_index_must_not_fork_workers(tmp_path: Path) -> None:
    put(Index(str(tmp_path), embedding_model="static"), "a", "one")
    with pytest.raises(RuntimeError, match="before the workers are forked"):
        lancedb_runtime.require_unused()


def test_a_table_of_the_release_before_is_read_and_gets_the_new_columns(
    tmp_path: Path,
) -> None:
    index, model = Index(str(tmp_path / "i"), embedding_model="static"), {b"docent.embedding_model": b"static"}
    schema = lancedb_runtime.chunk_schema(256, "static")
    old = pa.schema([field for field in schema if field.name not in ADDED_TEXTS], metadata=model)
    lancedb_runtime.run(lancedb_runtime.create_table(index.address, TABLE, old))
    rows = [{**vars(chunk("a", 0, "apples")), "vector": embed(["apples"])[0]}]
    assert set(rows[0]) - set(old.names) == set(ADDED_TEXTS)
    table = lancedb_runtime.run(lancedb_runtime.open_table(index.address, TABLE))
    lancedb_runtime.run(table.add(pa.Table.from_pylist(rows, schema=old)))
    assert [(read.language, read.terms) for read in scan.read_chunks(index, ["a"])] == [("", None)]
    (apples,) = index.candidates("apples", embed(["apples"])[0], scope=EVERYONE, limit=20, terms="apfel")
    assert apples.text == index.chunks("a", access_ids=[READERS])[0].text == "apples"
    pears = replace(chunk("b", 0, "pears"), language="en")
    index.replace(["b"], [pears], embed(["pears"]))
    index.replace(["c"], [replace(chunk("c", 0, "plums"), language="de", terms="pflaum +apfel")], embed(["plums"]))
    assert {read.document_id: read.language for read in scan.read_chunks(index, ["a", "b", "c"])} == {
        "a": "",
        "b": "en",
        "c": "de",
    }
    assert sorted(found(index, "apples pears plums")) == ["apples", "pears", "plums"]
    (by_terms,) = index.candidates_by_words("nothing", scope=EVERYONE, limit=20, terms="+apfel")
    assert by_terms.text == "plums"
    assert by_terms.bm25 > 0
    assert [read.terms for read in scan.read_chunks(index, ["c"])] == ["pflaum +apfel"]
