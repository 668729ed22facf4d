"""Listens to what is clicked below an answer: stores or passes on, and acknowledges.

Calls neither Slack nor an index: :mod:`.answer_desk` does, after the acknowledgement. A click that asks something
is stored first, as every question is.
"""

from collections.abc import Callable

from slack_bolt import Ack, App
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from bot.slack.client import Payload
from bot.slack.inbox import Origin, ReplyAddress, TooManyQuestions
from bot.slack.intake.intake import Intake
from bot.slack.interactions import forms
from bot.slack.interactions.answer_desk import AWAY, AnswerDesk
from bot.slack.replies.closing import buttons

Ask = Callable[[str, ReplyAddress, Origin, str], None]
TOO_MANY = "That was a lot of questions in one minute. Please ask this one again in {seconds} seconds."


class AnswerListeners:
    """The listeners; ``ask`` stores a question under a key, and tells the person that it has to wait."""

    def __init__(self, intake: Intake, desk: AnswerDesk, ask: Ask) -> None:
        self._intake, self._desk, self._ask = intake, desk, ask

    def register(self, app: App) -> None:
        """Registers every listener."""
        app.action(buttons.HOW)(self.on_how)
        app.action(buttons.SHARE)(self.on_share)
        app.action(buttons.PUBLISH)(self.on_publish)
        app.action(buttons.ASK_ON)(self.on_ask_on)
        app.action(buttons.SUGGESTIONS)(self.on_suggestion)
        app.view(forms.PUBLISH)(self.on_publish_form)
        app.view(forms.ASK_ON)(self.on_ask_on_form)

    def on_how(self, ack: Ack, body: Payload, action: Payload) -> None:
        """Shows how an answer came about."""
        ack()
        click, url = buttons.parse_value(action.get("value")), body.get("response_url")
        if click and url:
            place = _read_place(body)
            self._desk.show_how(click.turn_id, body["user"]["id"], url=url, thread_ts=place[1] if place else None)

    def on_share(self, ack: Ack, body: Payload, action: Payload) -> None:
        """Shares an answer with the channel where it was asked for."""
        ack()
        click, url = buttons.parse_value(action.get("value")), body.get("response_url")
        channel = (body.get("channel") or {}).get("id")
        if click and url and channel:
            self._desk.share(click.turn_id, body["user"]["id"], channel=channel, url=url)

    def on_publish(self, ack: Ack, body: Payload, action: Payload) -> None:
        """Asks for the channel to publish an answer in."""
        ack()
        click, place = buttons.parse_value(action.get("value")), _read_place(body)
        if click and place and body.get("trigger_id"):
            channel, thread_ts = place
            view = forms.build_publish(click.turn_id, channel=channel, thread_ts=thread_ts)
            self._desk.open_form(body["trigger_id"], view)

    def on_publish_form(self, ack: Ack, body: Payload, view: Payload) -> None:
        """Publishes an answer in the channel that was chosen."""
        order = forms.parse_publish(view)
        if not order.target:
            ack(response_action="errors", errors={forms.FIELD: forms.NO_CHANNEL})
            return
        ack()
        self._desk.publish(order, body["user"]["id"])

    def on_ask_on(self, ack: Ack, body: Payload, action: Payload) -> None:
        """Asks for a question that follows up on a command's answer."""
        ack()
        click, url = buttons.parse_value(action.get("value")), body.get("response_url")
        channel = (body.get("channel") or {}).get("id")
        if click and url and channel and body.get("trigger_id"):
            view = forms.build_ask_on(session_key=click.detail, channel=channel, response_url=url)
            self._desk.open_form(body["trigger_id"], view)

    def on_ask_on_form(self, ack: Ack, body: Payload, view: Payload) -> None:
        """Stores a follow-up to a command's answer; a form that cannot be stored stays open and says so."""
        follow_up = forms.parse_ask_on(view)
        address = ReplyAddress(
            str((body.get("team") or {}).get("id") or ""),
            follow_up.channel,
            body["user"]["id"],
            response_url=follow_up.response_url,
            session=follow_up.session_key,
            keeps_original=True,
        )
        problem = self._store_follow_up(f"ask-on:{view.get('id')}", address, follow_up.question)
        if problem:
            ack(response_action="errors", errors={forms.FIELD: problem})
        else:
            ack()

    def on_suggestion(self, ack: Ack, body: Payload, action: Payload) -> None:
        """Asks a suggested question as the person who clicked, once."""
        click = buttons.parse_value(action.get("value"))
        address = _read_address(body, action)
        if click and click.detail and address:
            key = f"suggested:{click.turn_id}:{action.get('action_id')}"
            origin = Origin.DIRECT if address.is_direct else Origin.THREAD if address.thread_ts else Origin.COMMAND
            self._ask(key, address, origin, click.detail)
        ack()

    def _store_follow_up(self, key: str, address: ReplyAddress, question: str) -> str:
        """Stores the question; returns why it was not."""
        if not question:
            return forms.EMPTY
        try:
            stored = self._intake.store(key, address, Origin.COMMAND, question)
        except SQLAlchemyError as error:
            observability.report(error, event="follow_up_not_stored")
            return AWAY
        return TOO_MANY.format(seconds=stored.wait_seconds) if isinstance(stored, TooManyQuestions) else ""


def _read_place(body: Payload) -> tuple[str, str] | None:
    """Returns the channel, and the thread, of the message that was clicked on."""
    channel, message = (body.get("channel") or {}).get("id"), body.get("message") or {}
    thread_ts = message.get("thread_ts") or message.get("ts")
    return (channel, thread_ts) if channel and thread_ts else None


def _read_address(body: Payload, action: Payload) -> ReplyAddress | None:
    """Returns where the answer to a suggested question goes: below the answer that suggested it."""
    team, user = (body.get("team") or {}).get("id"), body.get("user") or {}
    channel = (body.get("channel") or {}).get("id")
    if not team or not channel or not user.get("id"):
        return None
    place = _read_place(body)
    if place is None:  # of an ephemeral message Slack sends nothing but where it is
        return ReplyAddress(team, channel, user["id"], response_url=body.get("response_url"), keeps_original=True)
    return ReplyAddress(
        team,
        channel,
        user["id"],
        ts=action.get("action_ts"),
        thread_ts=place[1],
        is_direct=channel.startswith("D"),
        asker_team_id=user.get("team_id"),
        quotes_question=True,
    )
