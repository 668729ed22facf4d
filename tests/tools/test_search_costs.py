"""What a whole question asks of the index and of the embedding model: each thing once."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from agent.prompting import prompt
from agent.store.database import Database
from agent.tools import ToolContext
from agent.turn import tool_results
from agent.types import Audience, CitedPassage, Message, Passage
from ingest.embedding import embedder as embedding
from ingest.embedding.embedder import Matrix, VectorCache
from ingest.library import Library
from ingest.settings import IngestSettings
from tests.library import sync_folder
from tools.extractive import answer, features, relevance
from tools.search_docs import search_docs

PAGES = {
    "leave.md": "# Leave\n\nEmployees have 30 days of leave. They carry over at most 5 days.\n\n- Ask your lead.",
    "office.md": "# Office\n\nBicycles are parked in the yard, behind the kitchen. The yard closes at 20 o'clock.",
}
ONE = "How many days of leave can I carry over?"
TWO = "How many days of leave can I carry over, and where do I park my bicycle?"


class CountingTable:
    """LanceDB's table; counts what is called."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        self.calls[name] += 1
        return cast("Callable[..., Any]", getattr(self._table, name))


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often each text is embedded in this process, where nothing has been before."""
    texts: Counter[str] = Counter()
    embed = embedding._embed_static

    def count(given: list[str]) -> Matrix:
        texts.update(given)
        return embed(given)

    monkeypatch.setattr(embedding, "_embed_static", count)
    monkeypatch.setattr(embedding, "_recurring", VectorCache(1_000))
    features._extract.cache_clear()
    relevance.score.cache_clear()
    yield texts
    features._extract.cache_clear()


@pytest.fixture
def handbook(database: Database, tmp_path: Path) -> Library:
    library = Library(database, IngestSettings(index_uri=str(tmp_path / "index")))
    folder = tmp_path / "pages"
    folder.mkdir()
    for name, text in PAGES.items():
        (folder / name).write_text(text)
    sync_folder(library, folder)
    return library


def ask(library: Library, asked: str) -> Message:
    """Asks as a worker does that has no language model: searches, judges what is found, quotes it."""
    result = search_docs.call({"query": asked}, ToolContext(Audience(), "test", 9e9, resources={Library: library}))
    assert not result.is_weak

    def number(passages: Sequence[Passage]) -> list[CitedPassage]:
        return [CitedPassage(n, passage) for n, passage in enumerate(passages, 1)]

    shown = tool_results.render(result, number, 24_000).result
    return answer.complete([prompt.question_message(asked, [("search_docs", shown)])])


@pytest.mark.parametrize(("asked", "n_searches"), [(ONE, 1), (TWO, 3)])
def test_a_question_asks_the_index_once(
    handbook: Library, monkeypatch: pytest.MonkeyPatch, asked: str, n_searches: int
) -> None:
    index = handbook.active_index.current().index
    assert ask(handbook, ONE)  # opens the index and reads the rows
    table = CountingTable(index._table)
    monkeypatch.setattr(index, "_table", table)
    assert "5 days" in str(ask(handbook, asked)["content"])
    assert table.calls["checkout_latest"] == 1
    assert table.calls["query"] == 2 * n_searches  # by words and by meaning, for the question and each part
    assert table.calls["take_row_ids"] == 0
    assert table.calls.keys() <= {"checkout_latest", "version", "query"}


@pytest.mark.parametrize("asked", [ONE, TWO])
def test_no_text_is_embedded_twice(handbook: Library, embedded: Counter[str], asked: str) -> None:
    assert "5 days" in str(ask(handbook, asked)["content"])
    assert embedded[asked] == 1
    assert "They carry over at most 5 days." in embedded
    assert {text: n for text, n in embedded.items() if n > 1} == {}
