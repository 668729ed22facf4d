"""Asks the questions of a set as a person in Slack would, each in a session of its own.

Promises the same loop, models, tools, limits and budgets as in Slack. A follow-up gets its earlier questions and
answers as the session's history. Turns are recorded with the origin ``eval`` and paid for by the person ``eval``,
so that they count neither as anybody's questions nor against anybody's budget.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text as sql

from agent.clock import new_id
from agent.errors import UserError
from agent.store import sessions
from agent.store.database import Database
from agent.types import EndReason, TurnStatus
from bot.evaluation import measures
from bot.evaluation.questions import EvalQuestion
from bot.jobs import answering
from bot.jobs.context import WorkerContext
from bot.jobs.terminal_reply import TerminalReply, strip_links
from ingest.access.principals import make_member

ORIGIN = USER = "eval"
SEEDING_LEASE_SECONDS = 30  # while an earlier answer is stored
_TURN = sql("""
SELECT status, reason, cost_usd, (
    SELECT content -> 'is_refusal' = 'true' FROM messages WHERE turn_id = turns.id ORDER BY position DESC LIMIT 1
) AS is_refusal FROM turns WHERE id = :id
""")
_RESULTS = sql("SELECT result::text FROM tool_calls WHERE turn_id = :id AND NOT is_error AND result IS NOT NULL")
_FALLBACK = sql("SELECT 1 FROM model_calls WHERE turn_id = :id AND purpose = 'fallback' LIMIT 1")


@dataclass(frozen=True)
class AnsweredQuestion:
    """An answer and its verdicts, which are None if the question does not say what is right.

    ``cited`` are files by their path in the set, or else their address. ``missing`` are the facts that the answer
    lacks, ``not_shown`` those that the tools' results lack too. ``is_quoted``: the fallback answered, because the
    configured model did not.
    """

    turn_id: str
    text: str
    status: str
    reason: str
    is_refusal: bool
    is_quoted: bool
    cited: tuple[str, ...]
    missing: tuple[str, ...]
    not_shown: tuple[str, ...]
    is_complete: bool | None
    cites_right: bool | None
    seconds: float
    cost_usd: float


@dataclass(frozen=True)
class _TurnOutcome:
    """What is recorded of a turn; ``results`` are all strings that its tools returned, one per line."""

    status: str
    reason: str
    cost_usd: float
    is_quoted: bool
    is_refusal: bool
    results: str


def ask(
    questions: Sequence[EvalQuestion],
    context: WorkerContext,
    names: Mapping[str, str],
    *,
    n_at_once: int = 1,
    progress: Callable[[], None] = lambda: None,
) -> list[AnsweredQuestion]:
    """Asks every question, ``n_at_once`` at a time; ``names`` are the set's paths by document id."""

    def ask_one(question: EvalQuestion) -> AnsweredQuestion:
        answered = _ask(question, context, names)
        progress()
        return answered

    with ThreadPoolExecutor(n_at_once) as threads:
        try:
            return list(threads.map(ask_one, questions))
        except BaseException:  # Ctrl-C does not wait for the other questions
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _ask(question: EvalQuestion, context: WorkerContext, names: Mapping[str, str]) -> AnsweredQuestion:
    started = time.perf_counter()
    turn_id, reply = _answer(question, context)
    seconds = time.perf_counter() - started
    if reply.answer is None:
        raise UserError(
            "A question was stored but not answered, because the database became unavailable. "
            "Run the command again."
        )
    outcome = _load_outcome(context.database, turn_id)
    text = strip_links(reply.answer.text)
    is_refusal = outcome.reason == EndReason.NO_EVIDENCE or outcome.is_refusal
    cited = tuple(dict.fromkeys(names.get(s.passage.document_id, s.passage.url) for s in reply.answer.sources))
    missing = tuple(measures.find_missing_facts(text, question.facts))
    is_answerable = not question.is_unanswerable
    return AnsweredQuestion(
        turn_id=str(turn_id),
        text=text,
        status=outcome.status,
        reason=outcome.reason,
        is_refusal=is_refusal,
        is_quoted=outcome.is_quoted,
        cited=cited,
        missing=missing,
        not_shown=tuple(measures.find_missing_facts(outcome.results, question.facts)),
        is_complete=not is_refusal and not missing if is_answerable and question.facts else None,
        cites_right=not question.grades.keys().isdisjoint(cited) if is_answerable and question.grades else None,
        seconds=seconds,
        cost_usd=outcome.cost_usd,
    )


def _answer(question: EvalQuestion, context: WorkerContext) -> tuple[UUID, TerminalReply]:
    key = f"{ORIGIN}:{new_id()}"
    for earlier, answer in question.earlier:
        _store_answered(context, key, earlier, answer)
    with context.database.transaction() as transaction:
        stored = sessions.ask(
            transaction, key=key, user_id=USER, origin=ORIGIN, question=question.text, audience=make_member(())
        )
    reply = TerminalReply(None)
    answering.work(context, stored.session_id, lambda _: reply)
    return stored.turn_id, reply


def _store_answered(context: WorkerContext, key: str, question: str, answer: str) -> None:
    """Stores an earlier turn as if it had been asked and answered in this session."""
    with context.database.transaction() as transaction:
        stored = sessions.ask(
            transaction, key=key, user_id=USER, origin=ORIGIN, question=question, audience=make_member(())
        )
        turn = sessions.claim(
            transaction, stored.session_id, owner=context.owner, lease_seconds=SEEDING_LEASE_SECONDS
        )
        assert turn is not None  # the session is new and no other process knows of it
        sessions.finish(transaction, turn, status=TurnStatus.COMPLETED, reason=EndReason.ANSWERED, answer=answer)


def _load_outcome(database: Database, turn_id: UUID) -> _TurnOutcome:
    with database.transaction() as transaction:
        row = transaction.execute(_TURN, {"id": turn_id}).one()
        is_quoted = transaction.execute(_FALLBACK, {"id": turn_id}).first() is not None
        results = transaction.scalars(_RESULTS, {"id": turn_id}).all()
    strings = "\n".join(text for result in results for text in _strings(json.loads(result)))
    is_refusal = bool(row.is_refusal)
    return _TurnOutcome(row.status, row.reason or "", float(row.cost_usd), is_quoted, is_refusal, strings)


def _strings(value: object) -> Iterator[str]:
    """Yields every string in a tool's result."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)
