"""Searching as a model does it: narrowed to a source or to what has changed, and told what it got wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ToolError
from agent.prompting import prompt
from agent.store.database import Database
from agent.tools import ToolContext, ToolResult
from agent.types import Audience, CitedPassage
from ingest.library import Library
from ingest.settings import IngestSettings
from tests.ingest.paper import drawn_pdf, line
from tests.library import sync_folder
from tools.search_docs import search_docs

Search = Callable[..., ToolResult]


@pytest.fixture
def search(database: Database, tmp_path: Path) -> Search:
    library = Library(database, IngestSettings(index_uri=str(tmp_path / "index")))
    for source, day, days, readers in (
        ("handbook", "2026-03-01", 30, ["everyone"]),
        ("archive", "2019-03-01", 24, ["everyone"]),
        ("board", "2026-03-01", 99, ["team:board"]),
    ):
        (tmp_path / source).mkdir()
        page = f"---\nupdated: {day}\n---\n# Leave\n\nEmployees have {days} days of annual leave.\n"
        (tmp_path / source / "leave.md").write_text(page)
        sync_folder(library, str(tmp_path / source), readers=readers)

    def call(**arguments: Any) -> ToolResult:
        context = ToolContext(Audience(), "test", deadline=9e9, resources={Library: library})
        return search_docs.call({"query": "How many days of annual leave do I have?", **arguments}, context)

    return call


def texts(result: ToolResult) -> str:
    return " ".join(passage.text for passage in result.passages)


def test_a_search_looks_everywhere_one_may_look(search: Search) -> None:
    found = texts(search())
    assert "30 days" in found
    assert "24 days" in found
    assert "99 days" not in found


def test_what_hardly_fits_is_not_shown_as_evidence(search: Search) -> None:
    result = search(query="hi")
    assert (result.passages, result.data["found"], result.is_weak) == ((), 0, True)
    assert "Nothing fits" in result.hint


def test_where_passages_are_only_loosely_related_other_words_are_named(search: Search) -> None:
    weak = search(query="How many days of vacation do fathers have?")
    assert weak.passages
    assert weak.is_weak
    assert "only loosely related" in weak.hint
    assert weak.data["try"] == {"words": {"vacation": ["leave"]}}
    strong = search()
    assert (strong.is_weak, strong.hint, "try" in strong.data) == (False, "", False)


def test_a_search_can_be_narrowed_to_a_source(search: Search) -> None:
    assert texts(search(source="archive")) == "Employees have 24 days of annual leave."


def test_a_search_can_be_narrowed_to_what_has_changed_since(search: Search) -> None:
    assert texts(search(since="2026-01-01")) == "Employees have 30 days of annual leave."
    assert search(since="2026-03-02").passages == ()


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"source": "wiki"}, "The sources are: archive, handbook."),  # the board's is not named
        ({"source": "board"}, "The sources are: archive, handbook."),
        ({"since": "last week"}, "Write it as 2026-01-31, or leave it out."),
    ],
)
def test_what_cannot_be_understood_is_told_the_model(search: Search, arguments: dict[str, str], hint: str) -> None:
    with pytest.raises(ToolError) as told:
        search(**arguments)
    assert told.value.hint == hint


def test_a_passage_has_the_day_of_the_last_change_and_of_the_end(database: Database, tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    days = {"new": "updated: 2026-03-01", "old": "expires: 2020-12-31", "holds": "expires: 2999-12-31"}
    for name, day in days.items():
        page = f"---\n{day}\n---\n# Bonus {name}\n\nThe {name} winter bonus is {len(day)}00 euros.\n"
        (tmp_path / "rules" / f"{name}.md").write_text(page)
    library = Library(database, IngestSettings(index_uri=str(tmp_path / "index")))
    sync_folder(library, tmp_path / "rules")
    context = ToolContext(Audience(), "test", deadline=9e9, resources={Library: library})
    found = {p.title: p for p in search_docs.call({"query": "How much is the winter bonus?"}, context).passages}
    assert found["Bonus new"].updated == "2026-03-01"
    assert [found[f"Bonus {name}"].expired for name in days] == ["", "2020-12-31", ""]
    shown = prompt.passage_json(CitedPassage(1, found["Bonus old"]))
    assert shown["expired"] == "2020-12-31"
    assert prompt.read_passage(shown).passage.expired == "2020-12-31"


def test_a_document_that_was_read_in_part_is_named(database: Database, tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    pages = [line("Employees have 30 days of annual leave."), *[b"q 600 0 0 800 0 0 cm /Im Do Q"] * 2]
    (tmp_path / "rules" / "leave.pdf").write_bytes(drawn_pdf(*pages))
    library = Library(database, IngestSettings(index_uri=str(tmp_path / "index")))
    sync_folder(library, tmp_path / "rules")
    context = ToolContext(Audience(), "test", deadline=9e9, resources={Library: library})
    result = search_docs.call({"query": "annual leave"}, context)
    assert result.data == {"found": 1, "read_in_part": {"Leave": "pages 2–3 hold no text (scanned?)"}}
