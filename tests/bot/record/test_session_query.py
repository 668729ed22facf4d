"""Sessions read back from the database, whole and as a list."""

import json

from agent.store.database import Database
from bot.record import session_query
from tests.recorded import SCHEMA, SHOWN, answered, searched_again

KEYS_OF_A_CALL = {
    "position", "attempt", "purpose", "model", "status", "params", "prompt_tokens", "cached_tokens",
    "completion_tokens", "reserved_usd", "cost_usd", "latency_ms", "first_token_ms", "n_tries", "finish_reason",
    "error", "request", "response",
}  # fmt: skip


def test_for_programs_requests_hold_the_messages_themselves(database: Database) -> None:
    turn = searched_again(database)
    (record,) = session_query.load(database, str(turn.id))["turns"]
    first, second = record["model_calls"]
    assert set(first) > KEYS_OF_A_CALL
    assert first["request"] is not None
    assert second["request"] is not None
    assert second["response"] is not None
    assert [message["role"] for message in second["request"]["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
    ]
    assert first["request"]["tools"] == [SCHEMA]
    assert second["response"]["choices"][0]["message"]["content"] == "At most 5 days [1]."
    assert record["tool_calls"][0]["result"] == {"passages": [SHOWN]}
    assert json.dumps(record)
    (of_page,) = session_query.load_conversation(database, "T1", channel="C1", thread_ts="1.1")
    request = of_page["model_calls"][0]["request"]
    assert request is not None
    assert all(isinstance(name, str) for name in request["messages"])


def test_a_session_is_listed_with_its_latest_question(database: Database) -> None:
    answered(database, "First?")
    answered(database, "Second?")
    (row,) = session_query.list_recent(database, limit=5)
    assert (row["last_question"], row["n_turns"]) == ("Second?", 2)
