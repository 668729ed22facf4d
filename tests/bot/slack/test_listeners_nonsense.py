"""Whatever Slack sends, in whatever order and however often: no listener raises, and so no request gets a 500.

A known payload of each kind is bent: anything in it is missing, null, huge or of another type.
"""

import copy
import json
from collections.abc import Iterator
from functools import partial
from typing import Any, cast
from unittest.mock import Mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.store.database import Database
from bot.slack import listeners
from bot.slack.channels import thread_menu
from bot.slack.channels.channel_settings import ChannelSettings, FollowUps
from bot.slack.channels.settings_cache import SettingsCache
from bot.slack.intake.intake import Intake
from bot.slack.interactions import forms
from bot.slack.interactions.answer_listeners import AnswerListeners
from bot.slack.listeners import ListenerContext
from tests.bot.slack.test_listeners import BODY, BOT, EVENT, MENTION, Notified

SHARED = {
    "is_share": True,
    "is_msg_unfurl": True,
    "channel_id": "C2",
    "ts": "1.5",
    "text": "forwarded",
    "author_id": "U2",
    "from_url": "https://acme.slack.com/archives/C0HELP/p1712345678000200",
    "message_blocks": [{"message": {"blocks": [{"type": "rich_text", "elements": []}]}}],
}
FILE = {
    "name": "a.log",
    "mimetype": "text/plain",
    "filetype": "text",
    "mode": "snippet",
    "url_private": "https://x",
}
LIST = {"type": "rich_text_list", "indent": 1, "offset": 1, "style": "ordered", "elements": []}
SPAN = {"type": "rich_text_section", "elements": [{"type": "user", "user_id": BOT, "style": {"code": True}}]}
RICH = {"blocks": [{"type": "rich_text", "elements": [SPAN, LIST]}]}
MESSAGE = EVENT | RICH | {"text": f"<@{BOT}> How many?", "attachments": [SHARED], "files": [FILE]}
EDITED = MESSAGE | {"edited": {"user": "U1", "ts": "2.0"}}
CHANGED = {
    "type": "message",
    "subtype": "message_changed",
    "channel": "C1",
    "ts": "9.9",
    "message": EDITED,
    "previous_message": EVENT | {"text": "How many?"},
}
ITEM = {"type": "message", "channel": "C1", "ts": "1.1"}
REACTION = {"type": "reaction_added", "user": "U1", "reaction": "question", "item": ITEM, "item_user": "U2"}
MENU = {"action_id": thread_menu.ACTION, "selected_option": {"value": "always"}}
CLICK: dict[str, Any] = {
    "type": "block_actions",
    "team": {"id": "T1"},
    "channel": {"id": "C1"},
    "user": {"id": "U1"},
    "message": {"ts": "1.2", "thread_ts": "1.1"},
    "container": {"thread_ts": "1.1"},
    "actions": [MENU],
}
SHORTCUT: dict[str, Any] = {
    "type": "message_action",
    "callback_id": "docent_ask_about_message",
    "team": {"id": "T1"},
    "channel": {"id": "C1"},
    "user": {"id": "U1"},
    "message": MESSAGE,
    "message_ts": "1.1",
    "trigger_id": "1.2.3",
    "response_url": "https://hooks.slack.example/1",
}
TURN = "01890a5d-ac96-774b-bcce-b302099a8057"
BUTTON = CLICK | {
    "actions": [{"action_id": "docent_suggestion_0", "value": f"{TURN} How many days?", "action_ts": "1.3"}],
    "response_url": "https://hooks.slack.example/1",
    "trigger_id": "1.2.3",
}
FORM: dict[str, Any] = {
    "type": "view_submission",
    "team": {"id": "T1"},
    "user": {"id": "U1"},
    "view": {
        "id": "V1",
        "private_metadata": json.dumps(
            {
                "turn_id": TURN,
                "thread_ts": "1.1",
                "session": "slack:T1:C1:1.1",
                "channel": "C1",
                "response_url": "x",
            }
        ),
        "state": {"values": {forms.FIELD: {forms.FIELD: {"value": "And?", "selected_conversation": "C1"}}}},
    },
}
PAYLOADS: list[dict[str, Any]] = [
    BODY | {"event": MESSAGE},
    BODY | {"event": MENTION | RICH},
    BODY | {"event": MESSAGE | {"thread_ts": "1.0", "subtype": "thread_broadcast"}},
    BODY | {"event": MESSAGE | {"channel_type": "im", "subtype": "file_share"}},
    BODY | {"event": CHANGED},
    BODY | {"event": CHANGED | {"subtype": "message_deleted", "message": None}},
    BODY | {"event": REACTION},
    SHORTCUT,
    CLICK,
    BUTTON,
    FORM,
]
NONSENSE: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [None, "", 0, -1, 10**30, 1.5, True, [], {}, [None], [[]], {"": None}, "x" * 50_000, "\x00", "<@"]
    ),
    st.text(max_size=5),
    st.just([{"type": "rich_text", "elements": [LIST | {"indent": 10**9, "offset": 10**30}]}] * 3),
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _paths(inner, (*path, key))


@st.composite
def bent(draw: st.DrawFn) -> dict[str, Any]:
    """A payload of a known kind with up to three places bent."""
    payload: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(PAYLOADS)))
    for _ in range(draw(st.integers(0, 3))):
        if not payload:
            break
        *way, last = draw(st.sampled_from(list(_paths(payload))))
        place: Any = payload
        for key in way:
            place = place[key]
        if draw(st.booleans()):
            place[last] = copy.deepcopy(draw(NONSENSE))
        else:
            del place[last]
    return payload


def hear(context: ListenerContext, payload: dict[str, Any]) -> None:
    """Calls the listeners that the payload may be for: Bolt chooses by what was not bent."""
    below = AnswerListeners(context.intake, Mock(), partial(listeners.ask, context))

    def ack(**values: Any) -> None:
        pass

    event = payload.get("event")
    if isinstance(event, dict):
        listen = listeners.on_reaction if event.get("type") == "reaction_added" else listeners.on_message
        listen(context, event, payload)
    elif payload.get("type") == "message_action":
        listeners.on_shortcut(context, cast(Any, ack), payload)
    elif "actions" in payload:
        actions = payload["actions"]
        action = actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], dict) else {}
        listeners.on_follow_ups(context, cast(Any, ack), payload, action)
        listeners.on_answer_privately(context, cast(Any, ack), payload, action)
        for click in (below.on_how, below.on_share, below.on_publish, below.on_ask_on, below.on_suggestion):
            click(cast(Any, ack), payload, action)
    elif isinstance(payload.get("view"), dict):
        for submit in (below.on_publish_form, below.on_ask_on_form):
            submit(cast(Any, ack), payload, payload["view"])


@given(payloads=st.lists(bent(), min_size=1, max_size=6), everybody=st.booleans())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_payload_makes_a_listener_raise(
    database: Database, payloads: list[dict[str, Any]], everybody: bool
) -> None:
    kept = ChannelSettings(FollowUps.ALWAYS if everybody else FollowUps.ASKER, respond_to_all=everybody)
    intake = Intake(database, lambda session_id: None, settings=SettingsCache(kept), emoji="question")
    context = ListenerContext(intake, cast(Any, Notified()))
    for payload in [*payloads, *reversed(payloads)]:
        hear(context, payload)
