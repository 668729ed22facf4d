"""Docent in this process: it hears what the stand-in workspace tells, and answers there; its model is scripted."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, cast
from uuid import UUID

from sqlalchemy import event, text

from agent.settings import AgentSettings
from agent.store.database import Database
from bot.jobs import answering, wiring
from bot.simulator import SlackMessage, Workspace
from bot.simulator.delivery.outbox import Delivery
from bot.simulator.stores.pending_events import FailureReason
from bot.slack import listeners
from bot.slack.channels import thread_menu
from bot.slack.channels.settings_cache import SettingsCache
from bot.slack.client import SlackClient
from bot.slack.inbox import Origin, ReplyAddress
from bot.slack.intake.intake import Intake
from bot.slack.interactions import answer_again
from bot.slack.interactions.answer_desk import AnswerDesk
from bot.slack.interactions.answer_listeners import AnswerListeners
from bot.slack.interactions.experts import correction_form, request_message, reviews
from bot.slack.interactions.experts.expert_desk import ExpertDesk
from bot.slack.interactions.experts.expert_listeners import ExpertListeners
from bot.slack.interactions.feedback import feedback_form
from bot.slack.interactions.notifications import Notifications
from bot.slack.listeners import ListenerContext
from bot.slack.membership.directory import SlackDirectory
from bot.slack.replies.closing import buttons
from tests.scripted_model import Request, ScriptedModel

EMOJI = "question"
CONTACT = "#ask-people"


class Docent:
    """Hears and answers when it is told to :meth:`run`, so that nothing happens meanwhile."""

    def __init__(self, database: Database, workspace: Workspace, slack: SlackClient, model: ScriptedModel) -> None:
        self.database, self.workspace, self.slack, self.model = database, workspace, slack, model
        self.woken: list[UUID] = []
        self.settings = SettingsCache()
        self.intake = Intake(database, self.woken.append, settings=self.settings, emoji=EMOJI)
        self.notifications = Notifications(slack)
        self.owners: dict[str, str] = {}  # of whole sources
        settings = AgentSettings(
            model="openai/scripted", model_api_base=model.base_url, model_prices="openai/scripted=1/1"
        )
        self.worker = wiring.build(settings, database, slack=slack)
        assert self.worker.audiences
        self.desk = AnswerDesk(database, slack, self.worker.audiences)
        self.context = ListenerContext(
            self.intake, self.notifications, self.desk, load_source_owners=lambda workspace: self.owners
        )
        self.below = AnswerListeners(self.intake, self.desk, partial(listeners.ask, self.context))
        self.directory = SlackDirectory(slack)
        self.experts = ExpertDesk(database, slack, self.directory)
        self.people = ExpertListeners(self.intake, self.experts, CONTACT)
        self.envelopes: list[Any] = []
        self.n_commits: list[int] = []  # of each event that was heard
        outbox = cast(Any, workspace.outbox)
        outbox.send_event, outbox.send_interaction = self.envelopes.append, self._take_interaction
        event.listen(database.engine, "commit", self._count)

    def close(self) -> None:
        event.remove(self.database.engine, "commit", self._count)
        self.desk.close()
        self.experts.close()
        self.notifications.close()
        self.worker.leases.close()

    def run(self) -> None:
        """Hears what has happened, and answers what was asked."""
        self.hear()
        while sessions := set(self.woken) | set(self._list_open()):
            self.woken.clear()
            for session_id in sessions:
                answering.work(self.worker, session_id)

    def hear(self) -> None:
        """Hears what has happened."""
        self.settings.refresh(self.database)
        while self.envelopes:
            body = self.envelopes.pop(0)
            heard = body["event"]
            self.n_commits.append(0)
            if heard["type"] == "reaction_added":
                listeners.on_reaction(self.context, heard, body)
            elif heard["type"] in ("message", "app_mention"):
                listeners.on_message(self.context, heard, body)

    def replies(self, channel: str, ts: str) -> list[str]:
        """What it said in a thread."""
        return [message.plain for message in self.messages(channel, ts)]

    def messages(self, channel: str, ts: str) -> list[SlackMessage]:
        bot = self.workspace.app.bot_user_id
        return [message for message in self.workspace.thread(channel, ts) if message.user == bot]

    def turns(self) -> list[tuple[str, str, str | None]]:
        """Origin, question and how it ended, of every question."""
        return [tuple(row) for row in self.query("SELECT origin, question, reason FROM turns ORDER BY id")]

    def query(self, statement: str) -> list[Any]:
        with self.database.transaction() as transaction:
            return list(transaction.execute(text(statement)).all())

    def prompt(self) -> str:
        """The last prompt, from the person's question on."""
        return said(self.model.requests[-1])

    def evidence(self, tool: str) -> Any:
        """What a tool returned before the model was asked the last time; None if it was not called."""
        start = f'<evidence tool="{tool}">\n'
        _, found, rest = self.prompt().partition(start)
        return json.loads(rest.partition("\n</evidence>")[0]) if found else None

    def ask_by_command(self, user: str, channel: str, question: str) -> None:
        """Asks what only this person sees answered."""
        address = ReplyAddress(self.workspace.app.team_id, channel, user)
        assert self.intake.store(f"command:{len(self.turns())}", address, Origin.COMMAND, question)
        self.run()

    def set_contact(self, contact: str) -> None:
        """Says whom to ask where a channel has no experts."""
        self.worker = replace(self.worker, suggestions=replace(self.worker.suggestions, contact=contact))
        self.people = ExpertListeners(self.intake, self.experts, contact)

    def click(self, user: str, ts: str, action_id: str, value: str | None = None) -> None:
        """Clicks, and waits until what comes of it is done."""
        self.workspace.person(user).click(ts, action_id, value)
        self.settle()

    def submit(self, user: str, values: dict[str, dict[str, object]]) -> Any:
        """Submits the form that somebody has open, and waits; what it was acknowledged with."""
        (modal,) = self.workspace.person(user).modals()
        ack = self.workspace.person(user).submit(modal["id"], values)
        self.settle()
        return ack.body

    def settle(self) -> None:
        """Waits until what was clicked is done."""
        for desk in (self.desk, self.experts):
            desk._pool.shutdown(wait=True)
            desk._pool = type(desk._pool)(1)

    def choose(self, user: str, answer_ts: str, value: str) -> None:
        """Chooses in the menu below an answer."""
        self.workspace.person(user).click(answer_ts, thread_menu.ACTION, value)

    def told(self, user: str) -> list[str]:
        """What only this person sees, once all that is being told is told."""
        self.notifications._pool.shutdown(wait=True)
        self.notifications._pool = type(self.notifications._pool)(1)
        return [message.plain for message in self.workspace.ephemerals(user)]

    def _take_interaction(self, payload: Any) -> Delivery:
        acks: list[dict[str, Any]] = []

        def ack(**values: Any) -> None:
            acks.append(values)

        match payload["type"]:
            case "message_action":
                listeners.on_shortcut(self.context, cast(Any, ack), payload)
            case "block_actions":
                self._take_click(cast(Any, ack), payload, payload["actions"][0])
            case "view_submission":
                self._take_form(cast(Any, ack), payload, payload["view"])
        assert acks
        kind = cast(Any, payload["type"])
        return Delivery(kind, "", payload["type"], 0, 200, 0.0, FailureReason.NONE, 0.0, body=acks[0] or None)

    def _take_click(self, ack: Any, payload: Any, action: Any) -> None:
        match action["action_id"]:
            case thread_menu.ACTION:
                listeners.on_follow_ups(self.context, ack, payload, action)
            case answer_again.ACTION:
                listeners.on_answer_again(self.context, ack, payload, action)
            case buttons.PUBLISH:
                self.below.on_publish(ack, payload, action)
            case buttons.ASK_HUMAN:
                self.people.on_ask_human(ack, payload, action)
            case buttons.CORRECT:
                self.people.on_correct(ack, payload, action)
            case request_message.TAKE:
                self.people.on_take(ack, payload, action)
            case request_message.RESOLVE:
                self.people.on_resolve(ack, payload, action)
            case feedback_form.ACTION:
                listeners.on_feedback(self.context, ack, payload, action)
            case review if review.startswith(reviews.ACTION):
                self.people.on_review(ack, payload, action)
            case _:
                self.below.on_suggestion(ack, payload, action)

    def _take_form(self, ack: Any, payload: Any, view: Any) -> None:
        match view["callback_id"]:
            case correction_form.CALLBACK:
                self.people.on_correction(ack, payload, view)
            case feedback_form.CALLBACK:
                listeners.on_feedback_form(self.context, ack, payload, view)
            case _:
                self.below.on_publish_form(ack, payload, view)

    def _list_open(self) -> Iterator[UUID]:
        rows = self.query("SELECT session_id FROM turns WHERE status = 'queued' AND run_after <= now()")
        return (row[0] for row in rows)

    def _count(self, connection: object) -> None:
        if self.n_commits:
            self.n_commits[-1] += 1


def said(request: Request) -> str:
    """What the last message of a person says in a request."""
    return str(next(m["content"] for m in reversed(request["messages"]) if m["role"] == "user"))
