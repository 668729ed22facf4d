"""A rerank model beside a search: its order, its failures, and what is said of it."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from agent.types import Audience
from bot.cli import search_explain
from ingest.library import Library
from ingest.search.reranker import PAUSE_SECONDS, Reranker
from tests.library import sync_folder
from tests.scripted_embeddings import ScriptedEmbeddings
from tests.scripted_model import Fail

EVERYONE = Audience()


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedEmbeddings]:
    monkeypatch.setenv("COHERE_API_KEY", "sk-test")
    with ScriptedEmbeddings() as model:
        yield model


@pytest.fixture
def reranking(
    model: ScriptedEmbeddings, library: Library, open_library: Callable[..., Library], folder: Path
) -> Library:
    """Over documents of which the model prefers one that neither words nor meaning do."""
    (folder / "unlikely.md").write_text("# Unlikely\n\nA text about nothing at all, and the best of all.")
    sync_folder(library, str(folder))
    return open_library(rerank_model=f"cohere/rerank-v3.5@{model.address}")


def test_the_model_decides_the_order(library: Library, reranking: Library, model: ScriptedEmbeddings) -> None:
    question = "days of annual leave"
    assert library.search(question, audience=EVERYONE).passages[0].title == "Leave"
    found = reranking.search(question, audience=EVERYONE)
    assert (found.passages[0].title, found.passages[0].score) == ("Unlikely", 0.99)
    assert found.ranked[0].reranked == 0.99
    assert model.requests[0]["query"] == question
    scores = [passage.score for passage in found.passages]
    assert scores == sorted(scores, reverse=True)


def test_without_an_answer_the_order_stays_and_the_model_is_left_alone(
    library: Library, reranking: Library, model: ScriptedEmbeddings
) -> None:
    model.fail = lambda n: Fail(500)
    for _ in range(3):
        assert (
            reranking.search("annual leave", audience=EVERYONE).passages
            == library.search("annual leave", audience=EVERYONE).passages
        )
    assert len(model.requests) == 1


def test_a_model_that_is_well_again_is_asked_again(
    library: Library, reranking: Library, model: ScriptedEmbeddings
) -> None:
    now = 100.0
    reranker = Reranker(f"cohere/rerank-v3.5@{model.address}", clock=lambda: now)
    best = library.search("annual leave", audience=EVERYONE).ranked
    model.fail = {1: Fail(503)}.get
    assert reranker.rerank("annual leave", best) == ([*best], Decimal(0))
    assert reranker.rerank("annual leave", best) == ([*best], Decimal(0))
    now += PAUSE_SECONDS
    again, cost_usd = reranker.rerank("annual leave", best)
    assert (again[0].candidate.title, len(model.requests), cost_usd) == ("Unlikely", 2, Decimal("0.002"))


def test_why_shows_what_the_model_thought(reranking: Library, capsys: pytest.CaptureFixture[str]) -> None:
    search_explain.explain(reranking.search("annual leave", audience=EVERYONE), as_json=False)
    first = capsys.readouterr().out.split("2. ")[0]
    assert "1. Unlikely" in first
    assert "reranked 0.99" in first
