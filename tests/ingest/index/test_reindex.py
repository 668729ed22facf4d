"""Another embedding model: what it costs, what is found meanwhile, and what is left when it is over."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import update

import agent.settings
from agent.clock import now
from agent.errors import ModelError, UserError
from agent.store import locks
from agent.store.database import Database
from agent.types import Audience
from ingest.index import lancedb_runtime, lock_names, reindex
from ingest.library import Library
from ingest.tables import IndexStateRow
from tests.library import sync_folder
from tests.scripted_embeddings import ScriptedEmbeddings
from tests.scripted_model import Fail

EVERYONE = Audience()
N = 250


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedEmbeddings]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("DOCENT_MODEL_PRICES", "openai/words=1/0")
    agent.settings.load.cache_clear()
    with ScriptedEmbeddings() as model:
        yield model
    agent.settings.load.cache_clear()


@pytest.fixture
def wiki(tmp_path: Path) -> Path:
    folder = tmp_path / "wiki"
    folder.mkdir()
    for i in range(N):
        (folder / f"{i:03d}.md").write_text(f"# Rule {i}\n\nThe rule is number {i}.")
    return folder


@pytest.fixture
def remote(
    library: Library, model: ScriptedEmbeddings, wiki: Path, open_library: Callable[..., Library]
) -> Library:
    """Another process, set up for another model than the index was made with."""
    sync_folder(library, str(wiki))
    return open_library(embedding_model=model.named("words"))


def finds(library: Library, n: int) -> bool:
    return f"number {n}." in "".join(
        p.text for p in library.search(f"rule number {n}", audience=EVERYONE, k=5).passages
    )


def tables(library: Library) -> list[str]:
    folder = Path(library.settings.index_address)
    return sorted(path.name.removesuffix(".lance") for path in folder.glob("*.lance"))


def test_what_it_takes_is_told_before_and_after(
    library: Library, remote: Library, model: ScriptedEmbeddings
) -> None:
    assert library.estimate_model_change() is None
    change = remote.estimate_model_change()
    assert change
    assert (change.model_now, change.model_next, change.n_chunks) == ("static", model.named("words"), N)
    assert change.cost_usd == change.n_tokens * Decimal("0.000001")

    spent = remote.reindex()
    assert (spent.n_chunks, spent.cost_usd) == (N, spent.n_tokens * Decimal("0.000001"))
    assert spent.n_tokens == sum(len(text.split()) for batch in model.texts for text in batch)
    assert change.n_tokens / 2 < spent.n_tokens < change.n_tokens * 2
    assert remote.estimate_model_change() is None
    assert library.estimate_model_change()


# Two threads make litellm's client at once, and it drops one of them with its socket open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_until_then_the_old_model_is_searched_and_then_the_new_one_by_every_process(
    library: Library, remote: Library, model: ScriptedEmbeddings, wiki: Path
) -> None:
    assert finds(remote, 7)
    assert sync_folder(remote, str(wiki)).n_unchanged == N  # no reason to read anything again
    assert model.requests == []
    missed: list[int] = []
    is_over = threading.Event()

    def look() -> None:
        n = 0
        while not is_over.is_set():
            n = (n + 37) % N
            if not finds(library, n):
                missed.append(n)

    searching = threading.Thread(target=look)
    searching.start()
    remote.reindex()
    n_requests = len(model.requests)
    assert all(finds(library, n) for n in range(0, N, 50))
    is_over.set()
    searching.join()
    assert missed == []
    assert len(model.requests) > n_requests  # questions go to the new model, whatever this process's settings say
    assert library.status().embedding_model == model.named("words")


def test_there_and_back_again(library: Library, remote: Library) -> None:
    remote.reindex()
    assert library.reindex().cost_usd == 0
    assert library.status().embedding_model == "static"
    assert finds(remote, 7)
    assert library.status().n_chunks == N
    assert len(tables(library)) == 2  # the one that is searched, and the one before it


def test_a_sync_meanwhile_is_not_lost(
    library: Library, remote: Library, model: ScriptedEmbeddings, wiki: Path
) -> None:
    """One that changes, adds and removes, between two requests to the new model."""

    def meanwhile(n: int) -> None:
        if n == 2:
            (wiki / "000.md").write_text("# Rule 0\n\nThe rule is number 1000.")
            (wiki / "new.md").write_text("# New\n\nThe rule is number 2000.")
            (wiki / "001.md").unlink()
            sync_folder(library, str(wiki))

    model.fail = meanwhile
    remote.reindex()
    assert finds(remote, 1000)
    assert finds(remote, 2000)
    assert not finds(remote, 0)
    assert not finds(remote, 1)
    assert remote.status().n_chunks == N
    assert sync_folder(library, str(wiki)).n_unchanged == N


def test_a_sync_that_began_before_the_switch_writes_to_the_new_table(
    library: Library, remote: Library, model: ScriptedEmbeddings, wiki: Path
) -> None:
    """The switch comes while the sync's documents are read."""
    for i in range(N):
        (wiki / f"{i:03d}.md").write_text(f"# Rule {i}\n\nThe rule is number {5000 + i}.")
    is_switched = False

    def progress(n_done: int, n_total: int | None) -> None:
        nonlocal is_switched
        if n_total and not is_switched:
            is_switched = True
            remote.reindex()

    report = sync_folder(library, str(wiki), progress=progress)
    assert (is_switched, report.n_changed) == (True, N)
    assert library.status().embedding_model == model.named("words")
    assert all(finds(library, 5000 + n) for n in range(0, N, 25))
    assert not finds(library, 3)
    assert sync_folder(library, str(wiki)).n_unchanged == N


def test_what_was_cut_off_goes_on_where_it_was(
    library: Library, remote: Library, model: ScriptedEmbeddings
) -> None:
    model.fail = lambda n: Fail(401) if n > 2 else None
    with pytest.raises(ModelError):
        remote.reindex()
    assert library.status().embedding_model == "static"
    assert finds(library, 7)
    assert len(tables(library)) == 2

    model.fail = lambda n: None
    assert 0 < remote.reindex().n_chunks < N
    assert all(finds(remote, n) for n in range(0, N, 50))
    assert remote.status().n_chunks == N


def test_a_change_that_is_given_up_leaves_nothing(
    library: Library, remote: Library, model: ScriptedEmbeddings, open_library: Callable[..., Library]
) -> None:
    def cut_off(who: Library) -> None:
        n = len(model.requests)
        model.fail = lambda m: Fail(401) if m > n + 2 else None
        with pytest.raises(ModelError):
            who.reindex()

    cut_off(remote)
    (first,) = set(tables(library)) - {"chunks"}
    cut_off(open_library(embedding_model=model.named("other")))
    (second,) = set(tables(library)) - {"chunks"}  # for another model
    assert first != second
    library.clean_up_index()
    assert tables(library) == ["chunks"]
    assert finds(library, 7)


def test_the_old_table_is_dropped_once_nobody_can_be_reading_it(
    library: Library, remote: Library, database: Database, wiki: Path
) -> None:
    remote.reindex()
    sync_folder(remote, str(wiki))
    assert len(tables(library)) == 2
    with database.transaction() as transaction:  # as time does
        past = now() - reindex.OLD_TABLE_LIFETIME - timedelta(seconds=1)
        transaction.execute(update(IndexStateRow).values(switched_at=past))
    sync_folder(remote, str(wiki))
    assert len(tables(library)) == 1
    assert "chunks" not in tables(library)
    assert finds(library, 7)


def test_one_at_a_time(remote: Library, database: Database) -> None:
    with (
        locks.acquire(database, lock_names.REINDEX),
        pytest.raises(UserError, match="Another 'docent reindex' is running"),
    ):
        remote.reindex()


def test_the_model_it_has_already_is_told(library: Library, remote: Library) -> None:
    with pytest.raises(UserError, match="already made with 'static'"):
        library.reindex()


def test_rights_and_filters_hold_in_the_new_table(
    library: Library, remote: Library, wiki: Path, open_library: Callable[..., Library]
) -> None:
    sync_folder(library, str(wiki), readers=["channel:C1"])
    remote.reindex()
    assert remote.search("rule number 7", audience=EVERYONE).passages == ()
    members = Audience((frozenset({"everyone", "channel:C1"}),))
    assert remote.search("rule number 7", audience=members, sources=["wiki"]).passages
    assert not remote.search("rule number 7", audience=members, sources=["other"]).passages
    indexed = lancedb_runtime.run(_indexed(remote))
    assert {"search_text", "access_id", "source", "document_id"} <= indexed


async def _indexed(library: Library) -> set[str]:
    index = library.active_index.current().index
    table = await lancedb_runtime.open_table(index.address, index.table)
    return {column for one in await table.list_indices() for column in one.columns}


def test_while_the_embedding_model_is_away_a_search_goes_by_words(
    remote: Library, model: ScriptedEmbeddings
) -> None:
    remote.reindex()
    assert finds(remote, 77)
    model.fail = lambda n: Fail(status=401)
    assert finds(remote, 77)
    best = remote.search("rule number 77", audience=EVERYONE).ranked[0]
    assert best.candidate.cosine > 0.5
    assert remote.search("rule", audience=Audience(())).passages == ()
