"""What is stored about a person: read out, and gone afterwards, wherever it was."""

import json
from datetime import UTC, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from agent.errors import UserError
from agent.prompting.prompt import question_message
from agent.store.database import Database
from agent.translation.languages import SPOKEN
from agent.translation.speech import say_in
from agent.types import Message
from bot.record import personal_data, session_query
from bot.slack import inbox
from bot.slack.channels import channel_settings
from bot.slack.channels.channel_settings import ChannelSettings
from bot.slack.inbox import Origin, ReplyAddress
from bot.slack.intake.scheduled import rows
from bot.slack.intake.scheduled.recurrence import Recurrence
from bot.slack.intake.scheduled.rows import Bounds
from bot.slack.interactions.experts import corrections
from bot.slack.membership import locales
from bot.slack.reading.enclosures import Enclosures, QuotedMessage
from tests.recorded import SYSTEM, Recorded, answered

ADA, BEN = "U0ADA00001", "U0BEN00002"
SECRET = "May Ada carry over her zanzibar leave?"


def dump(database: Database) -> str:
    """Every row of every table that holds something about people."""
    tables = "sessions turns messages tool_calls model_calls blobs feedback budgets deliveries replies sources"
    tables += " scheduled_questions slack_locales"
    with database.transaction() as transaction:
        rows = [transaction.execute(text(f"SELECT t::text FROM {name} AS t")).all() for name in tables.split(" ")]
    return "\n".join(str(row[0]) for table in rows for row in table)


def talk(database: Database) -> Recorded:
    """Ada asks, Ben follows up in the thread with her question in his prompt, and both rate."""
    first = answered(database, SECRET, key="thread", user=ADA).rate(1, "thanks", user=ADA)
    second = Recorded.begin(database, f"And <@{ADA}> too?", key="thread", user=BEN)
    history: list[Message] = [{"role": "user", "content": SECRET}]
    history.append({"role": "assistant", "content": "At most 5 days."})
    rewriting = question_message(json.dumps({"conversation": [{"question": SECRET}]}), [])
    second.ask([SYSTEM, rewriting], {"role": "assistant", "content": "And?"}, purpose="standalone")
    messages = [SYSTEM, *history, second.open()]
    messages.append(second.tool("c", position=2, result={"messages": [{"who": ADA, "text": f"hi\n{ADA}"}]}))
    second.ask(messages, {"role": "assistant", "content": f"{ADA} may [1]."})
    second.end(f"{ADA} may [1].").rate(-1, f"ask {ADA}", user=BEN).rate(1, "thanks", user=ADA)
    assert first.id != second.id
    return second


def schedule(database: Database, user: str, question: str) -> None:
    every = Recurrence(frozenset({0}), time(9))
    made = rows.make(
        team="T1",
        channel="C1",
        user_id=user,
        question=question,
        language="",
        recurrence=every,
        zone=ZoneInfo("UTC"),
        after=datetime(2026, 1, 1, tzinfo=UTC),
    )
    with database.transaction() as transaction:
        rows.add(transaction, made, Bounds(), command="/docent")


def test_everything_of_a_person_is_gone_and_all_else_stays(database: Database) -> None:
    inbox.store(
        database,
        inbox.NewQuestion(
            key="m:1",
            address=ReplyAddress("T1", "D1", BEN, ts="1.1", thread_ts="1.1", is_direct=True),
            origin=Origin.DIRECT,
            question="Another thing",
        ),
    )
    second = talk(database)
    for user, question in ((ADA, "What of zanzibar?"), (BEN, f"What does <@{ADA}> say?")):
        schedule(database, user, question)
    (theirs,) = personal_data.export_person(database, ADA)["scheduled_questions"]
    assert (theirs["question"], theirs["at"]) == ("What of zanzibar?", "09:00")
    with database.transaction() as transaction:
        transaction.execute(
            text("INSERT INTO budgets (id, scope, subject, period, starts_on) VALUES "
                 "(:a, 'person', :ada, 'day', now()), (:b, 'person', :ben, 'day', now())"),
            {"a": UUID(int=1), "b": UUID(int=2), "ada": f"T1:{ADA}", "ben": f"T1:{BEN}"},
        )  # fmt: skip
    with database.transaction() as transaction:
        for user in (ADA, BEN):
            locales.store(transaction, "T1", user, "de-DE")
    assert [row["locale"] for row in personal_data.export_person(database, ADA)["locales"]] == ["de-DE"]
    done = personal_data.forget_person(database, ADA)
    assert (done.pruned.n_turns, done.n_ratings, done.n_open) == (1, 1, 0)
    left = dump(database)
    for gone in (ADA, "zanzibar", "thanks"):
        assert gone not in left
    assert BEN in left
    turns = session_query.load(database, str(second.id))["turns"]
    assert [turn["question"] for turn in turns] == ["And <@someone> too?"]
    (rewriting, answering) = turns[0]["model_calls"]
    assert rewriting["request"] is not None
    assert answering["request"] is not None
    said = [message["content"] for message in answering["request"]["messages"][:3]]
    assert said == [SYSTEM["content"], personal_data.FORGOTTEN, personal_data.FORGOTTEN]
    assert answering["response"] is not None
    assert turns[0]["feedback"][0]["comment"] == "ask someone"
    assert personal_data.forget_person(database, ADA).pruned.n_turns == 0  # once more does no harm


def test_what_others_quoted_of_a_person_stays_without_their_id_and_name(database: Database) -> None:
    """Names stand beside ids in what a tool read in Slack; a name elsewhere is somebody else's."""
    turn = Recorded.begin(database, "Is Ada Marlow Street open?", key="thread", user=BEN)
    read = {"messages": [{"who": "Ada Marlow", "text": "Yes, says Ada Marlow."}], "people": {ADA: "Ada Marlow"}}
    messages = [SYSTEM, turn.open(), turn.tool("c", position=2, result=read)]
    turn.ask(messages, {"role": "assistant", "content": "Yes [1]."})
    turn.end("Yes [1].")
    quoted = QuotedMessage("C1", "1.1", "Yes", ADA)
    inbox.store(
        database,
        inbox.NewQuestion(
            key="m:1",
            address=ReplyAddress("T1", "C1", BEN, ts="1.1", thread_ts="1.1"),
            origin=Origin.REACTION,
            question="",
            enclosed=Enclosures(quoted),
        ),
    )
    personal_data.forget_person(database, ADA)
    left = dump(database)
    assert ADA not in left
    assert left.count("Ada Marlow") == left.count("Ada Marlow Street")
    assert "Yes, says someone." in left
    personal_data.forget_person(database, BEN)
    with database.transaction() as transaction:
        waiting = transaction.scalar(text("SELECT count(*) FROM deliveries WHERE enclosed IS NOT NULL"))
    assert waiting == 1  # until it is answered


@pytest.mark.parametrize("language", SPOKEN)
def test_an_expert_is_named_no_more_in_whatever_language_a_correction_was_told(
    database: Database, language: str
) -> None:
    corrected = answered(database, "How many pelicans?", key="one", user=BEN)
    said = say_in(language, corrections.CORRECTED, name="Ada Marlow", day="3 May")
    values = {"turn": corrected.id, "author": ADA, "id": UUID(int=7), "notice": f"✅ {said}"}
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE turns SET notice = :notice WHERE id = :turn"), values)
        transaction.execute(
            text("INSERT INTO verified_answers "
                 "(id, turn_id, question, answer, author, author_name, place, status) "
                 """VALUES (:id, :turn, 'How?', 'So.', :author, 'Ada Marlow', '{"team": "T1"}', 'active')"""),
            values,
        )  # fmt: skip
    personal_data.forget_person(database, ADA)
    with database.transaction() as transaction:
        (notice,) = transaction.scalars(text("SELECT notice FROM turns WHERE notice IS NOT NULL")).all()
    assert "Ada" not in notice
    assert personal_data.SOMEONE in notice


def test_an_expert_is_named_no_more_below_what_they_corrected_nor_where_it_was_found(database: Database) -> None:
    """Also in what a model was given; the same words elsewhere are somebody else's."""
    corrected = answered(database, "How many pelicans?", key="one", user=BEN)
    id_, name = UUID(int=7), 'Ada "Jö" Marlow'
    with database.transaction() as transaction:
        values = {"id": id_, "turn": corrected.id, "author": ADA, "name": name}
        transaction.execute(
            text("UPDATE turns SET notice = '✅ Corrected by ' || :name || ' on 3 May.' WHERE id = :turn"), values
        )
        transaction.execute(
            text("INSERT INTO verified_answers "
                 "(id, turn_id, question, answer, author, author_name, place, status) "
                 """VALUES (:id, :turn, 'How many?', 'Three.', :author, :name, '{"team": "T1"}', 'active')"""),
            values,
        )  # fmt: skip
    other = Recorded.begin(database, f"May {name} Street keep them?", key="two", user=BEN)
    found = {"verified": [{"title": "How many?", "document_id": id_.hex, "by": name, "on": "2026-05-03"}]}
    messages = [SYSTEM, other.open(), other.tool("c", position=2, result=found)]
    other.ask(messages, {"role": "assistant", "content": "Yes [1]."})
    other.end("Yes [1].")
    personal_data.forget_person(database, ADA)
    left = dump(database)
    assert left.count("Marlow") == left.count("Marlow Street") > 0
    with database.transaction() as transaction:
        assert transaction.scalars(text("SELECT notice FROM turns WHERE notice IS NOT NULL")).all() == [
            "✅ Corrected by someone on 3 May."
        ]
        results = transaction.scalars(text("SELECT result FROM tool_calls WHERE result ? 'verified'"))
        assert results.one()["verified"][0]["by"] == "someone"


@pytest.mark.parametrize(
    ("name", "left_of_text"), [("Ann", "Annual leave, says someone."), ("3", None), ("text", None), ("true", None)]
)
def test_a_name_that_is_part_of_a_word_or_of_json_spoils_no_record(
    database: Database, name: str, left_of_text: str | None
) -> None:
    turn = Recorded.begin(database, "Which leave?", key="thread", user=BEN)
    said = "Annual leave, says Ann."
    read = {"messages": [{"who": name, "text": said, "n": 3, "is_docent": True}], "people": {ADA: name}}
    turn.ask(
        [SYSTEM, turn.open(), turn.tool("c", position=2, result=read)], {"role": "assistant", "content": "Yes."}
    )
    turn.end("Yes.")
    personal_data.forget_person(database, ADA)
    with database.transaction() as transaction:
        results = transaction.scalars(text("SELECT result FROM tool_calls WHERE result ? 'people'"))
        (message,) = results.one()["messages"]
    assert (message["text"], message["n"], message["is_docent"]) == (left_of_text or said, 3, True)


def test_the_same_question_of_somebody_else_is_kept_whole(database: Database) -> None:
    answered(database, SECRET, key="ada", user=ADA)
    other = answered(database, SECRET, key="ben", user=BEN)
    personal_data.forget_person(database, ADA)
    (turn,) = session_query.load(database, str(other.id))["turns"]
    assert turn["question"] == SECRET
    request = turn["model_calls"][0]["request"]
    assert request is not None
    assert SECRET in request["messages"][1]["content"]


def test_a_question_that_is_being_answered_stays_until_it_has_ended(database: Database) -> None:
    Recorded.begin(database, SECRET, user=ADA)
    assert personal_data.forget_person(database, ADA).n_open == 1
    assert "zanzibar" in dump(database)


def test_a_person_is_told_what_is_stored_about_them_and_nothing_about_others(database: Database) -> None:
    talk(database)
    exported = json.loads(json.dumps(personal_data.export_person(database, ADA), default=str))
    assert exported["user_id"] == ADA
    (question,) = exported["questions"]
    assert (question["question"], question["answer"], question["channel"]) == (SECRET, "At most 5 days [1].", "C1")
    assert [rating["comment"] for rating in exported["ratings"]] == ["thanks", "thanks"]
    assert BEN not in json.dumps(exported)


def test_a_name_with_an_underscore_is_not_taken_for_another(database: Database) -> None:
    insert = text(
        "INSERT INTO budgets (id, scope, subject, period, starts_on) "
        "VALUES (:id, 'person', :subject, 'day', now())"
    )
    with database.transaction() as transaction:
        for number, name in enumerate(("ann_lee", "annalee")):
            transaction.execute(insert, {"id": UUID(int=number), "subject": f"T1:{name}"})
    assert len(personal_data.export_person(database, "ann_lee")["budgets"]) == 1
    personal_data.forget_person(database, "ann_lee")
    with database.transaction() as transaction:
        assert transaction.scalars(text("SELECT subject FROM budgets")).all() == ["T1:annalee"]


@pytest.mark.parametrize("user", ["", "%", "U1' OR 1", "U*"])
def test_what_is_no_id_is_refused(database: Database, user: str) -> None:
    with pytest.raises(UserError, match="is not the id of a person"):
        personal_data.forget_person(database, user)


def test_what_a_person_set_for_channels_is_read_out_and_names_them_no_more(database: Database) -> None:
    def change(field: str, value: object, by: str) -> None:
        with database.transaction() as transaction:
            channel_settings.change(transaction, team="T1", channel="C1", field=field, value=value, changed_by=by)

    change("experts", [ADA, BEN], BEN)
    change("instructions", f"Send them to <@{ADA}>.", ADA)
    change("experts", [ADA], BEN)
    read = personal_data.export_person(database, ADA)
    assert [row["version"] for row in read["settings_of_channels"]] == [1, 2, 3]
    personal_data.forget_person(database, ADA)
    with database.transaction() as transaction:
        versions = channel_settings.load_history(transaction, team="T1", channel="C1")
    assert ADA not in str(versions)
    assert [version.stored for version in reversed(versions)] == [
        {"experts": [BEN]},
        {"experts": [BEN], "instructions": "Send them to <@someone>."},
        {"experts": [], "instructions": "Send them to <@someone>."},
    ]
    assert channel_settings.apply(versions[0].stored, ChannelSettings()).experts == ()
    assert channel_settings.apply(versions[1].stored, ChannelSettings()).experts == (BEN,)
