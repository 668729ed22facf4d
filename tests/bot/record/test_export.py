"""Rated answers as data: what is written, what is left out, and that nobody is named."""

import json
from collections import Counter
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest

from agent.clock import now
from agent.store.database import Database
from bot.record import export
from bot.record.export import Exported, ExportFilter, ExportScope, LeftOut
from tests.recorded import SCHEMA, SYSTEM, Recorded, answered, searched_again, set_readers


def exported(database: Database, format: str, **wanted: Any) -> tuple[Exported, list[dict[str, Any]]]:
    out = StringIO()
    since = wanted.pop("since", now() - timedelta(days=7))
    until = wanted.pop("until", now() + timedelta(minutes=1))
    scope = wanted.pop("scope", ExportScope({"C1"}.__contains__, {"search_docs", "thread_history"}))
    done = export.export(database, ExportFilter(since, until, **wanted), scope=scope, format=format, output=out)
    return done, [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_well_rated_answer_becomes_the_conversation_the_model_had(database: Database) -> None:
    searched_again(database).rate(1)
    done, (line,) = exported(database, "openai-chat")
    assert done == Exported(1)
    assert set(line) == {"messages", "tools"}
    assert line["tools"] == [SCHEMA]
    system, question, wish, result, final = line["messages"]
    assert system == SYSTEM
    assert question["content"].startswith("How many days?\n\n<evidence")
    function = {"name": "search_docs", "arguments": '{"query": "carry over"}'}
    assert wish == {
        "role": "assistant",
        "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
    }
    assert set(result) == {"role", "tool_call_id", "content"}
    assert result["tool_call_id"] == "call_1"
    assert final == {"role": "assistant", "content": "At most 5 days [1]."}


def test_only_answers_that_are_worth_learning_are_taken(database: Database) -> None:
    answered(database, key="good").rate(1)
    answered(database, key="unrated")
    answered(database, key="bad").rate(-1)
    answered(database, key="mixed").rate(1).rate(-1, user="U2")
    answered(database, key="old").rate(1).age(8)
    turn = Recorded.begin(database, key="no_evidence")
    turn.ask([SYSTEM, turn.open()], {"role": "assistant", "content": "No."})
    turn.end("No.", reason="no_evidence").rate(1)
    quoted = Recorded.begin(database, key="quoted")
    quoted.ask([SYSTEM, quoted.open()], {"role": "assistant", "content": "“5 days” [1]"}, model="local/extractive")
    quoted.end().rate(1)
    other = Recorded.begin(database, key="other")
    other.ask([SYSTEM, other.open()], {"role": "assistant", "content": "5 days [1]"}, model="other/model")
    other.end().rate(1)
    done, lines = exported(database, "openai-chat", model="openai/scripted")
    assert len(lines) == 1
    assert done == Exported(
        1, Counter({LeftOut.MIXED: 1, LeftOut.UNANSWERED: 1, LeftOut.QUOTED: 1, LeftOut.OTHER_MODEL: 1})
    )
    said = list(export.describe(done, format="openai-chat", to="x.jsonl"))
    assert said[0] == "1 written to x.jsonl."
    assert "1 left out: quoted without a language model." in said


def test_a_badly_rated_answer_becomes_a_case(database: Database) -> None:
    answered(database, "First?")
    answered(database, "And then?").rate(-1, "It is wrong: 10 days", user="U2").rate(1, "ok", user="U3")
    done, (case,) = exported(database, "eval")
    assert done.n_written == 1
    assert case.pop("id").startswith("turn-")
    assert case == {
        "kind": "rated_badly",
        "question": "And then?",
        "history": [{"speaker": "user", "text": "First?"}, {"speaker": "agent", "text": "At most 5 days [1]."}],
        "relevant": [],
        "relevant_groups": [],
        "facts": [],
        "fact_files": [],
        "answer": "",
        "said": "At most 5 days [1].",
        "comment": "It is wrong: 10 days",
        "cited": ["https://handbook.example/leave"],
    }


def test_nobody_is_named(database: Database) -> None:
    asker, other, rater = "U0ASKER01", "U0OTHER02", "U0RATER03"
    question = f"What did <@{other}|bob> tell <@{other}> and {asker}?"
    for rating in (1, -1):
        turn = Recorded.begin(database, question, key=str(rating), user=asker)
        turn.ask([SYSTEM, turn.open()], {"role": "assistant", "content": "At most 5 days [1]."})
        turn.end(f"<@{asker}> says so [1].").rate(rating, f"ask <@{other}>", user=rater)
    for format in ("openai-chat", "eval"):
        done, lines = exported(database, format)
        assert done.n_written == 1
        assert not [name for name in (asker, other, rater, "bob") if name in json.dumps(lines)]


def test_who_wrote_in_a_thread_that_a_tool_read_is_not_named_either(database: Database) -> None:
    """As the tool shows it, quoted within JSON: ``"who": "U…"``, ``@U…``, and ids right after a line's end."""
    ids = ["U0WRITER01", "W0MENTION2", "U0LINE0003", "U0ESCAPED4"]
    writer, mentioned, line, escaped = ids
    text = f"WEDNESDAY and UNDERSTANDING at @{mentioned}\n{line} <@{escaped}"
    turn = Recorded.begin(database)
    messages = [SYSTEM, turn.open()]
    messages.append(turn.tool("c1", position=2, result={"messages": [{"who": writer, "text": text}]}))
    turn.ask(messages, {"role": "assistant", "content": f"{writer}: 5 days [1]."})
    turn.end().rate(1)
    _, (found,) = exported(database, "openai-chat")
    assert not [one for one in ids if one in json.dumps(found)]
    (message,) = json.loads(found["messages"][2]["content"])["messages"]
    assert message == {"who": "someone", "text": "WEDNESDAY and UNDERSTANDING at @someone\nsomeone <@someone"}


def test_many_pages_are_read_and_nothing_found_is_said(database: Database) -> None:
    for i in range(export.PAGE + 3):
        answered(database, f"{i}?", key=str(i)).rate(-1)
    done, cases = exported(database, "eval")
    assert done.n_written == export.PAGE + 3
    assert [case["question"] for case in cases] == [f"{i}?" for i in range(export.PAGE + 3)]
    none, lines = exported(database, "openai-chat")
    assert lines == []
    assert list(export.describe(none, format="openai-chat", to="-")) == ["No answer was rated 👍 in this time."]


@pytest.mark.parametrize(("format", "rating"), [("openai-chat", 1), ("eval", -1)])
def test_nothing_is_taken_from_documents_that_not_everyone_may_read(
    database: Database, format: str, rating: int
) -> None:
    answered(database).rate(rating)
    assert exported(database, format)[0] == Exported(1)
    with database.transaction() as transaction:
        set_readers(transaction, {"channel:C1"})
    later = Recorded.begin(database)  # in the same session; its own answer stands on nothing
    later.ask([SYSTEM], {"role": "assistant", "content": "As I said."})
    later.end("As I said.").rate(rating)
    assert exported(database, format)[0] == Exported(0, Counter({LeftOut.RESTRICTED: 2}))
    with database.transaction() as transaction:
        transaction.connection().exec_driver_sql("DELETE FROM documents")
    assert exported(database, format)[0] == Exported(0, Counter({LeftOut.RESTRICTED: 2}))


@pytest.mark.parametrize(("format", "rating"), [("openai-chat", 1), ("eval", -1)])
def test_nor_from_documents_that_were_only_told_of(database: Database, format: str, rating: int) -> None:
    """Such as those that a verified answer rests on: its own readers are known to the index a moment later."""
    turn = Recorded.begin(database)
    told = turn.tool("call_0", position=0, result={"documents": [{"title": "Pay", "document_id": "0" * 32}]})
    turn.ask([SYSTEM, turn.open(), told], {"role": "assistant", "content": "At most 5 days [1]."})
    turn.end("At most 5 days [1].").rate(rating)
    assert exported(database, format)[0] == Exported(0, Counter({LeftOut.RESTRICTED: 1}))


@pytest.mark.parametrize(
    ("channel", "origin", "reason"),
    [
        ("C1", "mention", None),
        ("C1", "thread", None),
        (None, "cli", None),
        ("C1", "command", LeftOut.PRIVATE),
        ("D1", "dm", LeftOut.PRIVATE),
        ("C0PRIVATE", "mention", LeftOut.PRIVATE),
    ],
)
def test_no_private_conversation_is_taken(
    database: Database, channel: str | None, origin: str, reason: LeftOut | None
) -> None:
    turn = answered(database, channel=channel).rate(1)
    answered(database, channel="C1").rate(1)  # a follow-up has the first one in its prompt
    with database.transaction() as transaction:
        change = "UPDATE turns SET origin = %s WHERE id = %s"
        transaction.connection().exec_driver_sql(change, (origin, turn.id))
    done, _ = exported(database, "openai-chat")
    assert done == (Exported(0, Counter({reason: 2})) if reason else Exported(2))


def test_no_results_of_tools_that_return_more_than_passages_are_taken(database: Database) -> None:
    searched_again(database).rate(1)
    scope = ExportScope(lambda channel: True, {"read_document"})
    assert exported(database, "openai-chat", scope=scope)[0] == Exported(0, Counter({LeftOut.OTHER_TOOLS: 1}))
