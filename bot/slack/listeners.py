"""What Slack tells us, and what of it is a question.

A listener stores and returns; it is acknowledged after that, so a failure here makes Slack deliver again. No
Slack call, no model, no index. Chatter that cannot be a question is acknowledged without touching Postgres.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from slack_bolt import Ack, App
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.store import feedback, sessions
from agent.store.database import Database
from bot.slack import feedback_form, inbox
from bot.slack.inbox import Received, ReplyAddress
from bot.slack.notifications import Notifications
from bot.slack.replies.blocks import FEEDBACK_ACTION
from ingest import slack_markup

COMMANDS = re.compile("^/")  # the manifest may give it another name, where /ask is taken
USAGE = "Write your question after the command, for example: `{command} How many days of leave can I carry over?`"
WORKING = "Looking in the documents… The answer will appear here, for your eyes only."
UNAVAILABLE = "I cannot take questions right now. Please try again in a minute."
MAX_TEXT_CHARS = 12_000  # more is no question; the worker says so
REAL_SUBTYPES = {None, "file_share", "thread_broadcast"}  # other subtypes are about messages, not messages


class RecentDeliveries:
    """The delivery keys this process committed lately: a twin that arrives after them needs no database.

    Only saves work; what decides is the unique row.
    """

    LIMIT = 10_000

    def __init__(self) -> None:
        self._keys: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def add(self, key: str) -> None:
        """After the commit, never before."""
        with self._lock:
            self._keys[key] = None
            if len(self._keys) > self.LIMIT:
                self._keys.popitem(last=False)


@dataclass(frozen=True)
class ListenerContext:
    """What listeners need: where to store, whom to tell."""

    database: Database
    wake: Callable[[UUID], None]
    courtesies: Notifications
    stored: RecentDeliveries = field(default_factory=RecentDeliveries)


def register(app: App, entrance: ListenerContext) -> None:
    """Puts every listener on the app; unknown events are acknowledged, else Slack would send them again."""
    app.event("app_mention")(lambda event, body: on_message(entrance, event, body))
    app.event("message")(lambda event, body: on_message(entrance, event, body))
    app.event("agent_session_stopped")(lambda event, body: on_stop(entrance, event, body))
    app.event("app_home_opened")(lambda event: on_home_opened(entrance, event))
    app.event(re.compile(".*"))(lambda ack: ack())
    app.command(COMMANDS)(lambda ack, body: on_command(entrance, ack, body))
    app.action(FEEDBACK_ACTION)(lambda ack, body, action: on_feedback(entrance, ack, body, action))
    app.action(re.compile(".*"))(lambda ack: ack())
    app.view(feedback_form.CALLBACK)(lambda ack, body, view: on_feedback_form(entrance, ack, body, view))
    app.error(on_error)


def on_message(entrance: ListenerContext, event: dict[str, Any], body: dict[str, Any]) -> None:
    """An ``app_mention``, its ``message`` twin, a direct message, or a reply in a thread."""
    if event.get("subtype") not in REAL_SUBTYPES or event.get("bot_id") or not event.get("user"):
        return
    text, bot = str(event.get("text") or "")[:MAX_TEXT_CHARS], _bot_user(body)
    is_direct = event.get("channel_type") == "im"
    is_mention = event["type"] == "app_mention" or bool(bot and f"<@{bot}" in text)
    place = ReplyAddress(
        team_id=str(body.get("team_id") or event.get("team") or ""),  # ours: the same for both twins
        channel=event["channel"],
        user_id=event["user"],
        ts=event["ts"],
        thread_ts=event.get("thread_ts") or event["ts"],
        is_direct=is_direct,
        asker_team_id=event.get("user_team") or event.get("team"),
    )
    if not (is_direct or is_mention) and not _is_follow_up(entrance, event, place, text):
        return
    origin = "dm" if is_direct else "mention" if is_mention else "thread"
    key = f"message:{place.team_id}:{place.channel}:{place.ts}"
    _receive(entrance, key=key, place=place, origin=origin, question=_without_mention(text, bot))


def on_command(entrance: ListenerContext, ack: Ack, body: dict[str, Any]) -> None:
    """``/ask``, or what the manifest calls it: the answer goes to the asker only."""
    question = str(body.get("text") or "").strip()
    if not question:
        ack(text=USAGE.format(command=body["command"]), response_type="ephemeral")
        return
    place = ReplyAddress(
        team_id=body["team_id"],
        channel=body["channel_id"],
        user_id=body["user_id"],
        response_url=body.get("response_url"),
    )
    try:
        key = f"command:{place.team_id}:{body['trigger_id']}"
        _receive(entrance, key=key, place=place, origin="command", question=question)
    except SQLAlchemyError as error:
        observability.report(error, event="command_not_stored")
        ack(text=UNAVAILABLE, response_type="ephemeral")
        return
    ack(text=WORKING, response_type="ephemeral")


def on_feedback(entrance: ListenerContext, ack: Ack, body: dict[str, Any], action: dict[str, Any]) -> None:
    """👍 or 👎 below an answer."""
    verdict, _, turn_id = str(action.get("value") or "").partition(":")
    try:
        rated = UUID(turn_id)
    except ValueError:
        ack()
        return
    with entrance.database.transaction() as transaction:
        rating = 1 if verdict == "up" else -1
        feedback.rate(transaction, turn_id=rated, user_id=body["user"]["id"], rating=rating)
    ack()
    if rating < 0 and body.get("trigger_id"):
        entrance.courtesies.ask_why(body["trigger_id"], rated)


def on_feedback_form(entrance: ListenerContext, ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
    """What was wrong with an answer, said after 👎."""
    turn_id, comment = feedback_form.parse_comment(view)
    if not comment:
        ack(response_action="errors", errors={"kind": feedback_form.NOTHING_SAID})
        return
    with entrance.database.transaction() as transaction:
        feedback.rate(transaction, turn_id=turn_id, user_id=body["user"]["id"], rating=-1, comment=comment)
    ack()


def on_stop(entrance: ListenerContext, event: dict[str, Any], body: dict[str, Any]) -> None:
    """Somebody pressed Stop in a thread."""
    place = ReplyAddress(
        team_id=str(body.get("team_id") or ""),
        channel=event["channel"],
        user_id=event["user"],
        thread_ts=event["thread_ts"],
    )
    key = f"stop:{body.get('event_id')}"  # delivered again it could meet the next question
    if key in entrance.stored:
        return
    with entrance.database.transaction() as transaction:
        is_running = sessions.request_stop(transaction, key=place.session_key, pressed_at=float(event["event_ts"]))
    entrance.stored.add(key)
    observability.log.info("stop_requested", is_running=is_running)
    entrance.courtesies.show_stopped(place)


def on_home_opened(entrance: ListenerContext, event: dict[str, Any]) -> None:
    """Somebody opened their direct messages with the bot."""
    if event.get("tab") == "messages":
        entrance.courtesies.suggest(event["channel"])


def on_error(error: Exception) -> None:
    """Reported; returning None leaves Bolt's answer at 500, so that Slack delivers again."""
    observability.report(error, event="listener_failed")


def _receive(entrance: ListenerContext, *, key: str, place: ReplyAddress, origin: str, question: str) -> None:
    if key in entrance.stored:
        return
    received: Received | None = inbox.store(
        entrance.database, key=key, place=place, origin=origin, question=question
    )
    entrance.stored.add(key)
    if received is None:
        return
    observability.log.info("received", origin=origin, turn_id=str(received.turn_id), n_ahead=received.n_ahead)
    entrance.wake(received.session_id)
    if received.n_ahead:
        entrance.courtesies.show_queued(place, received.n_ahead)


def _is_follow_up(entrance: ListenerContext, event: dict[str, Any], place: ReplyAddress, text: str) -> bool:
    """A reply in a thread by somebody who asked in it, unless it is addressed to somebody else."""
    if not event.get("thread_ts") or text.lstrip().startswith(("<@", "<!")):
        return False
    with entrance.database.transaction() as transaction:
        return sessions.has_asked(transaction, key=place.session_key, user_id=place.user_id)


def _bot_user(body: dict[str, Any]) -> str | None:
    authorizations = body.get("authorizations") or [{}]
    found = authorizations[0].get("user_id") if authorizations[0].get("is_bot", True) else None
    return str(found) if found else None


def _without_mention(text: str, bot: str | None) -> str:
    mention = re.compile(rf"<@{bot}(\|[^>]*)?>" if bot else r"^\s*<@[UW][A-Z0-9]+(\|[^>]*)?>")
    return slack_markup.to_text(mention.sub(" ", text), lambda user, label: f"<@{user}>").strip()
