"""When two questions are the same, and what a search asks of Postgres for it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import event

from agent.clock import new_id
from agent.store.database import Database
from agent.types import Audience
from ingest.access.reader_sets import one_of
from ingest.library import Library
from ingest.settings import IngestSettings
from ingest.verified import answers, screen
from ingest.verified.answers import VerifiedAnswer, VerifiedStatus, WrittenAnswer
from tests.library import sync_folder
from tests.recorded import answered

QUESTION = "How many days of annual leave can I carry over?"
AT = datetime(2026, 5, 3, tzinfo=UTC)


def verified(question: str = QUESTION, days: int = 0) -> VerifiedAnswer:
    at, readers = AT + timedelta(days=days), one_of({"everyone"})
    return VerifiedAnswer(
        UUID(int=days),
        None,
        question,
        "Five.",
        "U1",
        "Ada",
        {},
        "",
        readers,
        VerifiedStatus.ACTIVE,
        1,
        at,
        None,
        (),
    )


@pytest.mark.parametrize(
    ("question", "is_same"),
    [
        (QUESTION, True),
        ("how many annual leave days may we carry over, please?", True),
        ("Hello! Could you tell me how many days of annual leave I can carry over?", True),
        ("How many days of annual leave can I carry over in Spain?", False),
        ("How many days of leave can I carry over?", False),
        ("How many days of sick leave can I carry over?", False),
        ("When can I carry over days of annual leave?", False),
        ("How many days of annual leave can I not carry over?", False),
        ("How many days of annual leave must I carry over?", False),
        ("", False),
        ("please", False),
    ],
)
def test_a_question_is_the_same_where_every_word_that_says_something_is(question: str, is_same: bool) -> None:
    assert bool(screen.find_same(question, [verified()])) is is_same


def test_of_several_answers_to_a_question_the_latest_counts() -> None:
    found = screen.find_same(QUESTION, [verified(days=1), verified(days=3), verified(days=2)])
    assert found
    assert found.verified_at == AT + timedelta(days=3)


def test_nothing_is_the_same_as_a_question_of_words_that_say_nothing() -> None:
    assert screen.find_same("please", [verified("Can you tell me?")]) is None


@pytest.fixture
def library(database: Database, tmp_path: Path) -> Library:
    library = Library(database, IngestSettings(index_uri=str(tmp_path / "index")))
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "bicycles.md").write_text("# Bicycles\n\nBicycles are parked behind the house.\n")
    sync_folder(library, tmp_path / "pages")
    turn = answered(database, QUESTION)
    with database.transaction() as transaction:
        written = WrittenAnswer(QUESTION, "Five days.", "U1", {"channel": "C1"})
        id_ = answers.write(transaction, new_id(), UUID(str(turn.id)), written)
        assert id_
        answer = answers.load(transaction, [id_])[id_]
        everyone = one_of({"everyone"})
        answers.activate(
            transaction, answer, readers=everyone, members=everyone, documents=[], url="", author_name="Ada"
        )
        assert answers.is_index_behind(transaction)
    assert library.refresh_verified() == 1
    return library


@pytest.fixture
def statements(database: Database) -> Iterator[list[str]]:
    asked: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        asked.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield asked
    event.remove(database.engine, "before_cursor_execute", note)


def test_a_search_asks_once_more_only_where_an_answer_is_like_the_question(
    library: Library, statements: list[str]
) -> None:
    for question, n_more in (("Where are bicycles parked?", 0), (QUESTION, 1)):
        statements.clear()
        found = library.search(question, audience=Audience())
        assert sum("verified_answers" in statement for statement in statements) == n_more
        assert any("Five days" in passage.text for passage in found.passages) is bool(n_more)
    assert library.search(QUESTION, audience=Audience()).passages[0].title == QUESTION


def is_found(library: Library) -> bool:
    found = library.search(QUESTION, audience=Audience()).passages
    return any("Five days" in passage.text for passage in found)


def test_the_index_is_brought_in_step_and_nothing_is_done_twice(database: Database, library: Library) -> None:
    """Also where the index was lost, and where it takes an answer out that was withdrawn."""
    assert library.refresh_verified() == 0
    with database.transaction() as transaction:
        assert not answers.is_index_behind(transaction)
        (answer,) = answers.load_all(transaction)
    library.active_index.current().index.remove([answer.id.hex])
    assert not is_found(library)
    assert library.refresh_verified() == 1
    assert is_found(library)
    with database.transaction() as transaction:
        answers.withdraw(transaction, answer.id)
        assert answers.is_index_behind(transaction)
    assert not is_found(library)
    assert library.refresh_verified() == 1
    with database.transaction() as transaction:
        assert not answers.is_index_behind(transaction)
