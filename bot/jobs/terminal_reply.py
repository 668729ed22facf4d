"""An answer in the terminal: the text as it comes, then its sources. ``docent ask`` is a session of one
question."""

import re
import sys
from dataclasses import dataclass, field
from typing import TextIO, TypedDict
from uuid import UUID

from sqlalchemy import select

from agent.clock import new_id
from agent.errors import UserError
from agent.llm import models
from agent.store import sessions
from agent.store.database import Database
from agent.store.tables import ModelCallRow, TurnRow
from agent.types import CitedPassage
from bot.jobs import answering
from bot.jobs.context import WorkerContext
from bot.slack.replies.closing.sources import describe_age, group_by_page
from bot.slack.replies.output_filter import is_web_url
from bot.slack.replies.reply import Answer, Reply
from bot.slack.replies.task_cards import CardStatus, TaskCard
from ingest.access.principals import make_member

LINKED_CITATION = re.compile(r"\[(\[\d+\])\]\([^)\s]*\)")
ORIGIN = "cli"


class SourceJson(TypedDict):
    """A cited passage in the output of ``docent ask --json``."""

    n: int
    title: str
    url: str
    document_id: str
    score: float


class AnswerJson(TypedDict):
    """The output of ``docent ask --json``."""

    answer: str
    sources: list[SourceJson]
    notice: str
    status: str
    reason: str | None
    n_steps: int
    cost_usd: float
    turn_id: str


@dataclass
class TerminalReply(Reply):
    """Writes the answer to ``stream``; if that is None, only keeps it in ``answer``."""

    stream: TextIO | None
    answer: Answer | None = None
    _written: str = field(default="", repr=False)

    def show_card(self, card: TaskCard) -> None:
        if self.stream and self.stream.isatty() and card.status == CardStatus.IN_PROGRESS:
            print(f"… {card.title}: {card.details}", file=sys.stderr)

    def show_text(self, text: str) -> None:
        self._write(strip_links(text))

    def reset_text(self) -> None:
        if self._written:
            self._write("\n\n")
        self._written = ""

    def deliver(self, answer: Answer) -> None:
        self.answer = answer
        text = strip_links(answer.text)
        if text.startswith(self._written):
            self._write(text[len(self._written) :])
        else:
            self._write("\n\n" + text)
        if answer.sources:
            self._write("\n")
        for entry in group_by_page(answer.sources):
            age = describe_age(entry, answer.closing.dates)
            place = _to_path_or_url(entry.url)
            self._write(f"\n{entry.marks} {entry.title} — {place}" + (f" ({age})" if age else ""))
        if answer.closest:
            self._write("\n\nClosest documents:")
        for entry in group_by_page(answer.closest):
            self._write(f"\n- {entry.title} — {_to_path_or_url(entry.url)}")
        if answer.notice:
            self._write(f"\n\n({answer.notice})")
        self._write("\n")

    def _write(self, text: str) -> None:
        self._written += text
        if self.stream:
            print(text, end="", file=self.stream, flush=True)


def ask(
    context: WorkerContext, database: Database, question: str, *, user: str, stream: TextIO | None
) -> AnswerJson:
    """Stores the question, answers it in this process, and returns what ``docent ask --json`` prints."""
    with database.transaction() as transaction:
        stored = sessions.ask(
            transaction,
            key=f"cli:{new_id()}",
            user_id=user,
            origin=ORIGIN,
            question=question,
            audience=make_member(()),
        )
    reply = TerminalReply(stream)
    answering.work(context, stored.session_id, lambda _: reply)
    return _load_outcome(database, stored.turn_id, reply)


def describe_failures(database: Database, turn_id: UUID) -> list[str]:
    """Says of each model that failed in a turn why it did, and what to do: the answer itself is for readers."""
    row = ModelCallRow
    query = select(row.model, row.error).where(row.turn_id == turn_id, row.error.is_not(None)).distinct()
    with database.transaction() as transaction:
        calls = sorted((model, str(error)) for model, error in transaction.execute(query))
    return [f"{model}: {' '.join(models.explain_failure(model, error))}" for model, error in calls]


def strip_links(text: str) -> str:
    """Writes citations without their links: the sources are listed below the answer."""
    return LINKED_CITATION.sub(r"\1", text)


def _load_outcome(database: Database, turn_id: UUID, reply: TerminalReply) -> AnswerJson:
    with database.transaction() as transaction:
        turn = transaction.execute(select(TurnRow).where(TurnRow.id == turn_id)).scalar_one()
        if reply.answer is None:
            raise UserError(
                "The question was stored but not answered, because the database became unavailable. Ask again."
            )
        return {
            "answer": strip_links(reply.answer.text),
            "sources": [_to_json(source) for source in reply.answer.sources],
            "notice": reply.answer.notice,
            "status": turn.status,
            "reason": turn.reason,
            "n_steps": turn.n_steps,
            "cost_usd": float(turn.cost_usd),
            "turn_id": str(turn.id),
        }


def _to_json(source: CitedPassage) -> SourceJson:
    passage = source.passage
    return {
        "n": source.n,
        "title": passage.title,
        "url": passage.url,
        "document_id": passage.document_id,
        "score": round(passage.score, 4),
    }


def _to_path_or_url(url: str) -> str:
    return url if is_web_url(url) else url.removeprefix("file://")
