"""Listing documents: filters, order, and that nobody learns of what they may not read."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from agent.errors import ToolError
from agent.store.database import Database
from agent.tools import ToolContext
from agent.types import Audience
from ingest.library import Library
from ingest.settings import IngestSettings
from tests.library import sync_folder
from tools.list_documents import list_documents

ANNA, BERT = frozenset({"everyone", "user:A", "team:legal"}), frozenset({"everyone", "user:B"})
CHANGED = {
    "Leave": datetime(2026, 1, 5, tzinfo=UTC),
    "Travel 100%": datetime(2026, 3, 1, tzinfo=UTC),
    "Äpfel": None,
    "Board salaries": datetime(2026, 4, 1, tzinfo=UTC),
}
Listed = Callable[..., dict[str, Any]]


@pytest.fixture
def listed(database: Database, tmp_path: Path) -> Listed:
    """Three documents for everyone, one for the legal team; by default for everyone."""
    library = Library(database, IngestSettings(index_uri=str(tmp_path / "index")))
    for source, readers, titles in (
        ("handbook", ["everyone"], ["Leave", "Travel 100%"]),
        ("kitchen", ["everyone"], ["Äpfel"]),
        ("legal", ["team:legal"], ["Board salaries"]),
    ):
        (tmp_path / source).mkdir()
        for title in titles:
            (tmp_path / source / f"{title.split()[0]}.md").write_text(f"# {title}\n\nAbout {title}.")
        sync_folder(library, str(tmp_path / source), link="https://x.example/{path}", readers=readers)
    (tmp_path / "kitchen" / "empty.md").write_text("")
    sync_folder(library, str(tmp_path / "kitchen"), link="https://x.example/{path}")
    with database.transaction() as transaction:
        for title, updated_at in CHANGED.items():
            values = {"title": title, "updated_at": updated_at}
            transaction.execute(text("UPDATE documents SET updated_at = :updated_at WHERE title = :title"), values)

    def call(*members: frozenset[str], **arguments: Any) -> dict[str, Any]:
        audience = Audience(members) if members else Audience()
        context = ToolContext(audience, "test", deadline=9e9, resources={Library: library})
        return dict(list_documents.call(arguments, context).data)

    return call


def titles(data: dict[str, Any]) -> list[str]:
    return [document["title"] for document in data["documents"]]


def test_the_latest_come_first_and_those_without_a_date_last(listed: Listed) -> None:
    data = listed()
    assert titles(data) == ["Travel 100%", "Leave", "Äpfel"]
    assert [document["updated"] for document in data["documents"]] == ["2026-03-01", "2026-01-05", None]
    assert data["found"] == 3
    assert data["sources"] == ["handbook", "kitchen"]
    first = data["documents"][0]
    assert (first["source"], first["url"]) == ("handbook", "https://x.example/Travel")
    assert len(first["document_id"]) == 32


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({"order": "title"}, ["Leave", "Travel 100%", "Äpfel"]),
    ({"source": "handbook", "order": "title"}, ["Leave", "Travel 100%"]),
    ({"source": " handbook "}, ["Travel 100%", "Leave"]),
    ({"title": "RAV"}, ["Travel 100%"]),
    ({"title": "%"}, ["Travel 100%"]),
    ({"title": "_"}, []),
    ({"title": "\0leave"}, ["Leave"]),
    ({"title": "\ud800"}, []),
    ({"source": "hand\0book"}, ["Travel 100%", "Leave"]),
    ({"title": "' OR 1=1 --"}, []),
    ({"source": "kitchen", "title": "leave"}, []),
]


def test_they_are_found_by_source_and_by_part_of_a_title(listed: Listed) -> None:
    for arguments, expected in FILTERS:
        assert titles(listed(**arguments)) == expected, arguments


def test_all_are_counted_when_few_are_shown(listed: Listed) -> None:
    data = listed(limit=1)
    assert (len(data["documents"]), data["found"]) == (1, 3)


def test_an_unknown_source_gets_the_names_of_those_there_are(listed: Listed) -> None:
    with pytest.raises(ToolError) as error:
        listed(source="wiki")
    assert error.value.hint == "The sources are: 'handbook', 'kitchen'."


def test_what_some_member_may_not_read_is_not_listed_not_counted_and_its_source_not_named(listed: Listed) -> None:
    assert titles(listed(ANNA))[0] == "Board salaries"
    assert listed(ANNA)["sources"] == ["handbook", "kitchen", "legal"]
    for members in ((BERT,), (ANNA, BERT)):
        data = listed(*members)
        assert data["found"] == 3
        assert "Board" not in str(data)
        assert "legal" not in str(data)
        with pytest.raises(ToolError) as error:
            listed(*members, source="legal")
        assert "legal" not in error.value.hint
    with pytest.raises(ToolError, match="no source") as error:
        listed(frozenset({"user:stranger"}), source="handbook")
    assert error.value.hint == "There are no documents at all."


def test_a_right_taken_away_takes_the_document_off_the_list(listed: Listed, database: Database) -> None:
    with database.transaction() as transaction:
        legal = transaction.execute(text("SELECT access_id FROM documents WHERE source = 'legal'")).scalar_one()
        transaction.execute(
            text("UPDATE documents SET access_id = :legal WHERE title = 'Leave'"), {"legal": legal}
        )
    assert titles(listed(BERT)) == ["Travel 100%", "Äpfel"]


def test_the_same_data_give_the_same_bytes(listed: Listed) -> None:
    assert str(listed()) == str(listed())
