"""The forms that open from an answer: to follow up on one that only the asker sees, and to publish one.

Owns their JSON, in both directions.
"""

import json
from dataclasses import dataclass
from uuid import UUID

from agent.translation.speech import mark, say
from bot.slack.block_kit import View, plain_text
from bot.slack.client import Payload
from bot.slack.reading.foreign_json import JsonMap, to_object, to_string

ASK_ON, PUBLISH = "docent_ask_on_form", "docent_publish_form"
FIELD = "field"
QUESTION_CHARS = 3_000
EMPTY = mark("Please write your question.")
NO_CHANNEL = mark("Please choose a channel.")


@dataclass(frozen=True)
class FollowUp:
    """A question to a command's answer: in which conversation, and where the answer goes."""

    session_key: str
    channel: str
    response_url: str
    question: str


@dataclass(frozen=True)
class PublishOrder:
    """An answer to publish, to which channel, and in which thread to say what came of it."""

    turn_id: UUID
    channel: str
    thread_ts: str
    target: str


def build_ask_on(*, session_key: str, channel: str, response_url: str) -> View:
    """Builds the form for a question that follows up on a command's answer."""
    kept = {"session": session_key, "channel": channel, "response_url": response_url}
    return {
        "type": "modal",
        "callback_id": ASK_ON,
        "private_metadata": json.dumps(kept),
        "title": plain_text(say("Ask a follow-up")),
        "submit": plain_text(say("Ask")),
        "close": plain_text(say("Cancel")),
        "blocks": [
            {
                "type": "input",
                "block_id": FIELD,
                "optional": False,
                "label": plain_text(say("What else would you like to know? Only you see the answer.")),
                "element": {
                    "type": "plain_text_input",
                    "action_id": FIELD,
                    "multiline": True,
                    "max_length": QUESTION_CHARS,
                },
            }
        ],
    }


def build_publish(turn_id: UUID, *, channel: str, thread_ts: str) -> View:
    """Builds the form that asks for a channel."""
    kept = {"turn_id": str(turn_id), "channel": channel, "thread_ts": thread_ts}
    return {
        "type": "modal",
        "callback_id": PUBLISH,
        "private_metadata": json.dumps(kept),
        "title": plain_text(say("Publish this answer")),
        "submit": plain_text(say("Publish")),
        "close": plain_text(say("Cancel")),
        "blocks": [
            {
                "type": "input",
                "block_id": FIELD,
                "optional": False,
                "label": plain_text(say("Your question and the answer are posted, with your name, in")),
                "element": {
                    "type": "conversations_select",
                    "action_id": FIELD,
                    "filter": {"include": ["public", "private"], "exclude_bot_users": True},
                },
            }
        ],
    }


def parse_ask_on(view: Payload) -> FollowUp | None:
    """Reads a submitted form, whose question may be empty; returns None for one that is not ours."""
    kept = _read_kept(view)
    session_key, channel, url = (to_string(kept.get(name)) for name in ("session", "channel", "response_url"))
    if not (session_key and channel and url):
        return None
    return FollowUp(session_key, channel, url, to_string(_read_field(view).get("value")).strip())


def parse_publish(view: Payload) -> PublishOrder | None:
    """Reads a submitted form, whose channel may be empty; returns None for one that is not ours."""
    kept = _read_kept(view)
    turn_id, channel, thread_ts = (to_string(kept.get(name)) for name in ("turn_id", "channel", "thread_ts"))
    try:
        return PublishOrder(
            UUID(turn_id), channel, thread_ts, to_string(_read_field(view).get("selected_conversation"))
        )
    except ValueError:
        return None


def _read_kept(view: Payload) -> JsonMap:
    try:
        return to_object(json.loads(to_string(view.get("private_metadata"))))
    except ValueError:
        return {}


def _read_field(view: Payload) -> JsonMap:
    values = to_object(to_object(view.get("state")).get("values"))
    return to_object(to_object(values.get(FIELD)).get(FIELD))
