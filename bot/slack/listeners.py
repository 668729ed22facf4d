"""Decides which of Slack's events are questions, and stores them.

A listener stores and returns, and only then is the event acknowledged: after a failure here Slack delivers again.
Calls neither Slack, nor a model, nor the index. Messages that cannot be questions are acknowledged without a
query.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from slack_bolt import Ack, App
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.store import earlier_turns, feedback, sessions
from agent.store.database import Database, is_commit_unknown
from agent.store.sessions import StoredQuestion
from agent.translation.speech import mark, say
from bot.slack.channels import thread_menu
from bot.slack.client import Payload
from bot.slack.inbox import Origin, ReplyAddress, TooManyQuestions
from bot.slack.installation import origin, uninstalling
from bot.slack.installation.manifest import SHORTCUT
from bot.slack.intake import events
from bot.slack.intake.events import MessageRevision
from bot.slack.intake.intake import AnsweredEdit, Intake
from bot.slack.interactions import answer_again, answer_listeners, private_offer
from bot.slack.interactions.answer_desk import AnswerDesk
from bot.slack.interactions.answer_listeners import AnswerListeners
from bot.slack.interactions.feedback import feedback_form, source_owners, source_reports
from bot.slack.interactions.feedback.feedback_form import Thumb
from bot.slack.interactions.notifications import Notifications
from bot.slack.membership import changes
from bot.slack.reading.foreign_json import to_id, to_object

COMMANDS = re.compile("^/")  # the manifest may give it another name, where /ask is taken
USAGE = mark(
    "Write your question after the command, for example: `{command} How many days of leave can I carry over?`"
)
WORKING = mark("Looking in the documents… The answer will appear here, for your eyes only.")
TOO_MANY = mark(
    "That was a lot of questions in one minute, more than I take from one person. I have not noted this one: "
    "please ask it again in {seconds} seconds."
)
UNCLEAR = mark(
    "I may not have got this question. If no answer appears here within two minutes, please ask it again."
)
MUTED_CHANNEL = mark(
    "I am muted in this channel. `/ask` still works here, for your eyes only; whoever looks after me can let me "
    "speak again with `/docent unmute`."
)
STOPPED_WAITING = mark("I took your question out of the queue: you marked it with ❌ before I had begun with it.")
UNAVAILABLE = mark("I cannot take questions right now. Please try again in a minute.")


@dataclass(frozen=True)
class ListenerContext:
    """What listeners need: what takes questions in, how to notify Slack, what works on clicks below an answer, and
    who looks after sources.

    ``workspace`` is the one from which something comes, where many have installed the app.
    """

    intake: Intake
    notifications: Notifications
    desk: AnswerDesk | None = None
    workspace: str = ""
    load_source_owners: Callable[[str], Mapping[str, str]] = source_owners.load

    @property
    def database(self) -> Database:
        """Returns where clicks are stored, too."""
        return self.intake.database

    @property
    def below(self) -> AnswerListeners:
        """Returns what listens to clicks below an answer."""
        assert self.desk
        return AnswerListeners(self.intake, self.desk, partial(ask, self))


def register(
    app: App, of: Callable[[Payload], ListenerContext], others: Iterable[Callable[[App], None]] = ()
) -> None:
    """Registers every listener; ``of`` returns the context of the workspace from which something comes, ``others``
    register theirs.

    Unknown events and clicks are acknowledged, because Slack would send them again.
    """
    app.event("app_mention")(lambda event, body: on_message(of(body), event, body))
    app.event("message")(lambda event, body: on_message(of(body), event, body))
    app.event("reaction_added")(lambda event, body: on_reaction(of(body), event, body))
    app.event("agent_session_stopped")(lambda event, body: on_stop(of(body), event, body))
    app.event("app_home_opened")(lambda event, body: on_home_opened(of(body), event))
    for name in changes.EVENTS:
        app.event(name)(lambda event, body: on_membership_change(of(body), event))
    for name in uninstalling.EVENTS:
        app.event(name)(lambda event, body: on_uninstalled(of(body), event, body))
    app.event(re.compile(".*"))(lambda ack: ack())
    app.command(COMMANDS)(lambda ack, body: on_command(of(body), ack, body))
    app.action(feedback_form.ACTIONS)(lambda ack, body, action: on_feedback(of(body), ack, body, action))
    app.action(private_offer.ACTION)(lambda ack, body, action: on_answer_privately(of(body), ack, body, action))
    app.action(answer_again.ACTION)(lambda ack, body, action: on_answer_again(of(body), ack, body, action))
    app.action(thread_menu.ACTION)(lambda ack, body, action: on_follow_ups(of(body), ack, body, action))
    answer_listeners.register(app, lambda body: of(body).below)
    for register_others in others:  # before what takes every other click
        register_others(app)
    app.action(re.compile(".*"))(lambda ack: ack())
    app.shortcut(SHORTCUT)(lambda ack, body: on_shortcut(of(body), ack, body))
    app.shortcut(re.compile(".*"))(lambda ack: ack())
    app.view(feedback_form.CALLBACK)(lambda ack, body, view: on_feedback_form(of(body), ack, body, view))
    app.error(on_error)


def on_message(context: ListenerContext, event: Payload, body: Payload) -> None:
    """Stores an ``app_mention``, its ``message`` twin, a direct message or a follow-up in a thread.

    What is told of messages that were edited or deleted changes the questions that still wait.
    """
    if event.get("subtype") in changes.EVENTS:
        on_membership_change(context, event)
        return
    if event.get("subtype") in events.REVISIONS:
        if revision := events.parse_revision(event, body):
            _note_revision(context, revision)
        return
    message = events.parse_message(event, body)
    if message and context.intake.is_question(message):
        _notify(context, message.address, context.intake.take(message))
    elif message and message.is_mention and event.get("type") == "app_mention":  # of the twins one
        context.notifications.tell(message.address, explain_mute(context.intake, message.address))


def on_membership_change(context: ListenerContext, event: Payload) -> None:
    """Stores that what was looked up of a channel, a person or the user groups counts no more."""
    changes.store(context.database, event, context.workspace)
    for session_id in uninstalling.note_access(context.database, event, context.workspace):
        context.intake.wake(session_id)


def on_uninstalled(context: ListenerContext, event: Payload, body: Payload) -> None:
    """Ends the installation in a workspace, and what is being answered there."""
    if not context.workspace:  # connected by the operator's token, who takes it out of the settings
        observability.log.warning("app_uninstalled", advice="Install it again, or take out SLACK_BOT_TOKEN.")
        return
    for session_id in uninstalling.note_event(context.database, event, body, context.workspace):
        context.intake.wake(session_id)


def on_reaction(context: ListenerContext, event: Payload, body: Payload) -> None:
    """Stores the question that the operator's emoji asks; stops one that its asker marks with ❌."""
    if (mark := events.parse_stop_mark(event, body)) and mark.key not in context.intake.stored:
        for address in context.intake.stop(mark.address):
            context.notifications.tell(address, say(STOPPED_WAITING))
            context.notifications.show_place(address, None)
        context.intake.stored.add(mark.key)
    reaction = events.parse_reaction(event, body)
    if not reaction or not context.intake.is_asked_by(reaction):
        return
    if context.intake.is_muted(reaction.address):
        context.notifications.tell(reaction.address, explain_mute(context.intake, reaction.address))
    else:
        _notify(context, reaction.address, context.intake.take_reaction(reaction))


def on_shortcut(context: ListenerContext, ack: Ack, body: Payload) -> None:
    """Stores the question about the message at which the shortcut was chosen; only the asker sees the answer."""
    shortcut = events.parse_shortcut(body)
    if shortcut:
        address, enclosed = shortcut.address, shortcut.enclosed
        stored = context.intake.store(shortcut.key, address, Origin.SHORTCUT, "", enclosed=enclosed)
        if isinstance(stored, TooManyQuestions):
            context.notifications.respond(address, say(TOO_MANY, seconds=stored.wait_seconds))
        elif stored:
            context.notifications.respond(address, say(WORKING))
    ack()


def on_follow_ups(context: ListenerContext, ack: Ack, body: Payload, action: Payload) -> None:
    """Stores whom a thread's owner wants to be answered there, and says to them what counts now."""
    if click := thread_menu.parse_click(body, action):
        with context.database.transaction() as transaction:
            address = click.address
            choice = thread_menu.store(transaction, address.session_key, click.follow_ups, address.user_id)
        if choice.is_stored:
            context.intake.settings.note_thread(click.address.session_key, click.follow_ups)
        reply = click.reply if choice.is_stored else say(thread_menu.NOT_YOURS, owner=choice.owner)
        context.notifications.tell(click.address, reply)
    ack()


def on_command(context: ListenerContext, ack: Ack, body: Payload) -> None:
    """Stores the question of a slash command, and acknowledges with a sentence for the asker."""
    command = events.parse_command(body)
    if command is None:  # an answer would find nobody
        ack(text=say(UNAVAILABLE), response_type="ephemeral")
        return
    if not command.question:
        ack(text=say(USAGE, command=command.name), response_type="ephemeral")
        return
    try:
        stored = context.intake.store(command.key, command.address, Origin.COMMAND, command.question)
    except SQLAlchemyError as error:
        observability.report(error, event="command_not_stored")
        ack(text=_explain_failure(context, command.key, error), response_type="ephemeral")
        return
    if isinstance(stored, TooManyQuestions):
        ack(text=say(TOO_MANY, seconds=stored.wait_seconds), response_type="ephemeral")
        return
    ack(text=say(WORKING), response_type="ephemeral")


def _explain_failure(context: ListenerContext, key: str, error: SQLAlchemyError) -> str:
    """Returns what to tell a person whose question was not stored, or may be although Postgres did not say so.

    A commit whose answer was lost may have happened: who is told to ask again would then get two answers.
    """
    if not is_commit_unknown(error):
        return say(UNAVAILABLE)
    try:
        return say(WORKING) if context.intake.find(key) else say(UNAVAILABLE)
    except SQLAlchemyError:
        return say(UNCLEAR)


def on_feedback(context: ListenerContext, ack: Ack, body: Payload, action: Payload) -> None:
    """Stores a 👍 or 👎, and opens the form after 👎."""
    click = events.parse_click(body, action)
    if click is None:
        ack()
        return
    rating = 1 if click.thumb == Thumb.UP else -1
    with context.database.transaction() as transaction:
        feedback.rate(
            transaction,
            turn_id=click.turn_id,
            user_id=click.user_id,
            rating=rating,
            workspace=context.workspace or None,
        )
    ack()
    if click.thumb == Thumb.DOWN and click.trigger_id and context.desk:
        context.desk.open_feedback_form(click.trigger_id, click.turn_id)


def on_answer_privately(context: ListenerContext, ack: Ack, body: Payload, action: Payload) -> None:
    """Stores a question once more, to be answered for its asker alone."""
    click = private_offer.parse_click(body, action)
    if click:
        turn_id, address = click
        with context.database.transaction() as transaction:
            question = earlier_turns.load_standalone(
                transaction, turn_id, workspace=address.team_id, user_id=address.user_id
            )
        if question:
            ask(context, f"private:{turn_id}", address, Origin.COMMAND, question)
    ack()


def on_answer_again(context: ListenerContext, ack: Ack, body: Payload, action: Payload) -> None:
    """Stores a question as its asker has changed it after the answer."""
    if click := answer_again.parse_click(body, action):
        turn_id, clicked = click
        stored = context.intake.ask_again(turn_id, workspace=clicked.team, user_id=clicked.user_id)
        said = say(answer_again.ASKED) if stored else say(answer_again.BEFORE)
        if isinstance(stored, TooManyQuestions):
            said = say(TOO_MANY, seconds=stored.wait_seconds)
        is_over = not isinstance(stored, TooManyQuestions)
        context.notifications.answer_click(clicked.response_url, said, replaces=is_over)
    ack()


def on_feedback_form(context: ListenerContext, ack: Ack, body: Payload, view: Payload) -> None:
    """Stores the comment of a submitted form, and what it says of sources, and thanks for it; an empty form is
    returned to the person."""
    parsed, user_id = feedback_form.parse_comment(view), to_id(to_object(body.get("user")).get("id"))
    if parsed is None or not user_id:
        ack()
        return
    (turn_id, comment), faults = parsed, feedback_form.parse_faults(view)
    if not comment and not faults:
        ack(response_action="errors", errors={"kind": say(feedback_form.EMPTY_FORM)})
        return
    with context.database.transaction() as transaction:
        feedback.rate(
            transaction,
            turn_id=turn_id,
            user_id=user_id,
            rating=-1,
            comment=comment or None,
            workspace=context.workspace or None,
        )
        reports = source_reports.store(
            transaction,
            turn_id,
            user_id,
            faults=faults,
            comment=comment,
            source_owners=context.load_source_owners(context.workspace) if faults else {},
            workspace=context.workspace,
        )
    ack(response_action="update", view=dict(feedback_form.build_thanks(reports)))


def on_stop(context: ListenerContext, event: Payload, body: Payload) -> None:
    """Asks the worker to stop the turn of a thread."""
    press = events.parse_stop(event, body)
    if press is None or press.key in context.intake.stored:
        return
    with context.database.transaction() as transaction:
        is_running = sessions.request_stop(transaction, key=press.address.session_key, pressed_at=press.pressed_at)
    context.intake.stored.add(press.key)
    observability.log.info("stop_requested", is_running=is_running)
    context.notifications.show_stopped(press.address)


def on_home_opened(context: ListenerContext, event: Payload) -> None:
    """Suggests questions to a person who opens their direct messages with the bot."""
    if event.get("tab") == "messages" and (channel := to_id(event.get("channel"))):
        context.notifications.suggest_prompts(channel)


def on_error(error: Exception, body: Payload) -> None:
    """Reports the error. Returning None leaves Bolt's answer at 500, so that Slack delivers again."""
    with observability.context(workspace=origin.find_workspace(body)):
        observability.report(error, event="listener_failed")


def ask(context: ListenerContext, key: str, address: ReplyAddress, origin: Origin, question: str) -> None:
    """Stores the question that a click asks; in a muted thread says that it is."""
    if context.intake.is_muted(address):
        context.notifications.tell(address, explain_mute(context.intake, address))
    else:
        _notify(context, address, context.intake.store(key, address, origin, question, may_come_again=True))


def explain_mute(intake: Intake, address: ReplyAddress) -> str:
    """Returns why nothing is answered there, and who can change it."""
    is_channel = intake.settings.of_channel(address.team_id, address.channel).muted
    return say(MUTED_CHANNEL) if is_channel else say(thread_menu.MUTED)


def _note_revision(context: ListenerContext, revision: MessageRevision) -> None:
    """Stores what was changed about a question; where it was answered already, offers to answer it again."""
    outcome, address = context.intake.revise(revision), revision.before.address
    if isinstance(outcome, AnsweredEdit):
        context.notifications.offer_again(address, outcome.turn_id)
    else:
        _notify(context, address, outcome)


def _notify(
    context: ListenerContext, address: ReplyAddress, stored: StoredQuestion | TooManyQuestions | None
) -> None:
    """Shows how many questions of the thread come first, or when to ask again."""
    if isinstance(stored, TooManyQuestions):
        context.notifications.tell(address, say(TOO_MANY, seconds=stored.wait_seconds))
    elif stored and stored.n_ahead:
        context.notifications.show_queued(address, stored.n_ahead)
