"""What Slack sends, read into what it means."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from bot.slack.intake import events
from bot.slack.intake.events import MAX_TEXT_CHARS
from bot.slack.interactions.feedback.feedback_form import Thumb

BOT = "U0BOT"
BODY = {"team_id": "T1", "authorizations": [{"user_id": BOT, "is_bot": True}]}
MESSAGE = {"type": "message", "user": "U1", "channel": "C1", "ts": "2.1", "text": "How many days?", "team": "T1"}


@pytest.mark.parametrize(
    ("change", "body", "origin", "question"),
    [
        ({"type": "app_mention", "text": f"<@{BOT}> How many?"}, BODY, "mention", "How many?"),
        ({"text": f"Hey <@{BOT}|docent>, how many?"}, BODY, "mention", "Hey  , how many?"),
        ({"channel_type": "im"}, BODY, "dm", "How many days?"),
        ({"channel_type": "im", "text": f"<@{BOT}> How many?"}, BODY, "dm", "How many?"),
        ({"thread_ts": "1.1", "text": "And sick leave?"}, BODY, "thread", "And sick leave?"),
        ({"text": "Is <https://a.example|the page> up?"}, BODY, "channel", "Is the page (https://a.example) up?"),
        ({"type": "app_mention", "text": "<@U0ANY> How many?"}, {"team_id": "T1"}, "mention", "How many?"),
        (  # the bot of another company that has installed the app, in a channel of both: Slack tells it once
            {"type": "app_mention", "text": "<@U0THEIRS> How many?"},
            BODY | {"is_ext_shared_channel": True},
            "mention",
            "How many?",
        ),
        ({"subtype": "file_share", "channel_type": "im"}, BODY, "dm", "How many days?"),
        ({"text": None, "channel_type": "im"}, BODY, "dm", ""),
    ],
)
def test_a_message_is_read_with_how_it_was_asked(
    change: dict[str, Any], body: dict[str, Any], origin: str, question: str
) -> None:
    message = events.parse_message(MESSAGE | change, body)
    assert message
    assert message.origin == origin
    assert message.question == question


@pytest.mark.parametrize(
    "change",
    [
        {"subtype": "message_changed"},
        {"subtype": "channel_join"},
        {"bot_id": "B1"},
        {"user": None},
    ],
)
def test_what_no_person_wrote_is_no_message(change: dict[str, Any]) -> None:
    assert events.parse_message(MESSAGE | change, BODY) is None


def test_a_message_that_has_replies_is_no_reply_itself() -> None:
    """Slack then names its own thread in it: in a history, and where it was edited."""
    message = events.parse_message(MESSAGE | {"thread_ts": MESSAGE["ts"]}, BODY)
    assert message
    assert not message.may_be_follow_up


def test_a_mention_and_its_twin_have_one_key() -> None:
    text = f"<@{BOT}> How many?"
    mention = events.parse_message(MESSAGE | {"type": "app_mention", "text": text}, BODY)
    twin = events.parse_message(MESSAGE | {"text": text}, BODY)
    assert mention
    assert twin
    assert mention.key == twin.key == "message:T1:C1:2.1"
    assert mention.address == twin.address


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"thread_ts": "1.1"}, True),
        ({}, False),
        ({"thread_ts": "1.1", "text": " <@U2> what do you think?"}, False),
        ({"thread_ts": "1.1", "text": "<!here> look"}, False),
    ],
)
def test_a_follow_up_is_a_reply_that_is_addressed_to_nobody_else(change: dict[str, Any], expected: bool) -> None:
    message = events.parse_message(MESSAGE | change, BODY)
    assert message
    assert message.may_be_follow_up is expected


def test_the_answer_goes_into_the_thread_of_the_question_or_begins_one() -> None:
    root, reply = (events.parse_message(MESSAGE | change, BODY) for change in ({}, {"thread_ts": "1.1"}))
    assert root
    assert reply
    assert (root.address.thread_ts, reply.address.thread_ts) == ("2.1", "1.1")


def test_a_person_of_another_company_is_known_as_such() -> None:
    message = events.parse_message(MESSAGE | {"user_team": "T2"}, BODY)
    assert message
    assert (message.address.team_id, message.address.asker_team_id) == ("T1", "T2")


def test_a_text_of_any_length_is_bounded() -> None:
    message = events.parse_message(MESSAGE | {"text": "x" * (MAX_TEXT_CHARS + 1)}, BODY)
    assert message
    assert len(message.question) == MAX_TEXT_CHARS


def test_a_command_is_read_with_where_to_answer() -> None:
    body = {
        "team_id": "T1",
        "channel_id": "C1",
        "user_id": "U1",
        "command": "/ask",
        "text": " How many? ",
        "trigger_id": "1.2",
        "response_url": "https://hooks.example/1",
    }
    command = events.parse_command(body)
    assert command
    assert (command.name, command.question, command.key) == ("/ask", "How many?", "command:T1:1.2")
    assert (command.address.thread_ts, command.address.response_url) == (None, "https://hooks.example/1")


def test_a_press_on_stop_is_read_with_when_it_was() -> None:
    event = {"channel": "C1", "user": "U1", "thread_ts": "1.1", "event_ts": "5.5"}
    press = events.parse_stop(event, {"team_id": "T1", "event_id": "Ev1"})
    assert press
    assert (press.key, press.pressed_at) == ("stop:T1:Ev1", 5.5)
    assert press.address.session_key == "slack:T1:C1:1.1"


def test_a_click_on_a_thumb_is_read_with_who_clicked() -> None:
    turn_id = uuid4()
    body = {"user": {"id": "U1"}, "trigger_id": "1.2"}
    click = events.parse_click(body, {"value": f"down:{turn_id}"})
    assert click
    assert (click.turn_id, click.thumb, click.user_id, click.trigger_id) == (turn_id, Thumb.DOWN, "U1", "1.2")


@pytest.mark.parametrize("value", ["", "up", "up:", "up:1", f"sideways:{UUID(int=0)}", None])
def test_a_button_that_is_not_ours_is_no_click(value: str | None) -> None:
    assert events.parse_click({"user": {"id": "U1"}}, {"value": value}) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("thanks <@U2>!", True),
        ("What do you think, <@U2>?", True),
        ("<!subteam^S1> please", True),
        ("How much leave does <@U2> have?", False),
        ("What is the notice period for <@U2>?", False),
        ("thanks, and how do I book it?", False),
    ],
)
def test_a_reply_is_to_others_where_it_begins_or_ends_with_their_name(text: str, expected: bool) -> None:
    message = events.parse_message(MESSAGE | {"thread_ts": "1.1", "text": text}, BODY)
    assert message
    assert message.is_to_others is expected
