"""An embedding model of a provider in a sync: counted, paced, and away in the middle."""

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import wordllama
from wordllama import WordLlama

import agent.settings
from agent.errors import ModelError
from agent.types import Audience
from ingest.embedding.embedder import Embedder, TokenPacer, embed
from ingest.library import Library
from ingest.sync import reports
from ingest.sync.reports import SyncReport
from tests.library import sync_folder
from tests.scripted_embeddings import ScriptedEmbeddings
from tests.scripted_model import Fail

EVERYONE = Audience()


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedEmbeddings]:
    """One token of it costs a millionth of a dollar."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("DOCENT_MODEL_PRICES", "openai/words=1/0")
    agent.settings.load.cache_clear()
    with ScriptedEmbeddings() as model:
        yield model
    agent.settings.load.cache_clear()


@pytest.fixture
def remote(model: ScriptedEmbeddings, open_library: Callable[..., Library]) -> Library:
    return open_library(embedding_model=model.named("words"))


def rules(folder: Path, n: int) -> Path:
    folder.mkdir()
    for i in range(n):
        (folder / f"{i:03d}.md").write_text(f"# Rule {i}\n\nThe rule is number {i}.")
    return folder


def test_a_sync_counts_what_its_embeddings_took(
    remote: Library, model: ScriptedEmbeddings, tmp_path: Path
) -> None:
    wiki = rules(tmp_path / "wiki", 100)
    report = sync_folder(remote, str(wiki))
    n_tokens = sum(len(text.split()) for batch in model.texts for text in batch)
    assert [len(batch) for batch in model.texts] == [96, 4]
    assert (report.n_embedded, report.n_tokens) == (100, n_tokens)
    assert report.cost_usd == n_tokens * Decimal("0.000001")

    found = remote.search("rule number 7", audience=EVERYONE)
    assert ("number 7." in found.passages[0].text, found.cost_usd) == (True, Decimal("0.000003"))
    (wiki / "007.md").write_text("# Rule 7\n\nThe rule is number 7 and a half.")
    n_before = len(model.texts)
    again = sync_folder(remote, str(wiki))
    assert (again.n_embedded, len(model.texts) - n_before) == (1, 1)


def test_two_syncs_in_one_process_count_each_its_own(
    remote: Library, model: ScriptedEmbeddings, tmp_path: Path
) -> None:
    folders = [rules(tmp_path / f"wiki-{name}", 40) for name in range(2)]
    ended: list[SyncReport] = []
    threads = [
        threading.Thread(target=lambda f=folder: ended.append(sync_folder(remote, str(f)))) for folder in folders
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    n_tokens = sum(len(text.split()) for batch in model.texts for text in batch)
    assert [report.n_tokens for report in ended] == [n_tokens // 2] * 2


def test_a_model_that_goes_away_in_the_middle_ends_the_sync_and_the_next_goes_on(
    remote: Library, model: ScriptedEmbeddings, tmp_path: Path
) -> None:
    wiki = tmp_path / "wiki"
    wiki.mkdir()
    for i in range(12):
        parts = "\n\n".join(f"## Part {n}\n\nThe rule of part {n} is number {i}." for n in range(100))
        (wiki / f"{i:02d}.md").write_text(f"# Rule {i}\n\n{parts}")
    model.fail = lambda n: Fail(401) if n > 6 else None
    with pytest.raises(ModelError, match="the provider rejects the key, or got none"):
        sync_folder(remote, str(wiki))
    n_chunks = remote.status().n_chunks
    assert n_chunks == 500  # a batch is written whole or not at all
    with remote.database.transaction() as transaction:
        (latest,) = reports.load_latest(transaction)
    assert latest.status == "failed"
    assert "'openai/words' gave no answer" in str(latest.problem)

    model.fail = lambda n: None
    report = sync_folder(remote, str(wiki))
    assert (report.n_unchanged, report.n_added, report.n_embedded) == (5, 7, 700)
    assert remote.status().n_chunks == 1_200


def test_vectors_of_a_provider_are_made_unit_length(model: ScriptedEmbeddings) -> None:
    vectors = Embedder(model.named("words")).embed_documents(["one", "one two two"]).vectors
    assert (vectors.dtype, vectors.shape) == (np.dtype(np.float32), (2, 32))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)


def test_documents_wait_for_the_tokens_that_went_before_them() -> None:
    now = 50.0
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    pace = TokenPacer(6_000, clock=lambda: now, sleep=sleep)  # a hundred tokens, 400 characters, a second
    for n_chars in (400, 4_000, 40):
        pace.wait(n_chars)
    now += 60
    pace.wait(400)
    assert slept == [0.0, 1.0, 10.0, 0.0]


def test_without_a_pace_nothing_waits() -> None:
    TokenPacer(None, sleep=lambda seconds: pytest.fail("it waited")).wait(1_000_000)


def test_a_model_whose_vectors_have_another_length_now_is_told(
    remote: Library, model: ScriptedEmbeddings, folder: Path
) -> None:
    sync_folder(remote, str(folder))
    model.dimension = 16
    (folder / "new.md").write_text("# New\n\nA new rule.")
    for attempt in (
        lambda: sync_folder(remote, str(folder)),
        lambda: remote.search("annual leave", audience=EVERYONE).passages,
    ):
        with pytest.raises(Exception, match=r"has vectors of 32 dimensions, .* gives 16") as told:
            attempt()
        assert "docent reindex" in str(told.value)
    assert remote.estimate_model_change() is None
    spent = remote.reindex(is_forced=True)
    assert spent.n_chunks == 4
    assert sync_folder(remote, str(folder)).n_added == 1
    assert "30 days" in remote.search("annual leave", audience=EVERYONE).passages[0].text


def test_the_mapped_vectors_give_what_the_models_own_loading_gives() -> None:
    folder = Path(wordllama.__file__).parent
    own = WordLlama.load(cache_dir=folder, disable_download=True)
    texts = [
        "How many days of annual leave can I carry over?",
        "",
        "leave " * 500,
        "ﬀ Ωmega 中文 \N{PARTY POPPER}",
    ]
    vectors = own.embed(texts)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.array_equal(embed(texts), vectors / np.maximum(lengths, 1e-9))
