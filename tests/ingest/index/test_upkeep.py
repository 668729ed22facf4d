"""An index stays small and finds everything, however often it is written, and whether or not it is optimized."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from agent.store.database import Database
from agent.types import Audience
from ingest.index import lancedb_runtime, versions
from ingest.index.ownership.owner_record import WriterReplaced
from ingest.index.table import TABLE, Index
from ingest.library import Library
from ingest.tables import IndexStateRow
from tests.ingest.index.test_table import EVERYONE, found, put
from tests.library import sync_folder

MAX_VERSIONS = 20


def n_files(folder: Path) -> dict[str, int]:
    """Counts the files of a table by the folder they are in."""
    table = folder / f"{TABLE}.lance"
    return {
        part.name: sum(file.is_file() for file in part.rglob("*"))
        for part in sorted(table.iterdir())
        if part.is_dir()
    }


def n_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@pytest.fixture
def few_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "MAX_VERSIONS", MAX_VERSIONS)
    monkeypatch.setattr(versions, "KEEP_AT_LEAST", timedelta(0))


@pytest.mark.usefixtures("few_versions")
def test_many_small_writes_leave_few_files(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    index = Index(str(folder), embedding_model="static")
    for n in range(20):
        put(index, f"d{n % 5}", f"fruit number {n}")
        index.optimize()
    files, size = n_files(folder), n_bytes(folder)
    for n in range(20, 60):
        put(index, f"d{n % 5}", f"fruit number {n}")
        index.optimize()
    after = n_files(folder)
    assert after["_versions"] <= MAX_VERSIONS + 10
    assert all(after[name] <= 1.5 * files[name] + 10 for name in files), (files, after)
    assert n_bytes(folder) < 2 * size
    assert sorted(found(index, "fruit")) == [f"fruit number {n}" for n in range(55, 60)]


@pytest.mark.soak
def test_a_thousand_syncs_of_one_document_leave_few_files(
    tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    library, folder = open_library(embedding_model="static"), tmp_path / "pages"
    folder.mkdir()
    most: dict[str, int] = {}
    for n in range(1_000):
        (folder / f"d{n % 20}.md").write_text(f"# Report {n}\n\nThe number of this report is {n}.\n")
        sync_folder(library, folder, source_name="reports")
        if n == 300:
            most, size = n_files(tmp_path / "index"), n_bytes(tmp_path / "index")
    after = n_files(tmp_path / "index")
    assert all(after[name] <= 2 * n for name, n in most.items()), (most, after)
    assert n_bytes(tmp_path / "index") < 2 * size
    assert len(library.search("report", audience=Audience(), k=50).passages) == 20


def test_versions_live_an_hour_where_there_are_few(tmp_path: Path) -> None:
    index = Index(str(tmp_path / "index"), embedding_model="static")
    assert versions.choose_lifetime(index.address, TABLE) == versions.KEEP_VERSIONS
    put(index, "a", "apples")
    assert versions.choose_lifetime(index.address, TABLE) == versions.KEEP_VERSIONS
    assert versions.choose_lifetime("db://handbook", TABLE) == versions.KEEP_VERSIONS


def test_a_full_text_index_over_no_rows_finds_what_comes_after(tmp_path: Path) -> None:
    address = str(tmp_path / "index")
    index = Index(address, embedding_model="static")
    put(index, "a", "apples")  # the table and its search indexes are made over nothing, then this is written
    assert words(index, "apples") == ["apples"]
    index.optimize()
    put(index, "b", "pears")
    assert words(index, "pears") == ["pears"]
    assert words(index, "apples") == ["apples"]


def test_a_full_text_index_whose_rows_were_all_replaced_finds_the_new_ones(tmp_path: Path) -> None:
    index = Index(str(tmp_path / "index"), embedding_model="static")
    put(index, "a", "apples")
    put(index, "b", "cherries")
    index.optimize()
    put(index, "a", "pears")
    put(index, "b", "plums")
    assert words(index, "pears plums") == ["pears", "plums"]
    assert words(index, "apples cherries") == []
    index.optimize()
    assert words(index, "pears plums") == ["pears", "plums"]
    index.remove(["a", "b"])
    index.optimize()  # over no rows again
    put(index, "c", "quinces")
    assert words(Index(index.address, embedding_model="static"), "quinces") == ["quinces"]


def test_a_sync_killed_before_it_optimized_still_finds_everything(
    open_library: Callable[..., Library], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = open_library()
    sync_folder(library, folder, source_name="handbook")
    for n in range(5):
        (folder / f"d{n}.md").write_text(f"# Machine {n}\n\nThe machine called zq{n}x stands in the cellar.\n")

    def kill() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(library.active_index, "optimize", kill)
    with pytest.raises(KeyboardInterrupt):
        sync_folder(library, folder, source_name="handbook")
    monkeypatch.undo()
    for n in range(5):
        (first, *_) = open_library().search(f"Where is zq{n}x?", audience=Audience()).passages
        assert first.title == f"Machine {n}"


def test_optimizing_that_fails_stops_no_sync_and_is_counted_until_it_succeeds(
    open_library: Callable[..., Library], folder: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = open_library()

    problem: Exception = RuntimeError("all columns in a record batch must have the same length")

    async def fail(table: object, *, keep_versions: timedelta) -> None:
        raise problem

    def counted() -> tuple[int, str | None]:
        with database.transaction() as transaction:
            row = transaction.get_one(IndexStateRow, library.active_index.address)
            return row.n_optimize_failures, row.optimize_problem

    with monkeypatch.context() as patch:
        patch.setattr(lancedb_runtime, "optimize", fail)
        for n in (1, 2):
            (folder / "pets.md").write_text(f"# Pets\n\nDogs may come on Fridays, {n} at most.\n")
            sync_folder(library, folder, source_name="handbook")
            assert counted() == (n, str(problem))
        problem = WriterReplaced("Another process writes the index by now.")
        (folder / "pets.md").write_text("# Pets\n\nDogs may come on Fridays.\n")
        sync_folder(library, folder, source_name="handbook")
        assert counted() == (2, "all columns in a record batch must have the same length")
    assert library.search("May dogs come?", audience=Audience()).passages[0].title == "Pets"
    (folder / "pets.md").write_text("# Pets\n\nDogs may come on Mondays.\n")
    sync_folder(library, folder, source_name="handbook")
    assert counted() == (0, None)


def words(index: Index, query: str) -> list[str]:
    return sorted(each.text for each in index.candidates_by_words(query, scope=EVERYONE, limit=20))
