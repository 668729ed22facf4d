"""An answer in the terminal: streamed as it comes, then its sources. ``docent ask`` is a Slack thread of one."""

import re
import sys
from dataclasses import dataclass, field
from typing import Any, TextIO
from uuid import UUID

from sqlalchemy import select

from agent.clock import new_id
from agent.errors import UserError
from agent.store import sessions
from agent.store.database import Database
from agent.store.tables import TurnRow
from bot.jobs import answering
from bot.jobs.answering import WorkerContext
from bot.slack.replies.blocks import Answer, group_by_page
from bot.slack.replies.output_filter import is_web_url
from bot.slack.replies.task_cards import TaskCard

LINKED_CITATION = re.compile(r"\[(\[\d+\])\]\([^)\s]*\)")


@dataclass
class TerminalReply:
    """Writes the text as it comes; ``stream`` is None to stay silent until the end."""

    stream: TextIO | None
    answer: Answer | None = None
    _shown: str = field(default="", repr=False)

    def status(self, text: str) -> None:
        """The steps say it better."""

    def step(self, step: TaskCard) -> None:
        if self.stream and self.stream.isatty() and step.status == "in_progress":
            print(f"… {step.title}: {step.details}", file=sys.stderr)

    def wait(self) -> None:
        """The terminal shows nothing while the model is silent."""

    def show(self, text: str) -> None:
        self._write(strip_links(text))

    def reset(self) -> None:
        if self._shown:
            self._write("\n\n")
        self._shown = ""

    def deliver(self, answer: Answer) -> None:
        self.answer = answer
        text = strip_links(answer.text)
        if text.startswith(self._shown):
            self._write(text[len(self._shown) :])
        else:
            self._write("\n\n" + text)
        if answer.sources:
            self._write("\n")
        for marks, title, url in group_by_page(answer.sources):
            self._write(f"\n{marks} {title} — {url if is_web_url(url) else url.removeprefix('file://')}")
        if answer.closest:
            self._write("\n\nClosest documents:")
        for _, title, url in group_by_page(answer.closest):
            self._write(f"\n- {title} — {url if is_web_url(url) else url.removeprefix('file://')}")
        if answer.notice:
            self._write(f"\n\n({answer.notice})")
        self._write("\n")

    def _write(self, text: str) -> None:
        self._shown += text
        if self.stream:
            print(text, end="", file=self.stream, flush=True)


def ask(
    desk: WorkerContext, database: Database, question: str, *, user: str, stream: TextIO | None
) -> dict[str, Any]:
    """Stores the question, answers it here, and returns what ``docent ask --json`` prints."""
    with database.transaction() as transaction:
        asked = sessions.ask(transaction, key=f"cli:{new_id()}", user_id=user, origin="cli", question=question)
    reply = TerminalReply(stream)
    answering.work(desk, asked.session_id, lambda _: reply)
    return _outcome(database, asked.turn_id, reply)


def _outcome(database: Database, turn_id: UUID, reply: TerminalReply) -> dict[str, Any]:
    with database.transaction() as transaction:
        turn = transaction.execute(select(TurnRow).where(TurnRow.id == turn_id)).scalar_one()
        if reply.answer is None:
            raise UserError("The question was stored but not answered: the database went away meanwhile.")
        return {
            "answer": strip_links(reply.answer.text),
            "sources": [
                {
                    "n": source.n,
                    "title": source.passage.title,
                    "url": source.passage.url,
                    "document_id": source.passage.document_id,
                    "score": round(source.passage.score, 4),
                }
                for source in reply.answer.sources
            ],
            "notice": reply.answer.notice,
            "status": turn.status,
            "reason": turn.reason,
            "n_steps": turn.n_steps,
            "cost_usd": float(turn.cost_usd),
            "turn_id": str(turn.id),
        }


def strip_links(text: str) -> str:
    """Citations without their links: the sources stand below."""
    return LINKED_CITATION.sub(r"\1", text)
