"""The forms that open from an answer: to follow up on one that only the asker sees, and to publish one.

Owns their JSON, in both directions.
"""

import json
from dataclasses import dataclass
from uuid import UUID

from bot.slack.block_kit import View, plain_text
from bot.slack.client import Payload

ASK_ON, PUBLISH = "docent_ask_on_form", "docent_publish_form"
FIELD = "field"
QUESTION_CHARS = 3_000
EMPTY = "Please write your question."
NO_CHANNEL = "Please choose a channel."


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
        "title": plain_text("Ask a follow-up"),
        "submit": plain_text("Ask"),
        "close": plain_text("Cancel"),
        "blocks": [
            {
                "type": "input",
                "block_id": FIELD,
                "optional": False,
                "label": plain_text("What else would you like to know? Only you see the answer."),
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
        "title": plain_text("Publish this answer"),
        "submit": plain_text("Publish"),
        "close": plain_text("Cancel"),
        "blocks": [
            {
                "type": "input",
                "block_id": FIELD,
                "optional": False,
                "label": plain_text("Your question and the answer are posted, with your name, in"),
                "element": {
                    "type": "conversations_select",
                    "action_id": FIELD,
                    "filter": {"include": ["public", "private"], "exclude_bot_users": True},
                },
            }
        ],
    }


def parse_ask_on(view: Payload) -> FollowUp:
    """Reads a submitted form; its question may be empty. Raises ValueError for one that is not ours."""
    kept = _read_kept(view, "session", "channel", "response_url")
    session_key, channel, url = kept
    return FollowUp(session_key, channel, url, str(_read_field(view).get("value") or "").strip())


def parse_publish(view: Payload) -> PublishOrder:
    """Reads a submitted form; its channel may be empty. Raises ValueError for one that is not ours."""
    turn_id, channel, thread_ts = _read_kept(view, "turn_id", "channel", "thread_ts")
    target = str(_read_field(view).get("selected_conversation") or "")
    return PublishOrder(UUID(turn_id), channel, thread_ts, target)


def _read_kept(view: Payload, *names: str) -> list[str]:
    kept = json.loads(str(view.get("private_metadata") or "{}"))
    if not isinstance(kept, dict) or not kept.keys() >= set(names):
        raise ValueError("a form that is not ours")
    return [str(kept[name]) for name in names]


def _read_field(view: Payload) -> Payload:
    values = (view.get("state") or {}).get("values") or {}
    return (values.get(FIELD) or {}).get(FIELD) or {}
