"""The one place that wires: a wake-up comes in, the session's questions are answered, in order.

A job carries a session id and may come twice, late or after a crash: the lease decides. However a turn ends,
its end is visible where it was asked; what cannot be delivered now is put back and delivered later.
"""

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from redis import RedisError
from rq import Queue
from sqlalchemy import text as sql
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.errors import Cancelled, LeaseLost, ReplyError, UserError
from agent.settings import AgentSettings
from agent.store import budgets, sessions, trace
from agent.store.database import Database, Transaction
from agent.store.sessions import Turn
from agent.turn import loop
from agent.turn.config import AgentConfig, OpeningCall
from agent.turn.events import Finished, TextDelta, TextReset, ToolFinished, ToolStarted, Waiting
from bot.jobs import queue
from bot.jobs.leases import Abandoned, Lease, Leases
from bot.slack import inbox
from bot.slack.client import SlackClient
from bot.slack.replies import command_reply, task_cards, thread_reply
from bot.slack.replies.blocks import Answer
from bot.slack.replies.output_filter import OutputFilter, find_urls
from bot.slack.replies.thread_reply import Reply

GREETING = (
    "Ask me something about the company's documents, for example: _How many days of leave can I carry over?_ "
    "I answer in this thread, with my sources."
)
TOO_LONG = "Your question is longer than {limit:,} characters. Please ask it in fewer."
NO_TEXT = "I have no answer that I can show. Please ask in other words."
STOPPED = "Stopped."
STOPPED_NOTICE = "Stopped before the answer was complete."
GAVE_UP = "I could not answer this: I was interrupted several times. Please ask again."
FAILED = "Something went wrong on our side, and this question was not answered. Please ask again; if it happens"
STATUSES = {
    "search_docs": "is searching the documents…",
    "read_document": "is reading a document…",
    "list_documents": "is looking through the documents…",
    "thread_history": "is reading this thread…",
    "current_time": "is looking at the clock…",
}
LAST_ATTEMPTS = 3  # beyond the allowed ones, for saying that it was given up
DELIVERY_DELAY_SECONDS = (2, 60)  # Slack is away: try again after a quarter of the turn's age, within these


@dataclass(frozen=True)
class WorkerContext:
    """What a worker process answers with, made once."""

    settings: AgentSettings
    database: Database
    kit: AgentConfig
    opening: Callable[[str], Sequence[OpeningCall]]
    leases: Leases
    slack: SlackClient | None
    jobs: Queue | None
    stamps: Callable[[], dict[str, str | None]]
    delivery_hours: float = 24
    owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")


_desks: list[WorkerContext] = []


def bind(desk: WorkerContext) -> None:
    """Makes ``desk`` the one this process's jobs are done at."""
    _desks[:] = [desk]


def answer(session_id: str) -> None:
    """The RQ job."""
    work(_desks[0], UUID(session_id))


def work(desk: WorkerContext, session_id: UUID, make_reply: "Callable[[Turn], Reply] | None" = None) -> None:
    """Answers the session's open questions until none is left that we may take, or the process is stopping."""
    while not desk.leases.stopping.is_set():
        before = time.monotonic()
        with desk.database.transaction() as transaction:
            turn = sessions.claim(
                transaction, session_id, owner=desk.owner, lease_seconds=desk.settings.lease_seconds
            )
        if turn is None:
            return
        lease = desk.leases.add(turn.token, claimed_at=before)
        try:
            with observability.context(turn_id=str(turn.id), session_id=str(session_id)):
                _answer_one(desk, turn, lease, make_reply or (lambda turn: _reply_to(desk, turn)))
        finally:
            desk.leases.drop(lease)
    if desk.jobs:
        queue.wake(desk.jobs, [session_id])  # another worker goes on


def _answer_one(desk: WorkerContext, turn: Turn, lease: Lease, make_reply: Callable[[Turn], Reply]) -> None:
    """Whatever happens here is handled here; what cannot be written is left to the lease's end."""
    try:
        if turn.attempt > desk.settings.max_attempts + LAST_ATTEMPTS:  # even saying so failed again and again
            _end_unseen(desk, turn, UserError("the turn ended every worker that took it"), "interrupted")
            return
        target: Reply | None = None
        try:
            target = make_reply(turn)
            _run_and_deliver(desk, turn, lease, target)
        except (LeaseLost, SQLAlchemyError):
            raise
        except Abandoned:
            _put_back(desk, turn, 0)
        except ReplyError as error:
            _not_delivered(desk, turn, error)
        except Exception as error:  # noqa: BLE001  a turn ends here, visibly
            _fail(desk, turn, target, error)
    except LeaseLost:
        observability.log.warning("lease_lost", attempt=turn.attempt)
    except ReplyError as error:
        _not_delivered_after_all(desk, turn, error)
    except (SQLAlchemyError, RedisError) as error:  # the lease runs out and the sweep wakes again
        observability.report(error, event="turn_left_to_the_sweep")


def _run_and_deliver(desk: WorkerContext, turn: Turn, lease: Lease, target: Reply) -> None:
    if not turn.question.strip():
        _end(desk, turn, target, Answer(turn.id, GREETING, has_feedback=False), reason="greeting")
        return
    if len(turn.question) > (limit := desk.settings.max_question_chars):
        end = Answer(turn.id, TOO_LONG.format(limit=limit), has_feedback=False)
        _end(desk, turn, target, end, status="failed", reason="too_long")
        return
    stamps = desk.stamps()
    with desk.database.transaction() as transaction:
        sessions.verify_lease(transaction, turn)
        trace.begin(transaction, turn.id, stamps)
    run = loop.TurnRun(turn, desk.kit, lease.check)
    if turn.attempt > desk.settings.max_attempts and not run.is_answered:
        end = Answer(turn.id, GAVE_UP, has_feedback=False)
        _end(desk, turn, target, end, status="failed", reason="interrupted")
        return
    said = AnswerText(run)
    try:
        _show(desk, turn, run, target, said)
    except Cancelled:
        text = said.so_far()
        end = Answer(turn.id, text or STOPPED, notice=STOPPED_NOTICE if text else "", has_feedback=False)
        _end(desk, turn, target, end, status="cancelled", reason="stopped")


def _show(desk: WorkerContext, turn: Turn, run: loop.TurnRun, target: Reply, said: "AnswerText") -> None:
    """Runs the loop and shows what it tells."""
    cards: dict[str, task_cards.TaskCard] = {}  # by the id of the call that runs
    n_cards = 0
    for event in run.events(desk.opening):
        match event:
            case TextDelta(text):
                if safe := said.more(text):
                    target.show(safe)
            case TextReset():
                said.reset()
                target.reset()
            case ToolStarted(call_id, name):
                target.status(STATUSES.get(name, "is working…"))
                n_cards += 1
                cards[call_id] = task_cards.open_card(n_cards, event)
                target.step(cards[call_id])
            case ToolFinished(call_id):
                target.step(task_cards.close_card(cards[call_id], event))
            case Waiting():
                target.wait()
            case Finished():
                _finish(desk, turn, target, event, said.whole(event.text) or NO_TEXT)


class AnswerText:
    """The text of the answer as it may be shown, so far."""

    def __init__(self, run: loop.TurnRun) -> None:
        self._run = run
        self.reset()

    def reset(self) -> None:
        """The text so far was not the answer."""
        self._shown = OutputFilter(self._run.source, lambda url: url in find_urls(self._run.evidence()))
        self._text = ""

    def more(self, text: str) -> str:
        """What can be shown now, with this piece."""
        safe = self._shown.feed(text)
        self._text += safe
        return safe

    def so_far(self) -> str:
        """Everything until now; the end of it."""
        return (self._text + self._shown.finish()).strip()

    def whole(self, text: str) -> str:
        """A complete text."""
        return self._shown.whole(text)


def _finish(desk: WorkerContext, turn: Turn, target: Reply, finished: Finished, text: str) -> None:
    answer_ = Answer(turn.id, text, finished.sources, finished.notice, closest=finished.closest)
    target.deliver(answer_)
    with desk.database.transaction() as transaction:
        sessions.verify_lease(transaction, turn)
        trace.mark_cited(transaction, turn.id, [source.n for source in finished.sources])
        thread_reply.finalise(transaction, turn)
        _close(transaction, turn, status="completed", reason=finished.reason, answer=text)
    observability.log.info("turn_completed", reason=finished.reason, n_sources=len(finished.sources))


def _end(
    desk: WorkerContext,
    turn: Turn,
    target: Reply,
    end: Answer,
    *,
    status: str = "completed",
    reason: str,
    error_id: str | None = None,
) -> None:
    """Delivers a sentence of ours and ends the turn."""
    target.deliver(end)
    with desk.database.transaction() as transaction:
        sessions.verify_lease(transaction, turn)
        thread_reply.finalise(transaction, turn)
        _close(transaction, turn, status=status, reason=reason, answer=end.text, error_id=error_id)
    observability.log.info("turn_ended", status=status, reason=reason)


def _fail(desk: WorkerContext, turn: Turn, target: Reply | None, error: Exception) -> None:
    if target is None:
        _end_unseen(desk, turn, error, "error")
        return
    error_id = observability.report(error, event="turn_failed")
    end = Answer(turn.id, f"{FAILED} again, quote *{error_id}*.", has_feedback=False)
    _end(desk, turn, target, end, status="failed", reason="error", error_id=error_id)


def _not_delivered(desk: WorkerContext, turn: Turn, error: ReplyError) -> None:
    """Slack is away: later. Slack refuses: the turn ends, and the operator hears of it."""
    with desk.database.transaction() as transaction:
        age_seconds = transaction.execute(_AGE, {"id": turn.id}).scalar_one()
    if error.is_transient and age_seconds < desk.delivery_hours * 3600:
        shortest, longest = DELIVERY_DELAY_SECONDS
        observability.log.warning("delivery_postponed", error=str(error))
        _put_back(desk, turn, min(max(float(age_seconds) / 4, shortest), longest))
        return
    _end_unseen(desk, turn, error, "undeliverable")


def _not_delivered_after_all(desk: WorkerContext, turn: Turn, error: ReplyError) -> None:
    """The sentence that should have ended the turn was not delivered either."""
    try:
        _not_delivered(desk, turn, error)
    except (LeaseLost, SQLAlchemyError, RedisError) as second:
        observability.report(second, event="turn_left_to_the_sweep")


def _end_unseen(desk: WorkerContext, turn: Turn, error: Exception, reason: str) -> None:
    """Ends the turn where nobody can be told: the operator is."""
    error_id = observability.report(error, event=f"turn_{reason}")
    with desk.database.transaction() as transaction:
        _close(transaction, turn, status="failed", reason=reason, error_id=error_id)


def _close(
    transaction: Transaction,
    turn: Turn,
    *,
    status: str,
    reason: str,
    answer: str | None = None,
    error_id: str | None = None,
) -> None:
    """The turn's last write: what is open of it is closed, and its money given back."""
    trace.close_open_calls(transaction, turn.id, "broken off: the turn ended")
    sessions.finish(transaction, turn, status=status, reason=reason, answer=answer, error_id=error_id)
    budgets.release(transaction, turn.id)


_AGE = sql("SELECT extract(epoch FROM now() - created_at) FROM turns WHERE id = :id")


def _put_back(desk: WorkerContext, turn: Turn, delay_seconds: float) -> None:
    with desk.database.transaction() as transaction:
        sessions.put_back(transaction, turn, delay_seconds=delay_seconds)
    if desk.jobs and not delay_seconds:
        queue.wake(desk.jobs, [turn.session_id])


def _reply_to(desk: WorkerContext, turn: Turn) -> Reply:
    with desk.database.transaction() as transaction:
        place = inbox.load_address(transaction, turn.id)
    if place is None or desk.slack is None:
        raise ReplyError("nobody waits for this turn's answer any more", is_transient=False)
    if place.thread_ts is None:
        return command_reply.CommandReply(desk.slack, place)
    return thread_reply.ThreadReply(desk.slack, desk.database, turn, place)
