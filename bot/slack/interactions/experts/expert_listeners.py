"""Listens to what leads to people: stores in one transaction, acknowledges, and leaves the rest to the desk."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from slack_bolt import Ack, App
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.clock import new_id
from agent.errors import ReplyError
from agent.translation.speech import mark, say
from bot.slack.channels.channel_settings import FollowUps
from bot.slack.client import Payload
from bot.slack.intake.intake import Intake
from bot.slack.interactions import clicked_message, show_how
from bot.slack.interactions.background import AWAY
from bot.slack.interactions.clicked_message import ClickedMessage
from bot.slack.interactions.experts import (
    correction_form,
    corrections,
    expertise,
    human_requests,
    request_message,
    reviews,
)
from bot.slack.interactions.experts.correction_form import Correction
from bot.slack.interactions.experts.expert_desk import ExpertDesk
from bot.slack.interactions.experts.human_requests import RequestChange
from bot.slack.interactions.experts.reviews import Review
from bot.slack.reading.foreign_json import to_id, to_object
from bot.slack.replies.closing import buttons
from ingest.verified import answers
from ingest.verified.answers import WrittenAnswer

ASKED_BEFORE = mark("A person was asked here already; see the message in this thread.")
NOT_ASKED = mark("Slack does not let me ask anybody here. Please ask them yourself: {experts}")
NOT_SHOWN = mark("I have noted that, but Slack does not let me change the message.")
NOBODY = mark("Nobody is set as an expert for this channel.")
ASK_CONTACT = mark("For this, ask {contact}.")
TAKEN = mark("<@{taker}> has taken this already.")
OWN = mark("You asked this, so somebody else has to take it. If you have found the answer, press *Resolved*.")
CLOSED = mark("<@{resolver}> has closed this already.")
REVIEWS = re.compile(rf"{reviews.ACTION}_(keep|change|withdraw)$")


class ExpertListeners:
    """The listeners; ``contact`` is whom people are told to ask where a channel has no experts.

    ``workspace`` is the one of the desk, where many have installed the app: nothing of another one is changed.
    """

    def __init__(self, intake: Intake, desk: ExpertDesk, contact: str = "", workspace: str = "") -> None:
        self._intake, self._desk, self._contact = intake, desk, contact
        self._workspace = workspace

    def on_ask_human(self, ack: Ack, body: Payload, action: Payload) -> None:
        """Asks the channel's experts about an answer, once."""
        click, clicked = buttons.parse_value(action.get("value")), clicked_message.read(body)
        if click is None or clicked is None:
            ack()
            return
        experts = self._intake.settings.of_channel(clicked.team, clicked.channel).experts
        if not experts:
            ack()
            self._desk.tell(clicked, say(ASK_CONTACT, contact=self._contact) if self._contact else say(NOBODY))
            return
        with self._intake.database.transaction() as transaction:
            stored = human_requests.store(
                transaction,
                click.turn_id,
                team=clicked.team,
                channel=clicked.channel,
                thread_ts=clicked.thread_ts or None,
                asked_by=clicked.user_id,
                workspace=self._workspace,
            )
        ack()
        if stored:
            self._desk.show_request(stored, clicked, say(NOT_ASKED, experts=expertise.mention(experts)))
        else:
            self._desk.tell(clicked, say(ASKED_BEFORE))

    def on_take(self, ack: Ack, body: Payload, action: Payload) -> None:
        """Notes who takes a request."""
        id_, clicked = request_message.parse_value(action.get("value")), clicked_message.read(body)
        if id_ is None or clicked is None:
            ack()
            return
        with self._intake.database.transaction() as transaction:
            change = human_requests.take(transaction, id_, clicked.user_id, self._workspace)
        self._note(change, FollowUps.MENTION)
        ack()
        self._show(change, id_, clicked, _explain_take(change, clicked.user_id))

    def on_resolve(self, ack: Ack, body: Payload, action: Payload) -> None:
        """Notes who closes a request."""
        id_, clicked = request_message.parse_value(action.get("value")), clicked_message.read(body)
        if id_ is None or clicked is None:
            ack()
            return
        with self._intake.database.transaction() as transaction:
            change = human_requests.resolve(transaction, id_, clicked.user_id, self._workspace)
        self._note(change, None)
        ack()
        by = change.request.resolved_by if change.request else clicked.user_id
        self._show(change, id_, clicked, "" if by == clicked.user_id else say(CLOSED, resolver=by))

    def on_correct(self, ack: Ack, body: Payload, action: Payload) -> None:
        """Opens the form for an expert."""
        ack()
        click, clicked = buttons.parse_value(action.get("value")), clicked_message.read(body)
        if click and clicked and clicked.trigger_id:
            self._desk.open_correction(click.turn_id, clicked)

    def on_correction(self, ack: Ack, body: Payload, view: Payload) -> None:
        """Stores what an expert has written; a form that cannot be stored stays open and says so."""
        correction, user_id = correction_form.parse(view), to_id(to_object(body.get("user")).get("id"))
        if correction is None or not user_id:
            ack()
            return
        errors = correction_form.find_errors(correction)
        answer_id: UUID | None = None
        if not errors:
            try:
                place = self._load_place(correction)
                refusal = self._desk.find_refusal(place, user_id) if place else say(correction_form.NOT_KEPT)
                answer_id = self._store(correction, user_id, place) if place and not refusal else None
                errors = {} if answer_id else {correction_form.QUESTION: refusal or say(correction_form.NOT_KEPT)}
            except (ReplyError, SQLAlchemyError) as error:
                observability.report(error, event="correction_not_stored")
                errors = {correction_form.QUESTION: say(AWAY)}
        if errors:
            ack(response_action="errors", errors=errors)
            return
        ack()
        if answer_id:
            self._desk.complete(answer_id)

    def on_review(self, ack: Ack, body: Payload, action: Payload) -> None:
        """Does what the author of a verified answer says of it."""
        click = reviews.parse_click(action.get("action_id"), action.get("value"))
        clicked = clicked_message.read(body)
        if click is None or clicked is None:
            ack()
            return
        if click.review is Review.CHANGE:
            ack()
            self._desk.open_review(click.answer_id, clicked)
            return
        with self._intake.database.transaction() as transaction:
            said = reviews.apply(transaction, click, clicked.user_id, self._workspace)
        ack()
        self._desk.tell(clicked, say(said), replaces=said not in (reviews.NOT_YOURS, reviews.GONE))

    def _load_place(self, correction: Correction) -> Mapping[str, Any] | None:
        """Returns where the answer stands now: who has the form open may have lost the right since."""
        with self._intake.database.transaction() as transaction:
            if correction.turn_id:
                place = corrections.load_place(transaction, correction.turn_id)
            else:
                assert correction.answer_id
                answer = answers.load(transaction, [correction.answer_id]).get(correction.answer_id)
                place = answer.place if answer else None
        return place if place and self._workspace in ("", place.get("team")) else None

    def _store(self, correction: Correction, user_id: str, place: Mapping[str, Any]) -> UUID | None:
        with self._intake.database.transaction() as transaction:
            if correction.turn_id:
                written = WrittenAnswer(correction.question, correction.answer, user_id, place)
                return answers.write(transaction, new_id(), correction.turn_id, written, self._workspace)
            assert correction.answer_id
            is_stored = answers.rewrite(
                transaction,
                correction.answer_id,
                question=correction.question,
                answer=correction.answer,
                author=user_id,
                workspace=self._workspace,
            )
            return correction.answer_id if is_stored else None

    def _note(self, change: RequestChange, follow_ups: FollowUps | None) -> None:
        if change.thread_key:
            self._intake.settings.note_thread(change.thread_key, follow_ups)

    def _show(self, change: RequestChange, id_: UUID, clicked: ClickedMessage, said: str) -> None:
        if change.request:
            self._desk.show_request(id_, clicked, say(NOT_SHOWN))
        if said:
            self._desk.tell(clicked, said)


def register(app: App, of: Callable[[Payload], ExpertListeners]) -> None:
    """Registers every listener; ``of`` returns those of the workspace from which something comes."""
    app.action(buttons.ASK_HUMAN)(lambda ack, body, action: of(body).on_ask_human(ack, body, action))
    app.action(buttons.CORRECT)(lambda ack, body, action: of(body).on_correct(ack, body, action))
    app.action(request_message.TAKE)(lambda ack, body, action: of(body).on_take(ack, body, action))
    app.action(request_message.RESOLVE)(lambda ack, body, action: of(body).on_resolve(ack, body, action))
    app.action(REVIEWS)(lambda ack, body, action: of(body).on_review(ack, body, action))
    app.view(correction_form.CALLBACK)(lambda ack, body, view: of(body).on_correction(ack, body, view))


def _explain_take(change: RequestChange, user_id: str) -> str:
    """Returns why a request is not theirs now; empty where it is."""
    request = change.request
    if request is None:
        return say(show_how.GONE)
    if request.taken_by == user_id:
        return ""
    if request.taken_by:
        return say(TAKEN, taker=request.taken_by)
    return say(CLOSED, resolver=request.resolved_by) if request.resolved_by else say(OWN)
