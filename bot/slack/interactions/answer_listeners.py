"""Listens to what is clicked below an answer: stores or passes on, and acknowledges.

Calls neither Slack nor an index: :mod:`.answer_desk` does, after the acknowledgement. A click that asks something
is stored first, as every question is.
"""

from collections.abc import Callable

from slack_bolt import Ack, App
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.translation.speech import mark, say
from bot.slack.client import Payload
from bot.slack.inbox import Origin, ReplyAddress, TooManyQuestions
from bot.slack.installation import origin
from bot.slack.intake.intake import Intake
from bot.slack.interactions import clicked_message, forms
from bot.slack.interactions.answer_desk import AnswerDesk
from bot.slack.interactions.background import AWAY
from bot.slack.interactions.clicked_message import ClickedMessage
from bot.slack.reading.foreign_json import to_id, to_object, to_ts
from bot.slack.replies.closing import buttons

Ask = Callable[[str, ReplyAddress, Origin, str], None]
TOO_MANY = mark("That was a lot of questions in one minute. Please ask this one again in {seconds} seconds.")


class AnswerListeners:
    """The listeners; ``ask`` stores a question under a key, and tells the person that it has to wait."""

    def __init__(self, intake: Intake, desk: AnswerDesk, ask: Ask) -> None:
        self._intake, self._desk, self._ask = intake, desk, ask

    def on_how(self, ack: Ack, body: Payload, action: Payload) -> None:
        """Shows how an answer came about."""
        ack()
        click, clicked = buttons.parse_value(action.get("value")), clicked_message.read(body)
        if click and clicked and clicked.response_url:
            url, thread_ts = clicked.response_url, clicked.thread_ts or None
            self._desk.show_how(click.turn_id, clicked.user_id, url=url, thread_ts=thread_ts)

    def on_share(self, ack: Ack, body: Payload, action: Payload) -> None:
        """Shares an answer with the channel where it was asked for."""
        ack()
        click, clicked = buttons.parse_value(action.get("value")), clicked_message.read(body)
        if click and clicked and clicked.response_url:
            url, channel = clicked.response_url, clicked.channel
            self._desk.share(click.turn_id, clicked.user_id, channel=channel, url=url)

    def on_publish(self, ack: Ack, body: Payload, action: Payload) -> None:
        """Asks for the channel to publish an answer in."""
        ack()
        click, clicked = buttons.parse_value(action.get("value")), clicked_message.read(body)
        if click and clicked and clicked.thread_ts and clicked.trigger_id:
            view = forms.build_publish(click.turn_id, channel=clicked.channel, thread_ts=clicked.thread_ts)
            self._desk.open_form(clicked.trigger_id, view)

    def on_publish_form(self, ack: Ack, body: Payload, view: Payload) -> None:
        """Publishes an answer in the channel that was chosen."""
        order = forms.parse_publish(view)
        if order and not order.target:
            ack(response_action="errors", errors={forms.FIELD: say(forms.NO_CHANNEL)})
            return
        ack()
        user_id = to_id(to_object(body.get("user")).get("id"))
        if order and user_id:
            self._desk.publish(order, user_id)

    def on_ask_on(self, ack: Ack, body: Payload, action: Payload) -> None:
        """Asks for a question that follows up on a command's answer."""
        ack()
        click, clicked = buttons.parse_value(action.get("value")), clicked_message.read(body)
        if click and clicked and clicked.response_url and clicked.trigger_id:
            url, channel = clicked.response_url, clicked.channel
            view = forms.build_ask_on(session_key=click.detail, channel=channel, response_url=url)
            self._desk.open_form(clicked.trigger_id, view)

    def on_ask_on_form(self, ack: Ack, body: Payload, view: Payload) -> None:
        """Stores a follow-up to a command's answer; a form that cannot be stored stays open and says so."""
        follow_up = forms.parse_ask_on(view)
        team, user = origin.find_workspace(body), to_id(to_object(body.get("user")).get("id"))
        if not (follow_up and user):
            ack()
            return
        address = ReplyAddress(
            team,
            follow_up.channel,
            user,
            response_url=follow_up.response_url,
            session=follow_up.session_key,
            keeps_original=True,
        )
        problem = self._store_follow_up(f"ask-on:{team}:{to_id(view.get('id'))}", address, follow_up.question)
        if problem:
            ack(response_action="errors", errors={forms.FIELD: problem})
        else:
            ack()

    def on_suggestion(self, ack: Ack, body: Payload, action: Payload) -> None:
        """Asks a suggested question as the person who clicked, once."""
        click, clicked = buttons.parse_value(action.get("value")), clicked_message.read(body)
        if click and click.detail and clicked:
            address = _answer_below(clicked, action)
            key = f"suggested:{click.turn_id}:{to_id(action.get('action_id'))}"
            origin = Origin.DIRECT if address.is_direct else Origin.THREAD if address.thread_ts else Origin.COMMAND
            self._ask(key, address, origin, click.detail)
        ack()

    def _store_follow_up(self, key: str, address: ReplyAddress, question: str) -> str:
        """Stores the question; returns why it was not."""
        if not question:
            return say(forms.EMPTY)
        try:
            stored = self._intake.store(key, address, Origin.COMMAND, question, may_come_again=True)
        except SQLAlchemyError as error:
            observability.report(error, event="follow_up_not_stored")
            return say(AWAY)
        return say(TOO_MANY, seconds=stored.wait_seconds) if isinstance(stored, TooManyQuestions) else ""


def register(app: App, of: Callable[[Payload], AnswerListeners]) -> None:
    """Registers every listener; ``of`` returns those of the workspace from which something comes."""
    app.action(buttons.HOW)(lambda ack, body, action: of(body).on_how(ack, body, action))
    app.action(buttons.SHARE)(lambda ack, body, action: of(body).on_share(ack, body, action))
    app.action(buttons.PUBLISH)(lambda ack, body, action: of(body).on_publish(ack, body, action))
    app.action(buttons.ASK_ON)(lambda ack, body, action: of(body).on_ask_on(ack, body, action))
    app.action(buttons.SUGGESTIONS)(lambda ack, body, action: of(body).on_suggestion(ack, body, action))
    app.view(forms.PUBLISH)(lambda ack, body, view: of(body).on_publish_form(ack, body, view))
    app.view(forms.ASK_ON)(lambda ack, body, view: of(body).on_ask_on_form(ack, body, view))


def _answer_below(clicked: ClickedMessage, action: Payload) -> ReplyAddress:
    """Returns where the answer to a suggested question goes: below the answer that suggested it."""
    if not clicked.thread_ts:  # an ephemeral one
        url = clicked.response_url or None
        return ReplyAddress(clicked.team, clicked.channel, clicked.user_id, response_url=url, keeps_original=True)
    return ReplyAddress(
        clicked.team,
        clicked.channel,
        clicked.user_id,
        ts=to_ts(action.get("action_ts")) or None,
        thread_ts=clicked.thread_ts,
        is_direct=clicked.channel.startswith("D"),
        asker_team_id=clicked.user_team or None,
        quotes_question=True,
    )
