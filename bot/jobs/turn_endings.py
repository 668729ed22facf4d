"""The ways a turn ends, or is given back to be continued later.

Promises that an answer is delivered before the turn is closed, and that the last transaction of a turn closes its
model calls, stores its outcome and releases its budget.
"""

from collections.abc import Callable, Sequence

from redis import RedisError
from sqlalchemy import text as sql
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.errors import LeaseLost, ReplyError
from agent.llm.model_names import is_local
from agent.observability import measures
from agent.store import budgets, delivery, revisions, sessions
from agent.store.database import Transaction
from agent.store.sessions import Turn
from agent.translation.speech import join, mark, say
from agent.turn.events import Finished
from agent.types import EndReason, TurnStatus
from bot.jobs import queue
from bot.jobs.context import WorkerContext
from bot.outages import undelivered
from bot.slack.client import NO_ACCESS, SlackRefused, SlackUnavailable
from bot.slack.inbox import Origin
from bot.slack.installation import origin
from bot.slack.installation.tokens import NotInstalled
from bot.slack.replies.reply import NOTHING_BELOW, Answer, Closing, Reply
from bot.slack.replies.text.tables import LongTable

FAILED = mark(
    "Something went wrong on our side, and this question was not answered. Please ask again; if it happens again, "
    "quote *{error_id}*."
)
ASKED_IN_SLACK = frozenset(Origin)
BEGIN_A_THREAD = frozenset({Origin.MENTION, Origin.REACTION, Origin.CHANNEL})  # where others may join in
# An answer that ends so is of no use to somebody who did not ask the bot.
SAYS_NOTHING = frozenset(
    {
        EndReason.NO_EVIDENCE,
        EndReason.WEAK_EVIDENCE,
        EndReason.UNCITED,
        EndReason.SMALL_TALK,
        EndReason.NO_ANSWER,
        EndReason.NOT_SEARCHED,
    }
)
# The model said all that it would.
IS_WHOLE = frozenset(
    {EndReason.ANSWERED, EndReason.NO_EVIDENCE, EndReason.WEAK_EVIDENCE, EndReason.UNCITED, EndReason.SMALL_TALK}
)
DELIVERY_DELAY_SECONDS = (2, 60)  # Slack is away: the next try is after a quarter of the turn's age, within these


def complete(
    context: WorkerContext,
    turn: Turn,
    reply: Reply,
    finished: Finished,
    text: str,
    *,
    closing: Closing = NOTHING_BELOW,
    long_tables: Sequence[LongTable] = (),
    notice: str = "",
    is_revised: bool = False,
    on_end: Callable[[Transaction], None] = lambda transaction: None,
) -> None:
    """Delivers the agent's answer, as ``text``, and completes the turn; small talk needs no ``notice``.

    ``is_revised`` says whether the person had taken the question back, or changed it, when the answer was stored.
    ``on_end`` is called in the transaction that ends the turn. Raises :class:`QuestionEdited` where they have
    changed it.
    """
    if is_revised and end_if_withdrawn(context, turn, reply):
        return
    if _is_unasked(turn) and not (finished.sources and finished.reason not in SAYS_NOTHING):
        end_silently(context, turn, reply, reason=finished.reason)
        return
    is_small_talk = finished.reason is EndReason.SMALL_TALK
    said = [
        _choose_notice(context, turn, finished.notice),
        "" if is_small_talk else notice,
        "" if notice else context.suggestions.describe(finished),  # which may be answered elsewhere only
    ]
    notice = join(said)
    answer = Answer(
        turn.id,
        text,
        finished.sources,
        notice,
        has_feedback=not is_small_talk,  # nobody is asked to rate a "you're welcome"
        closest=finished.closest,
        has_menu=not is_small_talk and turn.seq == 1 and turn.origin in BEGIN_A_THREAD,
        is_partial=finished.reason not in IS_WHOLE,
        long_tables=long_tables,
        closing=closing,
    )
    if not _deliver(context, turn, reply, answer):
        return
    reason = finished.reason if reply.is_said else EndReason.UNCHANGED
    _store_end(context, turn, reply, answer, status=TurnStatus.COMPLETED, reason=reason, on_end=on_end)
    observability.log.info("turn_completed", reason=reason, n_sources=len(finished.sources))


def end(
    context: WorkerContext,
    turn: Turn,
    reply: Reply,
    answer: Answer,
    *,
    status: TurnStatus = TurnStatus.COMPLETED,
    reason: EndReason,
    error_id: str | None = None,
) -> None:
    """Delivers an answer that is not the agent's whole one, such as an apology, and ends the turn.

    To a message that nobody addressed to the bot nothing is said. Raises :class:`QuestionEdited`.
    """
    if _is_unasked(turn):
        end_silently(context, turn, reply, status=status, reason=reason, error_id=error_id)
        return
    if end_if_withdrawn(context, turn, reply) or not _deliver(context, turn, reply, answer):
        return
    _store_end(context, turn, reply, answer, status=status, reason=reason, error_id=error_id)
    observability.log.info("turn_ended", status=status, reason=reason)


def fail(context: WorkerContext, turn: Turn, reply: Reply | None, error: Exception) -> None:
    """Ends the turn because of a bug: the person gets an error id, the operator gets the error."""
    if reply is None:
        end_unseen(context, turn, error, EndReason.ERROR)
        return
    error_id = observability.report(error, event="turn_failed")
    answer = Answer(turn.id, say(FAILED, error_id=error_id), has_feedback=False)
    end(context, turn, reply, answer, status=TurnStatus.FAILED, reason=EndReason.ERROR, error_id=error_id)


def end_unseen(
    context: WorkerContext, turn: Turn, error: Exception, reason: EndReason, *, answer: str | None = None
) -> None:
    """Ends the turn whose ``answer`` is not where it was asked for; reports it to the operator."""
    error_id = observability.report(error, event=f"turn_{reason}")
    with context.database.transaction() as transaction:
        _close(
            context,
            transaction,
            turn,
            status=TurnStatus.FAILED,
            reason=reason,
            answer=answer,
            error_id=error_id,
            delivery_error=str(error) if isinstance(error, ReplyError) else None,
        )


def end_uninstalled(context: WorkerContext, turn: Turn) -> None:
    """Ends the turn of a workspace that has removed the app, where nothing can be said; raises nothing."""
    try:
        with context.database.transaction() as transaction:
            _close(context, transaction, turn, status=TurnStatus.CANCELLED, reason=EndReason.UNINSTALLED)
    except (LeaseLost, SQLAlchemyError) as error:
        observability.report(error, event="turn_left_to_the_sweep")
        return
    observability.log.info("turn_ended", status=TurnStatus.CANCELLED, reason=EndReason.UNINSTALLED)


def end_restored(context: WorkerContext, turn: Turn, *, answer: str | None = None) -> None:
    """Ends a turn that comes from a backup; ``answer`` is what its thread was told of it, if anything."""
    with context.database.transaction() as transaction:
        _close(context, transaction, turn, status=TurnStatus.FAILED, reason=EndReason.RESTORED, answer=answer)
    observability.log.info("turn_ended", status=TurnStatus.FAILED, reason=EndReason.RESTORED)


def end_if_withdrawn(context: WorkerContext, turn: Turn, reply: Reply) -> bool:
    """Ends the turn without a word if the person deleted the question; returns whether it did.

    Raises :class:`QuestionEdited` if they changed it.
    """
    with context.database.transaction() as transaction:
        if not revisions.check(transaction, turn):
            return False
    end_withdrawn(context, turn, reply)
    return True


def end_withdrawn(context: WorkerContext, turn: Turn, reply: Reply) -> None:
    """Ends the turn of a question that the person deleted, without a word."""
    reply.retract()
    with context.database.transaction() as transaction:
        reply.finalise(transaction)
        _close(context, transaction, turn, status=TurnStatus.CANCELLED, reason=EndReason.WITHDRAWN)
    observability.log.info("turn_ended", status=TurnStatus.CANCELLED, reason=EndReason.WITHDRAWN)


def end_silently(
    context: WorkerContext,
    turn: Turn,
    reply: Reply,
    *,
    status: TurnStatus = TurnStatus.COMPLETED,
    reason: EndReason,
    error_id: str | None = None,
) -> None:
    """Ends the turn of a message that nobody addressed to the bot, and to which there is nothing to say."""
    reply.retract()
    with context.database.transaction() as transaction:
        _close(context, transaction, turn, status=status, reason=reason, error_id=error_id)
        reply.finalise(transaction)
    observability.log.info("turn_ended_silently", status=status, reason=reason)


def postpone_delivery(context: WorkerContext, turn: Turn, error: ReplyError) -> None:
    """Gives the turn back if Slack is away or limits its calls, to deliver it later.

    Ends it if Slack refuses, or if it is too old.
    """
    if is_shut_out(turn, error):
        end_uninstalled(context, turn)
        return
    with context.database.transaction() as transaction:
        age_seconds = transaction.execute(_AGE, {"id": turn.id}).scalar_one()
    if error.is_transient and age_seconds < context.delivery_hours * 3600:
        shortest, longest = DELIVERY_DELAY_SECONDS
        delay_seconds = min(max(float(age_seconds) / 4, shortest), longest)
        if isinstance(error, SlackUnavailable):
            delay_seconds = max(delay_seconds, error.retry_after_seconds)
        observability.log.warning("delivery_postponed", error=str(error), seconds=round(delay_seconds, 1))
        give_back(context, turn, delay_seconds=delay_seconds)
        return
    end_unseen(context, turn, error, _find_reason(error))


def is_shut_out(turn: Turn, error: ReplyError) -> bool:
    """Returns whether the app was taken out of the workspace of an organisation in which the turn was asked."""
    is_refused = isinstance(error, SlackRefused) and error.code == NO_ACCESS
    return is_refused and origin.is_organisation(turn.workspace or "")


def postpone_ending(context: WorkerContext, turn: Turn, error: ReplyError) -> None:
    """Does the same if the sentence that should have ended the turn was not delivered; raises nothing."""
    try:
        postpone_delivery(context, turn, error)
    except (LeaseLost, SQLAlchemyError, RedisError) as second_error:
        observability.report(second_error, event="turn_left_to_the_sweep")


def give_back(context: WorkerContext, turn: Turn, *, delay_seconds: float = 0) -> None:
    """Gives up the lease, so that another worker continues the turn after the delay."""
    with context.database.transaction() as transaction:
        sessions.put_back(transaction, turn, delay_seconds=delay_seconds)
    if context.turn_queue and not delay_seconds:
        queue.wake(context.turn_queue, [turn.session_id])


def note_lost(turn: Turn) -> None:
    """Notes that another worker has the turn."""
    observability.log.warning("lease_lost", attempt=turn.attempt)
    measures.LEASES_LOST.add()


def _is_unasked(turn: Turn) -> bool:
    return turn.origin == Origin.CHANNEL


def _choose_notice(context: WorkerContext, turn: Turn, notice: str) -> str:
    """Returns the notice to show: without a model it is the same below every answer, so once a day and person.

    Only an operator can change that, who sees it in the terminal each time.
    """
    if not notice or turn.origin not in ASKED_IN_SLACK or not is_local(context.agent.models[0].name):
        return notice
    with context.database.transaction() as transaction:
        sessions.verify_lease(transaction, turn)
        return notice if delivery.show_daily(transaction, turn, notice) else ""


def _deliver(context: WorkerContext, turn: Turn, reply: Reply, answer: Answer) -> bool:
    """Delivers the answer; where it never can be, ends the turn and returns False."""
    try:
        reply.deliver(answer)
    except ReplyError as error:
        if error.is_transient or isinstance(error, NotInstalled):
            raise
        end_unseen(context, turn, error, _find_reason(error), answer=answer.text)
        return False
    return True


def _find_reason(error: ReplyError) -> EndReason:
    """Returns why an answer is not where it was asked for."""
    if isinstance(error, SlackUnavailable):
        return EndReason.SLACK_AWAY
    if isinstance(error, SlackRefused):
        return EndReason.TOKEN_REFUSED if error.is_transient else undelivered.find_reason(error.code)
    return EndReason.UNDELIVERABLE


def _store_end(
    context: WorkerContext,
    turn: Turn,
    reply: Reply,
    answer: Answer,
    *,
    status: TurnStatus,
    reason: str,
    error_id: str | None = None,
    on_end: Callable[[Transaction], None] = lambda transaction: None,
) -> None:
    """Stores a delivered answer as the end of its turn."""
    with context.database.transaction() as transaction:
        reply.finalise(transaction)
        on_end(transaction)
        _close(
            context,
            transaction,
            turn,
            status=status,
            reason=reason,
            answer=answer.text,
            notice=answer.notice,
            offered=next((one.question for one in answer.closing.suggestions), None),
            error_id=error_id,
            cited=[source.n for source in answer.sources],
        )


def _close(
    context: WorkerContext,
    transaction: Transaction,
    turn: Turn,
    *,
    status: TurnStatus,
    reason: str,
    answer: str | None = None,
    notice: str = "",
    offered: str | None = None,
    error_id: str | None = None,
    delivery_error: str | None = None,
    cited: Sequence[int] = (),
) -> None:
    """Closes unfinished model calls, stores the outcome and releases budget holds: these last, for all turns share
    the rows that this locks."""
    sessions.finish(
        transaction,
        turn,
        status=status,
        reason=reason,
        answer=answer,
        notice=notice or None,
        offered=offered,
        error_id=error_id,
        delivery_error=delivery_error,
        cited=cited,
    )
    context.leases.note_next(turn.token, has_next=sessions.has_open(transaction, turn.session_id))
    budgets.release(transaction, turn.id)


_AGE = sql("SELECT extract(epoch FROM now() - created_at) FROM turns WHERE id = :id")
