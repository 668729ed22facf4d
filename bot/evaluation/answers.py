"""What a set's questions are answered: asked at a desk like anybody's, in sessions of their own.

Promises: the same loop, models, tools, limits and budgets as in Slack; a follow-up is asked where its earlier
questions and answers are the session's history; what is asked is recorded with the origin ``eval`` and paid by the
person ``eval``, so that it is nobody's question and nobody's money but the set's.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text as sql

from agent.clock import new_id
from agent.errors import UserError
from agent.store import sessions
from agent.store.database import Database
from bot.evaluation import measures
from bot.evaluation.questions import EvalQuestion
from bot.jobs import answering
from bot.jobs.context import WorkerContext
from bot.jobs.terminal_reply import TerminalReply, strip_links

ORIGIN = USER = "eval"
NO_EVIDENCE = "no_evidence"  # a turn's reason
SEEDING_SECONDS = 30  # of the lease under which earlier answers are written down
_TURN = sql("SELECT status, reason, cost_usd FROM turns WHERE id = :id")
_SHOWN = sql("SELECT result::text FROM tool_calls WHERE turn_id = :id AND NOT is_error AND result IS NOT NULL")
_WAS_QUOTED = sql("SELECT 1 FROM model_calls WHERE turn_id = :id AND purpose = 'fallback' LIMIT 1")


@dataclass(frozen=True)
class AnsweredQuestion:
    """``cited`` are files as the set names them where it does. What nothing can be said of is None.

    ``missing`` are the facts that the answer lacks, ``not_shown`` those that what was looked up lacked already.
    ``is_quoted``: the configured model did not answer, the fallback did.
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


def ask(
    questions: Sequence[EvalQuestion],
    desk: WorkerContext,
    names: Mapping[str, str],
    *,
    n_at_once: int = 1,
    progress: Callable[[], None] = lambda: None,
) -> list[AnsweredQuestion]:
    """Asks every question, ``n_at_once`` at a time; ``names`` are files by document id."""

    def one(question: EvalQuestion) -> AnsweredQuestion:
        answered = _ask(question, desk, names)
        progress()
        return answered

    with ThreadPoolExecutor(n_at_once) as threads:
        try:
            return list(threads.map(one, questions))
        except BaseException:  # a second question's answer is not waited for after Ctrl-C
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _ask(question: EvalQuestion, desk: WorkerContext, names: Mapping[str, str]) -> AnsweredQuestion:
    started = time.perf_counter()
    turn_id, reply = _answered(question, desk)
    seconds = time.perf_counter() - started
    if reply.answer is None:
        raise UserError("A question was stored but not answered: the database went away meanwhile. Run it again.")
    status, reason, cost_usd, is_quoted, shown = _end(desk.database, turn_id)
    text = strip_links(reply.answer.text)
    is_refusal = reason == NO_EVIDENCE or desk.agent.is_refusal(text)
    cited = tuple(dict.fromkeys(names.get(s.passage.document_id, s.passage.url) for s in reply.answer.sources))
    missing = tuple(measures.find_missing_facts(text, question.facts))
    is_asked = not question.is_unanswerable
    return AnsweredQuestion(
        turn_id=str(turn_id),
        text=text,
        status=status,
        reason=reason,
        is_refusal=is_refusal,
        is_quoted=is_quoted,
        cited=cited,
        missing=missing,
        not_shown=tuple(measures.find_missing_facts(shown, question.facts)),
        is_complete=not is_refusal and not missing if is_asked and question.facts else None,
        cites_right=not question.grades.keys().isdisjoint(cited) if is_asked and question.grades else None,
        seconds=seconds,
        cost_usd=cost_usd,
    )


def _answered(question: EvalQuestion, desk: WorkerContext) -> tuple[UUID, TerminalReply]:
    key = f"{ORIGIN}:{new_id()}"
    for earlier, answer in question.earlier:
        _write_down(desk, key, earlier, answer)
    with desk.database.transaction() as transaction:
        asked = sessions.ask(transaction, key=key, user_id=USER, origin=ORIGIN, question=question.text)
    reply = TerminalReply(None)
    answering.work(desk, asked.session_id, lambda _: reply)
    return asked.turn_id, reply


def _write_down(desk: WorkerContext, key: str, question: str, answer: str) -> None:
    """An earlier turn as if it had been asked and answered there."""
    with desk.database.transaction() as transaction:
        asked = sessions.ask(transaction, key=key, user_id=USER, origin=ORIGIN, question=question)
        turn = sessions.claim(transaction, asked.session_id, owner=desk.owner, lease_seconds=SEEDING_SECONDS)
        assert turn is not None  # the session is new and nobody else knows of it
        sessions.finish(transaction, turn, status="completed", reason="answered", answer=answer)


def _end(database: Database, turn_id: UUID) -> tuple[str, str, float, bool, str]:
    """Status, reason, cost, whether it was quoted instead, and all that tools returned, as text."""
    with database.transaction() as transaction:
        row = transaction.execute(_TURN, {"id": turn_id}).one()
        was_quoted = transaction.execute(_WAS_QUOTED, {"id": turn_id}).first() is not None
        results = transaction.scalars(_SHOWN, {"id": turn_id}).all()
    shown = "\n".join(text for result in results for text in _texts(json.loads(result)))
    return row.status, row.reason or "", float(row.cost_usd), was_quoted, shown


def _texts(value: Any) -> Iterator[str]:
    """Every string in a tool's result."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
