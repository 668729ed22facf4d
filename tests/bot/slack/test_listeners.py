"""Listeners store and return: what they store, and what they leave alone."""

import json
from dataclasses import dataclass, field, replace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from agent.store.database import Database
from bot.slack import listeners
from bot.slack.inbox import Origin, ReplyAddress
from bot.slack.intake.intake import Intake
from bot.slack.interactions import forms
from bot.slack.interactions.answer_listeners import AnswerListeners
from bot.slack.interactions.feedback import feedback_form
from bot.slack.listeners import ListenerContext

BOT = "U0BOT"
BODY = {"team_id": "T1", "authorizations": [{"user_id": BOT, "is_bot": True}]}
EVENT = {"type": "message", "user": "U1", "channel": "C1", "ts": "1.1", "team": "T1"}
MENTION = EVENT | {"type": "app_mention", "text": f"<@{BOT}> How many days?"}
COMMAND = {"team_id": "T1", "channel_id": "C1", "user_id": "U1", "command": "/ask", "trigger_id": "1.2"}


@dataclass
class Notified:
    """Takes the place of the calls to Slack: keeps what was asked for."""

    calls: list[tuple[str, Any]] = field(default_factory=list)

    def show_place(self, address: ReplyAddress, n_before: int | None) -> None:
        self.calls.append(("place", n_before))

    def offer_again(self, address: ReplyAddress, turn_id: UUID) -> None:
        self.calls.append(("offer", turn_id))

    def answer_click(self, url: str, text: str, *, replaces: bool) -> None:
        self.calls.append(("click", (text, replaces)))

    def show_queued(self, address: ReplyAddress, n_ahead: int) -> None:
        self.calls.append(("queued", n_ahead))

    def tell(self, address: ReplyAddress, text: str) -> None:
        self.calls.append(("limit", text))

    def respond(self, address: ReplyAddress, text: str) -> None:
        self.calls.append(("response", text))

    def show_stopped(self, address: ReplyAddress) -> None:
        self.calls.append(("stopped", address.thread_ts))

    def suggest_prompts(self, channel: str) -> None:
        self.calls.append(("suggested", channel))

    def open_feedback_form(self, trigger_id: str, turn_id: UUID) -> None:
        self.calls.append(("form", (trigger_id, turn_id)))


@dataclass
class Listening:
    """A context whose wake-ups and notifications are kept, and the acknowledgements."""

    database: Database
    woken: list[UUID] = field(default_factory=list)
    notified: Notified = field(default_factory=Notified)
    acks: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context = ListenerContext(Intake(self.database, self.woken.append), self.notified)  # type: ignore[arg-type]

    def ack(self, **values: Any) -> None:
        self.acks.append(values)

    def message(self, **change: Any) -> None:
        listeners.on_message(self.context, EVENT | change, BODY)

    def questions(self) -> list[tuple[str, str]]:
        with self.database.transaction() as transaction:
            rows = transaction.execute(text("SELECT origin, question FROM turns ORDER BY created_at, seq"))
            return [tuple(row) for row in rows]

    def feedback(self) -> list[tuple[int, str | None]]:
        with self.database.transaction() as transaction:
            return [tuple(row) for row in transaction.execute(text("SELECT rating, comment FROM feedback"))]


@pytest.fixture
def listening(database: Database) -> Listening:
    return Listening(database)


@pytest.fixture
def turn_id(listening: Listening) -> UUID:
    """Of a stored question."""
    listeners.on_message(listening.context, MENTION, BODY)
    with listening.database.transaction() as transaction:
        return UUID(str(transaction.execute(text("SELECT id FROM turns")).scalar_one()))


def test_a_mention_is_stored_once_although_slack_delivers_it_as_two_events_and_again(listening: Listening) -> None:
    listeners.on_message(listening.context, MENTION, BODY)
    listening.message(text=MENTION["text"])
    listeners.on_message(listening.context, MENTION, BODY)
    assert listening.questions() == [("mention", "How many days?")]
    assert len(listening.woken) == 1


def test_a_twin_in_another_process_is_found_in_postgres(listening: Listening, database: Database) -> None:
    other = Listening(database)
    listeners.on_message(listening.context, MENTION, BODY)
    listeners.on_message(other.context, MENTION, BODY)
    assert (len(listening.questions()), other.woken) == (1, [])


@pytest.mark.parametrize(
    "change",
    [
        {"text": "Lunch, anybody?"},
        {"text": "Lunch, anybody?", "thread_ts": "0.9"},
        {"text": f"<@{BOT}> How many?", "bot_id": "B1"},
        {"text": f"<@{BOT}> How many?", "subtype": "message_changed"},
        {"text": "<@U2> what do you say?", "thread_ts": "1.1"},
    ],
)
def test_chatter_is_no_question(listening: Listening, change: dict[str, Any]) -> None:
    listening.message(**change)
    assert listening.questions() == []


def test_a_direct_message_is_a_question_without_a_mention(listening: Listening) -> None:
    listening.message(text="How many days?", channel_type="im")
    assert listening.questions() == [("dm", "How many days?")]


def test_a_follow_up_in_a_group_dm_needs_no_mention(listening: Listening) -> None:
    """Slack tells of it as of any message, since the app subscribes to message.mpim."""
    group = {"channel": "G1", "channel_type": "mpim"}
    listeners.on_message(listening.context, MENTION | group, BODY)
    listening.message(ts="1.2", thread_ts="1.1", text="And sick leave?", **group)
    listening.message(ts="1.3", text="Lunch?", **group)
    assert listening.questions() == [("mention", "How many days?"), ("thread", "And sick leave?")]


def test_only_who_asked_in_a_thread_may_ask_on_without_a_mention(listening: Listening) -> None:
    listeners.on_message(listening.context, MENTION, BODY)
    listening.message(ts="1.2", thread_ts="1.1", text="And sick leave?")
    listening.message(ts="1.3", thread_ts="1.1", text="I wonder, too.", user="U2")
    assert listening.questions() == [("mention", "How many days?"), ("thread", "And sick leave?")]
    assert listening.notified.calls == [("queued", 1)]


OTHER = f"<@{BOT}> How many weeks?"


def revise(listening: Listening, before: dict[str, Any], after: dict[str, Any] | None) -> None:
    """As Slack tells of a message that was edited, or deleted."""
    subtype = "message_changed" if after else "message_deleted"
    changed = {"message": before | after} if after else {"deleted_ts": before["ts"]}
    hidden = {"subtype": subtype, "hidden": True, "ts": "9.9", "previous_message": before, **changed}
    place: dict[str, Any] = {name: before[name] for name in ("channel", "channel_type") if name in before}
    listeners.on_message(listening.context, {"type": "message", **place, **hidden}, BODY)


def statuses(listening: Listening) -> list[tuple[str, str | None, bool]]:
    with listening.database.transaction() as transaction:
        rows = transaction.execute(text("SELECT status, reason, cancel_requested FROM turns ORDER BY seq"))
        return [tuple(row) for row in rows]


WITHDRAWALS: list[dict[str, Any] | None] = [
    None,
    {"subtype": "tombstone", "user": "USLACKBOT", "text": "This message was deleted."},
    {"text": "How many days?"},  # is addressed to nobody any more
]


@pytest.mark.parametrize("after", WITHDRAWALS, ids=["deleted", "deleted with replies", "no mention"])
@pytest.mark.parametrize(
    ("claimed", "ended"),
    [
        ("", ("cancelled", "withdrawn", True)),
        ("status = 'running', lease_until = now() + interval '1 minute'", ("running", "withdrawn", True)),
        ("status = 'completed', reason = 'answered'", ("completed", "answered", False)),
    ],
)
def test_a_question_that_is_taken_back_is_not_answered(
    listening: Listening, after: dict[str, Any] | None, claimed: str, ended: tuple[str, str, bool]
) -> None:
    """A worker that has it already is asked to stop; an answer that is there stays."""
    listeners.on_message(listening.context, MENTION, BODY)
    if claimed:
        with listening.database.transaction() as transaction:
            transaction.execute(text(f"UPDATE turns SET {claimed}"))
    revise(listening, EVENT | {"text": MENTION["text"]}, after)
    assert statuses(listening) == [ended]


def test_the_next_question_of_the_thread_is_woken_for_one_that_was_taken_back(listening: Listening) -> None:
    listeners.on_message(listening.context, MENTION, BODY)
    listeners.on_message(listening.context, MENTION | {"ts": "1.2", "thread_ts": "1.1", "text": OTHER}, BODY)
    revise(listening, EVENT | {"text": MENTION["text"]}, None)
    assert [status for status, *_ in statuses(listening)] == ["cancelled", "queued"]
    assert len(listening.woken) == 3
    with listening.database.transaction() as transaction:
        assert transaction.execute(text("SELECT status FROM sessions")).scalar_one() == "pending"


def test_a_question_deleted_before_it_could_be_stored_is_not_stored_afterwards(listening: Listening) -> None:
    revise(listening, EVENT | {"text": MENTION["text"]}, None)
    listeners.on_message(listening.context, MENTION, BODY)
    assert (listening.questions(), listening.woken) == ([], [])


def test_a_waiting_question_is_answered_as_it_was_corrected(listening: Listening) -> None:
    listeners.on_message(listening.context, MENTION, BODY)
    revise(listening, EVENT | {"text": MENTION["text"]}, {"text": OTHER, "edited": {"user": "U1", "ts": "9.9"}})
    assert listening.questions() == [("mention", "How many weeks?")]
    with listening.database.transaction() as transaction:
        transaction.execute(text("UPDATE turns SET status = 'running'"))
    revise(listening, EVENT | {"text": OTHER}, {"text": MENTION["text"]})
    assert listening.questions() == [("mention", "How many weeks?")]  # nobody has edited it


def test_a_corrected_question_is_stored_without_secrets_too(listening: Listening) -> None:
    listeners.on_message(listening.context, MENTION, BODY)
    token = "xoxb-" + "123456789012-123456789012-" + "AbCdEfGhIjKlMnOpQrStUvWx"
    edited = {"text": f"<@{BOT}> Is {token} still valid?", "edited": {"user": "U1", "ts": "9.9"}}
    revise(listening, EVENT | {"text": MENTION["text"]}, edited)
    ((_, question),) = listening.questions()
    assert question.startswith("Is ")
    assert token not in question


@pytest.mark.parametrize(
    "change",
    [
        {"attachments": [{"title": "A page", "from_url": "https://a.example"}]},
        {"reply_count": 2, "thread_ts": "1.1", "latest_reply": "1.3"},
        {"reactions": [{"name": "eyes", "count": 1}]},
    ],
    ids=["a link unfolds", "replies are counted", "reactions"],
)
def test_a_change_that_no_person_made_changes_no_question(listening: Listening, change: dict[str, Any]) -> None:
    listeners.on_message(listening.context, MENTION, BODY)
    revise(listening, EVENT | {"text": MENTION["text"]}, change)
    assert statuses(listening) == [("queued", None, False)]


@pytest.mark.parametrize("after", [None, {"text": "Dinner?"}])
@pytest.mark.parametrize("author", [{"user": "U1"}, {"user": BOT, "bot_id": "B1"}])
def test_revised_chatter_needs_no_postgres(
    listening: Listening, author: dict[str, str], after: dict[str, Any] | None
) -> None:
    """So do the bot's own edits, of which Slack tells while an answer grows."""
    with Away() as away:
        listening.context = replace_database(listening.context, away)
        revise(listening, EVENT | {"text": "Lunch?", **author}, after)


def test_chatter_in_threads_is_acknowledged_without_postgres_and_a_follow_up_is_not(listening: Listening) -> None:
    """Slack delivers again what is not acknowledged."""
    listeners.on_message(listening.context, MENTION, BODY)
    with Away() as away:
        listening.context = replace_database(listening.context, away)
        listening.message(ts="1.2", thread_ts="1.1", text="I wonder, too.", user="U2")
        listening.message(ts="1.3", thread_ts="0.9", text="Lunch?")
        with pytest.raises(OperationalError):
            listening.message(ts="1.4", thread_ts="1.1", text="And sick leave?")


def test_a_message_that_cannot_be_stored_is_not_acknowledged(listening: Listening) -> None:
    with Away() as away, pytest.raises(OperationalError):
        listeners.on_message(replace_database(listening.context, away), MENTION, BODY)


def test_a_command_is_stored_and_its_asker_told_that_the_answer_comes(listening: Listening) -> None:
    listeners.on_command(listening.context, listening.ack, COMMAND | {"text": " How many days? "})  # type: ignore[arg-type]
    assert listening.questions() == [("command", "How many days?")]
    assert listening.acks == [{"text": listeners.WORKING, "response_type": "ephemeral"}]


def test_a_command_without_a_question_says_how_to_ask_under_its_own_name(listening: Listening) -> None:
    listeners.on_command(listening.context, listening.ack, COMMAND | {"text": " ", "command": "/docs"})  # type: ignore[arg-type]
    assert "`/docs How many" in listening.acks[0]["text"]
    assert listening.questions() == []


def test_a_command_that_cannot_be_stored_asks_to_try_again(listening: Listening) -> None:
    with Away() as away:
        context = replace_database(listening.context, away)
        listeners.on_command(context, listening.ack, COMMAND | {"text": "How many days?"})  # type: ignore[arg-type]
    assert listening.acks == [{"text": listeners.UNAVAILABLE, "response_type": "ephemeral"}]


@dataclass(frozen=True)
class FailingIntake(Intake):
    """Loses its connection in the commit, before or after that happened."""

    is_committed: bool = False

    def store(self, *args: Any, **options: Any) -> Any:
        if self.is_committed:
            super().store(*args, **options)
        raise OperationalError(None, None, Exception("the connection was cut"), connection_invalidated=True)


@pytest.mark.parametrize(
    ("is_committed", "is_away", "said"),
    [
        (False, False, listeners.UNAVAILABLE),
        (True, False, listeners.WORKING),
        (False, True, listeners.UNCLEAR),
    ],
    ids=["is not stored", "is stored", "nobody knows"],
)
def test_a_command_asks_to_try_again_only_if_it_is_not_stored(
    listening: Listening, is_committed: bool, is_away: bool, said: str
) -> None:
    with Away() as away:
        intake = FailingIntake(
            away if is_away else listening.database, listening.woken.append, is_committed=is_committed
        )
        context = replace(listening.context, intake=intake)
        listeners.on_command(context, listening.ack, COMMAND | {"text": "How many days?"})  # type: ignore[arg-type]
    assert listening.acks == [{"text": said, "response_type": "ephemeral"}]
    assert len(listening.questions()) == is_committed
    assert bool(listening.woken) == is_committed


def test_who_asks_too_much_in_a_minute_hears_when_to_ask_again_and_nobody_else_does(listening: Listening) -> None:
    listening.context = replace(listening.context, intake=replace(listening.context.intake, per_minute=2))
    for n in (1, 2, 3):
        listeners.on_message(listening.context, MENTION | {"ts": f"1.{n}"}, BODY)
    listeners.on_message(listening.context, MENTION | {"ts": "1.4", "user": "U2"}, BODY)
    listeners.on_message(listening.context, MENTION | {"ts": "1.3"}, BODY)  # Slack delivers again
    assert len(listening.questions()) == 3
    ((kind, said),) = listening.notified.calls
    assert kind == "limit"
    assert "again in 60 seconds" in said or "again in 59 seconds" in said
    listeners.on_command(listening.context, listening.ack, COMMAND | {"text": "How many days?"})  # type: ignore[arg-type]
    assert "again in" in listening.acks[0]["text"]
    with listening.database.transaction() as transaction:
        transaction.execute(
            text("UPDATE turns SET created_at = created_at - interval '1 minute' WHERE user_id = 'U1'")
        )
    listeners.on_message(listening.context, MENTION | {"ts": "1.5"}, BODY)
    assert len(listening.questions()) == 4


@pytest.mark.parametrize(("value", "rating"), [("up", 1), ("down", -1)])
def test_a_thumb_is_stored_and_only_thumbs_down_opens_the_form(
    listening: Listening, turn_id: UUID, value: str, rating: int
) -> None:
    body = {"user": {"id": "U1"}, "trigger_id": "1.3"}
    context = replace(listening.context, desk=cast(Any, listening.notified))
    listeners.on_feedback(context, listening.ack, body, {"value": f"{value}:{turn_id}"})  # type: ignore[arg-type]
    assert listening.feedback() == [(rating, None)]
    assert listening.acks == [{}]
    assert listening.notified.calls == ([("form", ("1.3", turn_id))] if rating < 0 else [])


def test_a_foreign_button_is_acknowledged_and_ignored(listening: Listening) -> None:
    listeners.on_feedback(listening.context, listening.ack, {"user": {"id": "U1"}}, {"value": "else"})  # type: ignore[arg-type]
    assert (listening.acks, listening.feedback()) == ([{}], [])


def test_a_comment_is_stored_and_an_empty_form_is_returned(listening: Listening, turn_id: UUID) -> None:
    form: dict[str, Any] = {"private_metadata": str(turn_id), "state": {"values": {}}}
    body = {"user": {"id": "U1"}}
    listeners.on_feedback_form(listening.context, listening.ack, body, form)  # type: ignore[arg-type]
    assert listening.acks == [{"response_action": "errors", "errors": {"kind": feedback_form.EMPTY_FORM}}]
    form["state"]["values"] = {"comment": {"comment": {"value": "It is 6."}}}
    listeners.on_feedback_form(listening.context, listening.ack, body, form)  # type: ignore[arg-type]
    assert listening.feedback() == [(-1, "It is 6.")]
    assert listening.acks[-1] == {"response_action": "update", "view": feedback_form.build_thanks()}


def test_a_press_on_stop_reaches_the_running_turn_and_counts_once(listening: Listening, turn_id: UUID) -> None:
    with listening.database.transaction() as transaction:
        transaction.execute(text("UPDATE turns SET status = 'running', started_at = now()"))
        now = float(transaction.execute(text("SELECT extract(epoch FROM now())")).scalar_one())
    event = {"channel": "C1", "user": "U1", "thread_ts": "1.1", "event_ts": str(now)}
    for _ in range(2):
        listeners.on_stop(listening.context, event, {"team_id": "T1", "event_id": "Ev1"})
    with listening.database.transaction() as transaction:
        assert transaction.execute(text("SELECT cancel_requested FROM turns")).scalar_one()
    assert listening.notified.calls == [("stopped", "1.1")]


@pytest.mark.parametrize(("tab", "calls"), [("messages", [("suggested", "D1")]), ("home", [])])
def test_questions_are_suggested_where_somebody_opens_their_messages(
    listening: Listening, tab: str, calls: list[tuple[str, str]]
) -> None:
    listeners.on_home_opened(listening.context, {"tab": tab, "channel": "D1"})
    assert listening.notified.calls == calls


class Away:
    """A database that does not answer."""

    def __enter__(self) -> Database:
        self._database = Database(f"postgresql://nobody@127.0.0.1:1/{uuid4().hex}")
        return self._database

    def __exit__(self, *_: object) -> None:
        self._database.close()


def replace_database(context: ListenerContext, database: Database) -> ListenerContext:
    return replace(context, intake=replace(context.intake, database=database))


def press_for_a_private_answer(listening: Listening, turn_id: UUID, user: str = "U1") -> None:
    body = {
        "user": {"id": user},
        "team": {"id": "T1"},
        "channel": {"id": "C1"},
        "response_url": "https://r.example",
    }
    listeners.on_answer_privately(listening.context, listening.ack, body, {"value": str(turn_id)})  # type: ignore[arg-type]


def test_a_private_answer_is_asked_for_once_by_the_asker_and_its_key_names_nobody(
    listening: Listening, turn_id: UUID
) -> None:
    press_for_a_private_answer(listening, turn_id, user="U2")
    for _ in range(2):
        press_for_a_private_answer(listening, turn_id)
    assert listening.questions() == [("mention", "How many days?"), ("command", "How many days?")]
    with listening.database.transaction() as transaction:
        keys = transaction.scalars(text("SELECT key FROM deliveries")).all()
    assert not [key for key in keys if "U1" in key]  # it stays when the person is forgotten


def test_who_asked_too_much_is_told_that_a_private_answer_will_not_come(
    listening: Listening, turn_id: UUID
) -> None:
    listening.context = replace(listening.context, intake=replace(listening.context.intake, per_minute=1))
    press_for_a_private_answer(listening, turn_id)
    ((what, text_),) = listening.notified.calls
    assert (what, "have not noted this one" in text_) == ("limit", True)
    assert len(listening.questions()) == 1


def test_a_form_that_came_too_soon_stays_open_and_is_taken_when_it_is_sent_again(listening: Listening) -> None:
    listeners.on_message(listening.context, MENTION, BODY)
    intake = replace(listening.context.intake, per_minute=1)
    below = AnswerListeners(intake, cast(Any, None), cast(Any, None))
    kept = {"session": "slack:T1:C1:ask", "channel": "C1", "response_url": "https://hooks.slack.com/1"}
    view = {
        "id": "V1",
        "private_metadata": json.dumps(kept),
        "state": {"values": {forms.FIELD: {forms.FIELD: {"value": "And now?"}}}},
    }
    body = {"team": {"id": "T1"}, "user": {"id": "U1"}}
    below.on_ask_on_form(listening.ack, body, view)  # type: ignore[arg-type]
    assert "ask this one again" in listening.acks[0]["errors"][forms.FIELD]
    a_minute_later(listening)
    for _ in range(2):
        below.on_ask_on_form(listening.ack, body, view)  # type: ignore[arg-type]
    assert listening.acks[1:] == [{}, {}]
    assert [question for _, question in listening.questions()] == ["How many days?", "And now?"]


def test_a_click_and_an_emoji_that_came_too_soon_are_taken_when_they_come_again(listening: Listening) -> None:
    listeners.on_message(listening.context, MENTION, BODY)
    intake = replace(listening.context.intake, per_minute=1, emoji="robot")
    listening.context = replace(listening.context, intake=intake)
    address = ReplyAddress("T1", "C1", "U1", ts="1.2", thread_ts="1.1")
    reaction = {
        "user": "U1",
        "reaction": "robot",
        "item_user": "U2",
        "item": {"type": "message", "channel": "C1", "ts": "1.7"},
    }
    for n_questions in (1, 2, 2):
        listeners.ask(listening.context, "suggested:1", address, Origin.THREAD, "And now?")
        assert len(listening.questions()) == n_questions
        a_minute_later(listening)
    for n_questions in (3, 3):
        listeners.on_reaction(listening.context, reaction, BODY)
        assert len(listening.questions()) == n_questions
    listeners.on_reaction(listening.context, reaction | {"item": reaction["item"] | {"ts": "1.8"}}, BODY)  # type: ignore[operator]
    a_minute_later(listening)
    listeners.on_reaction(listening.context, reaction | {"item": reaction["item"] | {"ts": "1.8"}}, BODY)  # type: ignore[operator]
    assert len(listening.questions()) == 4


def a_minute_later(listening: Listening) -> None:
    with listening.database.transaction() as transaction:
        transaction.execute(text("UPDATE turns SET created_at = created_at - interval '1 minute'"))
