"""Verified answers by command: listed, shown, withdrawn; and forgotten with their authors."""

import json
from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

import agent.settings
from agent.clock import new_id
from agent.errors import UserError
from agent.store.database import Database
from bot.cli.main import app
from bot.record import personal_data
from ingest.access import reader_sets
from ingest.access.reader_sets import one_of
from ingest.tables import DocumentRow
from ingest.verified import answers
from ingest.verified.answers import WrittenAnswer
from tests.recorded import answered

ADA, BEN, EVE = "U0ADA00001", "U0BEN00002", "U0EVE00003"


@pytest.fixture(autouse=True)
def environment(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database.url)
    agent.settings.load.cache_clear()
    yield
    agent.settings.load.cache_clear()


@pytest.fixture
def answer_id(database: Database) -> UUID:
    """Of an answer by Ada to a question of Ben's, which rests on a document for a group."""
    turn = answered(database, "Who feeds the office cat?", key="thread", user=BEN)
    document = new_id()
    with database.transaction() as transaction:
        access_id = reader_sets.store_readers(transaction, one_of({"group:S1"}))
        row = {"source": "handbook", "uri": "cat.md", "url": "https://h.example/cat", "title": "Cat"}
        transaction.add(DocumentRow(id=document, content_hash="h", fingerprint="1", access_id=access_id, **row))
        transaction.flush()
        place = {"channel": "C1", "asker": BEN}
        written = WrittenAnswer("Who feeds the office cat?", f"Linus does, says <@{EVE}>.", ADA, place)
        id_ = answers.write(transaction, new_id(), UUID(str(turn.id)), written)
        assert id_
        answer = answers.load(transaction, [id_])[id_]
        assert answers.activate(
            transaction,
            answer,
            readers=one_of({"everyone"}),
            members=one_of({"channel:C1"}),
            documents=[document.hex],
            url="https://slack.example/1",
            author_name="Ada",
        )
    return id_


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(app, ["verified", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_there_is_a_sentence_where_there_are_none() -> None:
    assert "Experts write them in Slack" in run("list").stdout


def test_they_are_listed_shown_and_withdrawn(database: Database, answer_id: UUID) -> None:
    short = answer_id.hex[-8:]
    listed = run("list").stdout
    assert short in listed
    assert "Ada" in listed
    assert "used" in listed
    shown = run("show", short).stdout
    for part in ("Linus does", "rests on     Cat https://h.example/cat", "the group S1"):
        assert part in shown
    (entry,) = json.loads(run("list", "--json").stdout)
    assert json.loads(run("show", str(answer_id), "--json").stdout) == entry
    assert entry["readers"] == [["everyone"], ["group:S1"]]
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE documents SET fingerprint = '2'"))
    assert "waits for its author" in run("list").stdout
    assert "Cat (changed or gone)" in run("show", short).stdout
    assert "not used any more" in run("withdraw", short).stdout
    assert "withdrawn already" in run("withdraw", short).stdout
    with pytest.raises(UserError, match="There is none"):
        run("show", "0000")


def test_it_leaves_with_its_author_and_others_in_it_are_replaced(database: Database, answer_id: UUID) -> None:
    exported = personal_data.export_person(database, ADA)["verified_answers"]
    assert [one["answer"] for one in exported] == [f"Linus does, says <@{EVE}>."]
    personal_data.forget_person(database, EVE)
    personal_data.forget_person(database, BEN)
    with database.transaction() as transaction:
        (left,) = answers.load_all(transaction)
    assert (left.answer, left.place["asker"], left.turn_id) == ("Linus does, says <@someone>.", "someone", None)
    personal_data.forget_person(database, ADA)
    with database.transaction() as transaction:
        assert answers.load_all(transaction) == []
