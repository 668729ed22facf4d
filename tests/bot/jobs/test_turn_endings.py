"""The ways a turn ends: what is stored, in which order, and when a delivery is tried again."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from agent.errors import LeaseLost, ReplyError
from agent.store import sessions
from agent.store.sessions import Turn
from agent.turn.events import Finished
from agent.types import CitedPassage, EndReason, TurnStatus
from bot.jobs import turn_endings
from bot.jobs.context import WorkerContext
from bot.jobs.suggestions import Suggestions
from bot.jobs.turn_endings import DELIVERY_DELAY_SECONDS
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
