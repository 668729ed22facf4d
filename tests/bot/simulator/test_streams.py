"""A stream starts as a reply, grows, and ends: by a stop, by a person, by age."""

from typing import Any

import pytest
from slack_sdk.models.messages.chunk import BlocksChunk, MarkdownTextChunk, PlanUpdateChunk, TaskUpdateChunk

from bot.simulator import ADA, GENERAL, RANDOM
from tests.bot.simulator.conftest import Served, serving

RECIPIENT: dict[str, Any] = {"recipient_team_id": "T0STANDIN01", "recipient_user_id": ADA}
LONG = "x" * 12_001


@pytest.fixture
def question(shared: Served) -> str:
    return shared.workspace.person(ADA).mention(GENERAL, "why?")


def start(slack: Served, question: str, **args: Any) -> str:
    return str(slack.client.chat_startStream(channel=GENERAL, thread_ts=question, **RECIPIENT, **args)["ts"])


def test_a_stream_grows_until_it_is_stopped(shared: Served, question: str) -> None:
    ts = start(shared, question, markdown_text="One ")
    assert shared.workspace.message(ts).streaming_state == "in_progress"
    shared.client.chat_appendStream(channel=GENERAL, ts=ts, markdown_text="two ")
    stopped = shared.client.chat_stopStream(
        channel=GENERAL,
        ts=ts,
        markdown_text="three",
        blocks=[{"type": "context", "elements": [{"type": "mrkdwn", "text": "a source"}]}],
        metadata={"event_type": "answer", "event_payload": {"turn": "7"}},
    )
    message = shared.workspace.message(ts)
    assert message.streaming_state == "completed"
    assert message.plain == "One two three\na source"
    assert message.metadata == {"event_type": "answer", "event_payload": {"turn": "7"}}
    assert stopped["message"]["text"] == "One two three"
    replies = shared.client.conversations_replies(channel=GENERAL, ts=question)["messages"]
    assert [reply["ts"] for reply in replies] == [question, ts]


def test_the_helper_of_the_sdk_streams(shared: Served, question: str) -> None:
    stream = shared.client.chat_stream(channel=GENERAL, thread_ts=question, buffer_size=4, **RECIPIENT)
    stream.append(markdown_text="**Hello** ")
    stream.append(markdown_text="world")
    stream.stop(markdown_text="!")
    assert shared.workspace.message(str(stream.ts)).plain == "**Hello** world!"


def test_chunks_carry_text_tasks_a_plan_and_blocks(shared: Served, question: str) -> None:
    ts = start(shared, question, task_display_mode="plan")
    looking = TaskUpdateChunk(id="1", title="Look", status="in_progress", details="in the ")
    found = TaskUpdateChunk(id="1", title="Found", status="complete", details="handbook")
    shared.client.chat_appendStream(channel=GENERAL, ts=ts, chunks=[PlanUpdateChunk(title="Plan"), looking])
    divider = BlocksChunk(blocks=[{"type": "divider"}])
    shared.client.chat_appendStream(
        channel=GENERAL, ts=ts, chunks=[found, divider, MarkdownTextChunk(text="Done.")]
    )
    shared.client.chat_stopStream(channel=GENERAL, ts=ts)
    message = shared.workspace.message(ts)
    assert message.stream
    assert message.stream.tasks["1"]["details"] == "in the handbook"
    assert message.plain == "Done.\nPlan\nFound\nin the handbook"


REFUSED_STARTS: list[tuple[dict[str, Any], str]] = [
    ({"channel": GENERAL}, "invalid_arguments"),
    ({"channel": GENERAL, "thread_ts": "1.1", **RECIPIENT}, "cannot_reply_to_message"),
    ({"channel": RANDOM, "thread_ts": "1.1", **RECIPIENT}, "not_in_channel"),
    ({"channel": GENERAL, "thread_ts": "1.1"}, "missing_recipient_team_id"),
    ({"channel": GENERAL, "thread_ts": "1.1", "recipient_team_id": "T1"}, "missing_recipient_user_id"),
    (
        {"channel": GENERAL, "thread_ts": "1.1", "recipient_team_id": "T1", "recipient_user_id": "U1"},
        "user_not_found",
    ),
    ({"channel": GENERAL, "thread_ts": "1.1", **RECIPIENT, "markdown_text": LONG}, "msg_too_long"),
    ({"channel": GENERAL, "thread_ts": "1.1", **RECIPIENT, "metadata": {}}, "invalid_arguments"),
]


@pytest.mark.parametrize(("args", "code"), REFUSED_STARTS)
def test_a_bad_start_is_refused(shared: Served, args: dict[str, Any], code: str) -> None:
    assert shared.refusal("chat.startStream", **args) == code


def test_in_direct_messages_no_recipient_is_needed(shared: Served) -> None:
    ada = shared.workspace.person(ADA)
    ts = ada.write_dm("psst")
    assert shared.client.chat_startStream(channel=ada.dm, thread_ts=ts, markdown_text="yes?")["ok"]


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({}, "no_text"),
        ({"markdown_text": LONG}, "msg_too_long"),
        ({"chunks": [{"type": "markdown_text", "text": LONG}]}, "msg_too_long"),
        ({"chunks": "oops"}, "invalid_chunks"),
        ({"chunks": [{"type": "song"}]}, "invalid_chunks"),
        ({"chunks": [{"type": "task_update", "id": "1", "title": "t", "status": "paused"}]}, "invalid_chunks"),
        ({"chunks": [{"type": "plan_update", "title": "t" * 257}]}, "invalid_chunks"),
        ({"chunks": [{"type": "blocks", "blocks": [{"type": "divider"}] * 51}]}, "msg_blocks_too_many"),
        ({"chunks": [{"type": "blocks", "blocks": [{"type": "wall"}]}]}, "invalid_blocks"),
    ],
)
def test_a_bad_append_is_refused_and_changes_nothing(
    shared: Served, question: str, args: dict[str, Any], code: str
) -> None:
    ts = start(shared, question, markdown_text="so far")
    assert shared.refusal("chat.appendStream", channel=GENERAL, ts=ts, **args) == code
    assert shared.workspace.message(ts).plain == "so far"


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({"blocks": [{"type": "divider"}] * 51}, "msg_blocks_too_many"),
        ({"blocks": [{"type": "markdown", "text": LONG}]}, "msg_blocks_too_long"),
        ({"metadata": {"event_type": ""}}, "invalid_metadata_format"),
        ({"session_status": "asleep"}, "invalid_status"),
    ],
)
def test_a_bad_stop_is_refused_and_the_stream_lives_on(
    shared: Served, question: str, args: dict[str, Any], code: str
) -> None:
    ts = start(shared, question, markdown_text="so far")
    assert shared.refusal("chat.stopStream", channel=GENERAL, ts=ts, **args) == code
    assert shared.workspace.message(ts).streaming_state == "in_progress"


def test_a_live_stream_cannot_be_updated_or_deleted(shared: Served, question: str) -> None:
    ts = start(shared, question)
    assert shared.refusal("chat.update", channel=GENERAL, ts=ts, text="no") == "streaming_state_conflict"
    assert shared.refusal("chat.delete", channel=GENERAL, ts=ts) == "cant_delete_message"


def test_a_stopped_stream_takes_nothing_but_an_update(shared: Served, question: str) -> None:
    ts = start(shared, question, markdown_text="draft")
    shared.client.chat_stopStream(channel=GENERAL, ts=ts)
    again = {"channel": GENERAL, "ts": ts, "markdown_text": "more"}
    assert shared.refusal("chat.appendStream", **again) == "message_not_in_streaming_state"
    assert shared.refusal("chat.stopStream", **again) == "message_not_in_streaming_state"
    shared.client.chat_update(channel=GENERAL, ts=ts, markdown_text="final")
    assert shared.workspace.message(ts).plain == "final"


def test_an_old_stream_is_dead_whether_it_was_fed_or_not() -> None:
    with serving(stream_seconds=300.0) as slack:
        question = slack.workspace.person(ADA).mention(GENERAL, "why?")
        ts = start(slack, question, markdown_text="slowly")
        slack.clock.now += 299
        slack.client.chat_appendStream(channel=GENERAL, ts=ts, markdown_text=" but")
        slack.clock.now += 1
        args = {"channel": GENERAL, "ts": ts, "markdown_text": " surely"}
        assert slack.refusal("chat.appendStream", **args) == "message_not_in_streaming_state"
        assert slack.refusal("chat.stopStream", **args) == "message_not_in_streaming_state"
        assert slack.workspace.message(ts).streaming_state == "expired"
        slack.client.chat_update(channel=GENERAL, ts=ts, text="recovered")
        assert slack.workspace.message(ts).plain == "recovered"


def test_a_person_may_stop_a_stream(shared: Served, question: str) -> None:
    ts = start(shared, question, markdown_text="a long")
    assert shared.workspace.person(ADA).stop(GENERAL, question) == [ts]
    args = {"channel": GENERAL, "ts": ts, "markdown_text": " story"}
    assert shared.refusal("chat.appendStream", **args) == "stopped_by_user"
    assert shared.refusal("chat.stopStream", **args) == "message_not_in_streaming_state"


def test_only_the_owner_feeds_a_message(shared: Served, question: str) -> None:
    args = {"channel": GENERAL, "ts": question, "markdown_text": "and"}
    assert shared.refusal("chat.appendStream", **args) == "message_not_owned_by_app"
    assert shared.refusal("chat.stopStream", **args) == "message_not_owned_by_app"
    assert shared.refusal("chat.appendStream", **{**args, "ts": "1.1"}) == "message_not_found"


def test_a_stream_moves_the_session_of_its_thread(shared: Served, question: str) -> None:
    ts = start(shared, question, markdown_text="x")
    shared.client.chat_stopStream(channel=GENERAL, ts=ts, session_status="suspended")
    session = shared.workspace.threads.sessions[(GENERAL, question)]
    assert session.history == ["processing", "suspended"]
