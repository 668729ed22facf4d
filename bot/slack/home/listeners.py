"""Listens to the Home tab and the form of a channel's settings: acknowledges first, works afterwards.

What a form says is stored before it is acknowledged, because only then can the form show what is wrong.
"""

import re
from collections.abc import Callable

from slack_bolt import Ack, App
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.translation.speech import mark, say
from bot.slack.block_kit import Message
from bot.slack.client import Payload
from bot.slack.home import channel_editing, channel_form, home_tab, operator_view
from bot.slack.home.context import HomeContext
from bot.slack.installation import origin
from bot.slack.interactions.background import AWAY, Background
from bot.slack.reading.foreign_json import to_id, to_object, to_string

SYNC_BUTTONS = re.compile(rf"^{operator_view.SYNC}_\d+$")
REQUESTED = "The sync of *{name}* was requested. It begins in a moment."
RUNS = "*{name}* is being synced already."
ONLY_OPERATORS = mark("Only the people who operate me, and the workspace's admins, can sync sources.")


class HomeListeners:
    """The listeners of the tab, in one workspace."""

    def __init__(self, context: HomeContext, background: Background) -> None:
        self._context, self._background = context, background

    def on_opened(self, event: Payload, body: Payload) -> None:
        """Publishes the tab of whoever opened it."""
        user_id, team = to_id(event.get("user")), origin.find_workspace(body)
        if user_id:
            self._publish(team, user_id, to_string(to_object(event.get("view")).get("hash")))

    def on_refresh(self, ack: Ack, body: Payload) -> None:
        """Publishes the tab anew."""
        ack()
        team, user_id, hash_ = _read_view_click(body)
        self._publish(team, user_id, hash_)

    def on_sync(self, ack: Ack, body: Payload, action: Payload) -> None:
        """Requests a sync of a source, and says in the tab what came of it."""
        ack()
        team, user_id, hash_ = _read_view_click(body)
        name = to_string(action.get("value"))
        self._background.submit(
            lambda: {"text": request_sync(self._context, user_id, name)},
            lambda said: home_tab.publish(
                self._context, team=team, user_id=user_id, hash_=hash_, notice=str(said["text"])
            ),
        )

    def on_channel(self, ack: Ack, body: Payload, action: Payload) -> None:
        """Opens the form of the chosen channel's settings; says in the tab why not."""
        ack()
        team, user_id, hash_ = _read_view_click(body)
        channel, trigger_id = to_id(action.get("selected_conversation")), to_string(body.get("trigger_id"))
        if not channel:
            return

        def open_form() -> Message | None:
            channel_editing.open_form(
                self._context, team=team, channel=channel, user_id=user_id, trigger_id=trigger_id
            )
            return None

        self._background.submit(
            open_form,
            lambda said: home_tab.publish(
                self._context, team=team, user_id=user_id, hash_=hash_, notice=str(said["text"])
            ),
        )

    def on_channel_form(self, ack: Ack, body: Payload, view: Payload) -> None:
        """Stores what was changed in the form; a form with something wrong stays open and says so."""
        form = channel_form.parse(view)
        user_id = to_id(to_object(body.get("user")).get("id"))
        if form is None or not user_id or not self._context.is_of(form.subject.team):
            ack()
            return
        try:
            saved = channel_editing.save(self._context, form, user_id)
        except SQLAlchemyError as error:
            observability.report(error, event="channel_form_not_stored")
            ack(response_action="errors", errors=dict.fromkeys(list(form.values)[:1], say(AWAY)))
            return
        if saved.errors:
            ack(response_action="errors", errors=dict(saved.errors))
        else:
            ack(response_action="update", view=dict(channel_editing.build_saved(saved)))

    def _publish(self, team: str, user_id: str, hash_: str) -> None:
        def publish() -> Message | None:
            home_tab.publish(self._context, team=team, user_id=user_id, hash_=hash_)
            return None

        self._background.submit(publish, lambda said: None)


def register(app: App, of: Callable[[Payload], HomeListeners]) -> None:
    """Registers every listener, before those that take what nobody else takes; ``of`` returns those of the
    workspace from which something comes."""
    app.event("app_home_opened", matchers=[_is_home])(lambda event, body: of(body).on_opened(event, body))
    app.action(SYNC_BUTTONS)(lambda ack, body, action: of(body).on_sync(ack, body, action))
    app.action(operator_view.REFRESH)(lambda ack, body: of(body).on_refresh(ack, body))
    app.action(operator_view.CHANNEL)(lambda ack, body, action: of(body).on_channel(ack, body, action))
    app.view(channel_form.CALLBACK)(lambda ack, body, view: of(body).on_channel_form(ack, body, view))


def request_sync(context: HomeContext, user_id: str, name: str) -> str:
    """Requests a sync for an operator; returns what to say, and raises :class:`agent.errors.UserError`."""
    if not context.operators.has(user_id):
        return say(ONLY_OPERATORS)
    return (REQUESTED if context.syncs.request(name) else RUNS).format(name=name)


def _is_home(event: Payload) -> bool:
    return event.get("tab") == "home"


def _read_view_click(body: Payload) -> tuple[str, str, str]:
    """Returns the workspace, the person and the hash of the tab that they clicked in."""
    user, view = (to_object(body.get(name)) for name in ("user", "view"))
    return origin.find_workspace(body), to_id(user.get("id")), to_string(view.get("hash"))
