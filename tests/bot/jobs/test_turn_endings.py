"""The ways a turn ends: what is stored, in which order, and when a delivery is tried again."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import text

from agent.clock import new_id
from agent.errors import LeaseLost, ReplyError
from agent.llm.request import Model
from agent.settings import EXTRACTIVE_MODEL
from agent.store import delivery, sessions
from agent.store.sessions import Turn
from agent.turn.events import Finished
from agent.types import CitedPassage, EndReason, TurnStatus
from bot.jobs import turn_endings
from bot.jobs.context import WorkerContext
from bot.jobs.suggestions import Suggestions
from bot.jobs.turn_endings import DELIVERY_DELAY_SECONDS
from bot.slack.client import SlackRefused, SlackUnavailable
from bot.slack.replies.reply import Answer
from tests.agent.parts import PASSAGE
from tests.bot.jobs.conftest import Ask, RecordingReply

AWAY = ReplyError("Slack is away", is_transient=True)


@pytest.fixture
def turn(context: WorkerContext, ask: Ask) -> Turn:
    stored = ask()
    with context.database.transaction() as transaction:
        turn = sessions.claim(transaction, stored.session_id, owner="test", lease_seconds=60)
    assert turn
    return turn


def load(context: WorkerContext, columns: str) -> tuple[object, ...]:
    with context.database.transaction() as transaction:
        return tuple(transaction.execute(text(f"SELECT {columns} FROM turns")).one())


def run(context: WorkerContext, change: str) -> None:
    with context.database.transaction() as transaction:
        transaction.execute(text(change))


def test_a_sentence_is_delivered_before_the_turn_is_closed(context: WorkerContext, turn: Turn) -> None:
    during: list[tuple[object, ...]] = []
    reply = RecordingReply(on_deliver=lambda answer: during.append(load(context, "status")))
    answer = Answer(turn.id, "Hello.")
    turn_endings.end(context, turn, reply, answer, reason=EndReason.GREETING)
    assert during == [("running",)]
    assert load(context, "status, reason, answer") == ("completed", "greeting", "Hello.")


@pytest.mark.parametrize(
    ("reason", "n_closest", "notice"),
    [
        (EndReason.NO_EVIDENCE, 0, "You could ask, for example, “Who signs?”. For this, ask #ask-people."),
        (EndReason.NO_EVIDENCE, 1, "For this, ask #ask-people."),
        (EndReason.ANSWERED, 0, ""),
    ],
)
def test_where_nothing_is_found_it_is_said_what_to_ask_and_whom(
    context: WorkerContext, turn: Turn, reason: EndReason, n_closest: int, notice: str
) -> None:
    reply = RecordingReply()
    finished = Finished("I found nothing.", reason, "", (), closest=(CitedPassage(1, PASSAGE),) * n_closest)
    suggestions = Suggestions(["Who signs?"], "#ask-people")
    turn_endings.complete(replace(context, suggestions=suggestions), turn, reply, finished, finished.text)
    assert reply.answers[0].notice == notice


def test_nobody_is_asked_to_rate_small_talk(context: WorkerContext, turn: Turn) -> None:
    reply = RecordingReply()
    turn_endings.complete(context, turn, reply, Finished("Hello!", EndReason.SMALL_TALK, "", ()), "Hello!")
    assert not reply.answers[0].has_feedback


def test_calls_and_money_of_the_turn_are_closed_with_it(context: WorkerContext, turn: Turn) -> None:
    run(context, "UPDATE turns SET reserved_usd = 2, cost_usd = 1")
    answer = Answer(turn.id, "Stopped.")
    turn_endings.end(
        context, turn, RecordingReply(), answer, status=TurnStatus.CANCELLED, reason=EndReason.STOPPED
    )
    assert load(context, "status, cost_usd, reserved_usd, lease_token") == ("cancelled", 3, 0, None)


def test_who_lost_the_turn_closes_nothing(context: WorkerContext, turn: Turn) -> None:
    run(context, "UPDATE turns SET lease_token = gen_random_uuid()")
    with pytest.raises(LeaseLost):
        turn_endings.end(context, turn, RecordingReply(), Answer(turn.id, "x"), reason=EndReason.GREETING)
    with pytest.raises(LeaseLost):
        turn_endings.end_unseen(context, turn, AWAY, EndReason.ERROR)
    assert load(context, "status") == ("running",)


def test_a_bug_before_there_is_a_reply_ends_the_turn_unseen(context: WorkerContext, turn: Turn) -> None:
    turn_endings.fail(context, turn, None, RuntimeError("a bug"))
    status, reason, answer, error_id = load(context, "status, reason, answer, error_id")
    assert (status, reason, answer) == ("failed", "error", None)
    assert error_id


@pytest.mark.parametrize(
    ("age_seconds", "shortest", "longest"),
    [
        (0, 0, DELIVERY_DELAY_SECONDS[0]),
        (100, 20, 25.5),
        (10_000, 50, DELIVERY_DELAY_SECONDS[1]),
    ],
)
def test_a_delivery_is_tried_again_after_a_quarter_of_the_turns_age(
    context: WorkerContext, turn: Turn, age_seconds: int, shortest: float, longest: float
) -> None:
    run(context, f"UPDATE turns SET created_at = now() - interval '{age_seconds} seconds'")
    turn_endings.postpone_delivery(context, turn, AWAY)
    (delay,) = load(context, "extract(epoch FROM run_after - now())")
    assert shortest < float(str(delay)) <= longest


def test_a_delivery_that_slack_limits_is_tried_again_when_slack_says(context: WorkerContext, turn: Turn) -> None:
    error = SlackUnavailable("chat.postMessage", may_have_happened=False, retry_after_seconds=90_000)
    turn_endings.postpone_delivery(context, turn, error)
    assert load(context, "status, run_after > now() + interval '60 seconds'") == ("running", True)


def test_an_ending_that_can_neither_be_delivered_nor_written_raises_nothing(
    context: WorkerContext, turn: Turn
) -> None:
    run(context, "UPDATE turns SET lease_token = gen_random_uuid()")
    turn_endings.postpone_ending(context, turn, ReplyError("Slack refused", is_transient=False))
    assert load(context, "status") == ("running",)


def test_a_turn_that_is_given_back_at_once_is_woken_and_one_with_a_delay_is_not(
    context: WorkerContext, turn: Turn
) -> None:
    assert context.turn_queue
    turn_endings.give_back(context, turn, delay_seconds=5)
    assert context.turn_queue.count == 0
    turn_endings.give_back(context, turn)
    assert context.turn_queue.count == 1


def test_an_answer_that_no_place_takes_is_kept_with_slacks_code(context: WorkerContext, turn: Turn) -> None:
    def refuse(answer: Answer) -> None:
        raise SlackRefused("chat.postMessage", "is_archived")

    finished = Finished("5 days.", EndReason.ANSWERED, "", ())
    turn_endings.complete(context, turn, RecordingReply(refuse), finished, "5 days.")
    columns = "status, reason, answer, delivery_error"
    assert load(context, columns) == (
        "failed",
        "channel_archived",
        "5 days.",
        "Slack refused chat.postMessage: is_archived",
    )


def test_what_the_reply_has_noted_of_a_refusal_is_kept(context: WorkerContext, turn: Turn) -> None:
    with context.database.transaction() as transaction:
        delivery.note_error(transaction, turn, "is_archived; sent directly")
    turn_endings.end_unseen(
        context, turn, SlackRefused("chat.postMessage", "is_archived"), EndReason.UNDELIVERABLE
    )
    assert load(context, "delivery_error") == ("is_archived; sent directly",)


def test_an_answer_that_came_at_last_has_no_error(context: WorkerContext, turn: Turn) -> None:
    with context.database.transaction() as transaction:
        delivery.note_error(transaction, turn, "is_archived")
    turn_endings.complete(
        context, turn, RecordingReply(), Finished("5 days.", EndReason.ANSWERED, "A notice.", ()), "5 days."
    )
    assert load(context, "delivery_error, notice") == (None, "A notice.")


Shown = Callable[..., list[str]]


@pytest.fixture
def shown(context: WorkerContext) -> Shown:
    """Asks and completes a turn; returns the notices that were shown so far."""
    notices: list[str] = []
    quoting = replace(context, agent=replace(context.agent, models=[Model(EXTRACTIVE_MODEL)]))

    def complete(
        user: str = "U1", *, origin: str = "mention", notice: str = "No model.", has_model: bool = False
    ) -> list[str]:
        with context.database.transaction() as transaction:
            stored = sessions.ask(
                transaction, key=f"k:{new_id()}", user_id=user, origin=origin, question="?", workspace="T1"
            )
            turn = sessions.claim(transaction, stored.session_id, owner="test", lease_seconds=60)
        assert turn
        reply = RecordingReply(lambda answer: notices.append(answer.notice))
        finished = Finished("So.", EndReason.ANSWERED, notice, ())
        turn_endings.complete(context if has_model else quoting, turn, reply, finished, "So.")
        return notices

    return complete


def test_without_a_model_a_person_reads_so_once_a_day(context: WorkerContext, shown: Shown) -> None:
    for user in ("U1", "U1", "U2", "U1"):
        notices = shown(user)
    assert notices == ["No model.", "", "No model.", ""]
    run(context, "UPDATE turns SET created_at = created_at - interval '23 hours'")
    assert shown("U1")[-1] == ""
    run(context, "UPDATE turns SET created_at = created_at - interval '2 hours'")
    assert shown("U1")[-1] == "No model."
    assert shown("U1")[-1] == ""


def test_a_refusal_without_a_notice_does_not_use_the_day_up(shown: Shown) -> None:
    assert shown("U1", notice="") == [""]
    assert shown("U1")[-1] == "No model."


def test_in_the_terminal_and_with_a_model_every_notice_is_shown(shown: Shown) -> None:
    for _ in range(2):
        assert shown("U1", origin="cli")[-1] == "No model."
    for _ in range(2):
        assert shown("U1", notice="I stopped.", has_model=True)[-1] == "I stopped."


def test_an_answer_waits_for_an_operator_as_for_a_slack_that_is_away(context: WorkerContext, turn: Turn) -> None:
    def refuse(answer: Answer) -> None:
        raise SlackRefused("chat.postMessage", "token_revoked")

    with pytest.raises(SlackRefused) as refusal:
        turn_endings.end(context, turn, RecordingReply(refuse), Answer(turn.id, "x"), reason=EndReason.GREETING)
    turn_endings.postpone_ending(context, turn, refusal.value)
    assert load(context, "status, lease_token, run_after > now()") == ("running", None, True)
