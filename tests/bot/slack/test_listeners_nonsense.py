"""Whatever Slack sends, in whatever order and however often: no listener raises, and so no request gets a 500.

A known payload of each kind is bent: anything in it is missing, null, huge or of another type.
"""

import copy
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, cast
from unittest.mock import Mock
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import ReplyError, UserError
from agent.store.budgets import Budgets
from agent.store.database import Database
from bot.slack import listeners
from bot.slack.channels import thread_menu
from bot.slack.channels.channel_settings import ChannelSettings, FollowUps
from bot.slack.channels.settings_cache import SettingsCache
from bot.slack.client import SlackUnavailable
from bot.slack.docent_command import table
from bot.slack.docent_command.listener import DocentCommand
from bot.slack.home import channel_form, operator_view
from bot.slack.home.context import HomeContext, SyncControl
from bot.slack.home.listeners import HomeListeners
from bot.slack.intake.intake import Intake
from bot.slack.intake.scheduled.command import ScheduledCommand
from bot.slack.intake.scheduled.standing import Standing
from bot.slack.interactions import answer_again, forms
from bot.slack.interactions.answer_listeners import AnswerListeners
from bot.slack.interactions.background import Tell, Work
from bot.slack.interactions.experts import correction_form, request_message, reviews
from bot.slack.interactions.experts.expert_listeners import ExpertListeners
from bot.slack.interactions.feedback import feedback_form
from bot.slack.listeners import ListenerContext
from bot.slack.membership import changes
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
    "response_url": "no-address",
}
TURN = "01890a5d-ac96-774b-bcce-b302099a8057"
BUTTON = CLICK | {
    "actions": [{"action_id": "docent_suggestion_0", "value": f"{TURN} How many days?", "action_ts": "1.3"}],
    "response_url": "no-address",
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
FEEDBACK: dict[str, Any] = FORM | {
    "view": {
        "callback_id": feedback_form.CALLBACK,
        "private_metadata": TURN,
        "state": {
            "values": {
                "kind": {"kind": {"selected_option": {"value": "wrong"}}},
                "comment": {"comment": {"value": "It is 6 days."}},
                "outdated": {"outdated": {"selected_options": [{"value": TURN}]}},
            }
        },
    }
}
CORRECTION: dict[str, Any] = FORM | {
    "view": {
        "callback_id": correction_form.CALLBACK,
        "private_metadata": json.dumps(
            {"turn_id": TURN, "answer_id": "", "place": {"team": "T1", "channel": "C1"}}
        ),
        "state": {
            "values": {
                "question": {"question": {"value": "How many days?"}},
                "answer_0": {"answer_0": {"value": "Six."}},
            }
        },
    }
}
CHANNEL_FORM: dict[str, Any] = FORM | {
    "view": {
        "callback_id": channel_form.CALLBACK,
        "private_metadata": json.dumps(
            {"team": "T1", "channel": "C1", "version": 0, "opened_at": 4e9, "is_operator": True}
        ),
        "state": {
            "values": {
                "follow_ups": {"follow_ups": {"selected_option": {"value": "always"}}},
                "muted": {"muted": {"selected_option": {"value": "off"}}},
                channel_form.PEOPLE: {channel_form.PEOPLE: {"selected_users": ["U1", "U2"]}},
                channel_form.GROUPS: {channel_form.GROUPS: {"selected_options": [{"value": "S1"}]}},
                "sources": {"sources": {"selected_options": [{"value": "handbook"}]}},
                "tone": {"tone": {"value": "short"}},
                "budget_day_usd": {"budget_day_usd": {"value": "2.50"}},
            }
        },
    }
}
HOME_CLICK: dict[str, Any] = {
    "type": "block_actions",
    "team": {"id": "T1"},
    "user": {"id": "U1"},
    "view": {"id": "V1", "hash": "1.a"},
    "trigger_id": "1.2.3",
    "actions": [{"action_id": operator_view.CHANNEL, "selected_conversation": "C1", "value": "handbook"}],
}
OPENED = {"type": "app_home_opened", "user": "U1", "channel": "D1"}
TYPED: dict[str, Any] = {
    "team_id": "T1",
    "channel_id": "C1",
    "user_id": "U1",
    "command": "/docent",
    "text": "every monday 9:00 in English: Who is on call?",
    "trigger_id": "1.2.3",
    "response_url": "no-address",
}
PAYLOADS: list[dict[str, Any]] = [
    FEEDBACK,
    CORRECTION,
    CHANNEL_FORM,
    HOME_CLICK,
    BUTTON | {"actions": [{"action_id": f"{feedback_form.ACTION}_down", "value": f"down:{TURN}"}]},
    BUTTON | {"actions": [{"action_id": answer_again.ACTION, "value": TURN}]},
    BUTTON | {"actions": [{"action_id": request_message.TAKE, "value": TURN}]},
    BUTTON | {"actions": [{"action_id": f"{reviews.ACTION}_keep", "value": f"{TURN} 0a"}]},
    TYPED,
    *(TYPED | {"text": words} for words in ("", "settings tone “short”", "mute", "sync x", "every remove 1", "x")),
    BODY | {"event": REACTION | {"reaction": "x"}, "event_id": "Ev1"},
    BODY
    | {"event": {"type": "app_home_opened", "tab": "home", "user": "U1", "channel": "D1", "view": {"hash": "1"}}},
    BODY | {"event": {"type": "app_home_opened", "tab": "messages", "user": "U1", "channel": "D1"}},
    BODY
    | {
        "event": {
            "type": "agent_session_stopped",
            "channel": "D1",
            "user": "U1",
            "thread_ts": "1.1",
            "event_ts": "2.0",
        },
        "event_id": "Ev2",
    },
    BODY | {"event": {"type": "member_joined_channel", "user": "U1", "channel": "C1"}},
    BODY | {"event": {"type": "user_change", "user": {"id": "U1"}}},
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
    st.sampled_from([None, "", 0, -1, 10**30, 1.5, float("nan"), True, [], {}, [None], [[]], {"": None}, "<@"]),
    st.sampled_from(["x" * 50_000, "every " + "x, " * 10_000, "\x00", "a\x00b", "\ud83d", "1e999", "9" * 5_000]),
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


class AwaySlack:
    """A Slack that does not answer."""

    def call(self, method: str, **arguments: object) -> None:
        raise SlackUnavailable(method, may_have_happened=False)

    try_once = call


class Inline:
    """Does at once what :class:`bot.slack.interactions.background.Background` does on its threads."""

    def submit(self, work: Work, tell: Tell) -> None:
        try:
            message = work()
            if message:
                tell(message)
        except (UserError, ReplyError):
            pass


def make_home(context: ListenerContext) -> HomeContext:
    """Makes what the Home tab works with, where everybody is an operator and Slack is away."""
    return HomeContext(
        database=context.database,
        slack=cast(Any, AwaySlack()),
        audiences=cast(Any, Mock(of_reader=AwaySlack().call, list_groups=AwaySlack().call)),
        operators=cast(Any, Mock(has=lambda id_, **_: bool(id_), may_edit=lambda id_, channel, **_: bool(id_))),
        settings=context.intake.settings,
        syncs=SyncControl(dict, lambda name: False),
        models=["small", "large"],
        budgets=Budgets({}),
        command="/docent",
    )


def hear(context: ListenerContext, payload: dict[str, Any]) -> None:
    """Calls the listeners that the payload may be for: Bolt chooses by what was not bent."""
    below = AnswerListeners(context.intake, Mock(), partial(listeners.ask, context))
    experts = ExpertListeners(context.intake, Mock())
    home_context, background = make_home(context), cast(Any, Inline())
    home = HomeListeners(home_context, background)

    def ack(**values: Any) -> None:
        if "errors" in values:  # Slack shows none without a block
            assert values["errors"]

    event = payload.get("event")
    if isinstance(event, dict):
        match event.get("type"):
            case "reaction_added":
                listeners.on_reaction(context, event, payload)
            case "app_home_opened":
                home.on_opened(event, payload)
                listeners.on_home_opened(context, event)
            case "agent_session_stopped":
                listeners.on_stop(context, event, payload)
            case str(name) if name in changes.EVENTS:
                changes.store(context.database, event)
            case _:
                listeners.on_message(context, event, payload)
    elif payload.get("type") == "message_action":
        listeners.on_shortcut(context, cast(Any, ack), payload)
    elif "actions" in payload:
        actions = payload["actions"]
        action = actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], dict) else {}
        listeners.on_follow_ups(context, cast(Any, ack), payload, action)
        listeners.on_answer_privately(context, cast(Any, ack), payload, action)
        listeners.on_answer_again(context, cast(Any, ack), payload, action)
        listeners.on_feedback(context, cast(Any, ack), payload, action)
        for click in (below.on_how, below.on_share, below.on_publish, below.on_ask_on, below.on_suggestion):
            click(cast(Any, ack), payload, action)
        for click in (experts.on_ask_human, experts.on_correct, experts.on_take, experts.on_resolve):
            click(cast(Any, ack), payload, action)
        experts.on_review(cast(Any, ack), payload, action)
        home.on_refresh(cast(Any, ack), payload)
        home.on_sync(cast(Any, ack), payload, action)
        home.on_channel(cast(Any, ack), payload, action)
    elif isinstance(payload.get("view"), dict):
        view = payload["view"]
        for submit in (below.on_publish_form, below.on_ask_on_form, experts.on_correction, home.on_channel_form):
            submit(cast(Any, ack), payload, view)
        listeners.on_feedback_form(context, cast(Any, ack), payload, view)
    elif "command" in payload:
        standing = Standing(context.database, home_context.slack, home_context.audiences, ZoneInfo("UTC"))
        scheduled = ScheduledCommand(context.database, standing)
        DocentCommand(background, table.build(home_context, scheduled)).on_command(cast(Any, ack), payload)
        listeners.on_command(context, cast(Any, ack), payload)


@given(payloads=st.lists(bent(), min_size=1, max_size=6), everybody=st.booleans())
@settings(
    max_examples=int(os.environ.get("DOCENT_NONSENSE", "100")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_payload_makes_a_listener_raise(
    database: Database, payloads: list[dict[str, Any]], everybody: bool
) -> None:
    kept = ChannelSettings(FollowUps.ALWAYS if everybody else FollowUps.ASKER, respond_to_all=everybody)
    cache = SettingsCache(replace(kept, experts=("U9",)))
    intake = Intake(database, lambda session_id: None, settings=cache, emoji="question")
    context = ListenerContext(intake, cast(Any, Notified()), Mock(), load_source_owners=lambda workspace: {})
    for payload in [*payloads, *reversed(payloads)]:
        hear(context, payload)
