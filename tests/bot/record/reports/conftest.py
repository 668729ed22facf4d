"""Questions asked in the stand-in, as they are recorded, and documents that answers cite."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from agent.clock import now
from agent.store import feedback, sessions
from agent.store.database import Database
from agent.store.sessions import StoredQuestion
from agent.store.tables import SourceRow
from bot.record.export_scope import is_public
from bot.record.reports.weekly import WeeklyReport
from bot.simulator import ADA, HELP, TEAM, SlackMessage, Workspace
from bot.slack import inbox
from bot.slack.client import SlackClient
from bot.slack.inbox import Origin, ReplyAddress
from bot.slack.membership.audience import AudienceResolver
from bot.slack.membership.directory import SlackDirectory
from ingest.access import reader_sets
from ingest.access.reader_sets import ReaderSets
from ingest.documents.upkeep import Upkeep
from ingest.tables import DocumentRow


@dataclass
class AskedWorkspace:
    """A workspace in which people ask; ``due`` is when the report of these questions is."""

    workspace: Workspace
    slack: SlackClient
    database: Database
    due: datetime = field(default_factory=lambda: now() + timedelta(minutes=1))

    def document(
        self,
        title: str,
        *,
        readers: Iterable[str] = ("everyone",),
        days: float = 1,
        upkeep: Upkeep | None = None,
        source: str = "handbook",
    ) -> UUID:
        id_, name = uuid4(), title.lower()
        with self.database.transaction() as transaction:
            access_id = reader_sets.store_readers(transaction, reader_sets.one_of(readers))
            transaction.add(
                DocumentRow(
                    id=id_,
                    source=source,
                    uri=f"{name}.md",
                    url=f"https://handbook.example/{name}",
                    title=title,
                    content_hash="h",
                    access_id=access_id,
                    updated_at=self.due - timedelta(days=days),
                    upkeep=upkeep.as_json() if upkeep else None,
                )
            )
        return id_

    def ask(
        self,
        question: str,
        *,
        channel: str = HELP,
        user: str = ADA,
        origin: Origin = Origin.MENTION,
        cited: Iterable[UUID] = (),
        down: Iterable[str] = (),
    ) -> str:
        """Asks, and has it answered from what is cited, or not; returns the ``ts`` of the question."""
        is_thread = origin in (Origin.MENTION, Origin.THREAD)
        ts = self._write(question, channel, user, origin)
        address = ReplyAddress(TEAM, channel, user, ts=ts or None, thread_ts=ts if is_thread else None)
        key = str(uuid4())
        stored = inbox.store(
            self.database, inbox.NewQuestion(key=key, address=address, origin=origin, question=question)
        )
        assert isinstance(stored, StoredQuestion)
        with self.database.transaction() as transaction:
            turn = sessions.claim(transaction, stored.session_id, owner="test", lease_seconds=60)
            assert turn
            documents = list(cited)
            for n, id_ in enumerate(documents, 1):
                shown = {"chunk_id": f"{id_.hex}-{n}", "document_id": id_.hex, "score": 0.9}
                shown |= {"title": "", "url": "", "heading_path": ""}
                transaction.add(SourceRow(turn_id=turn.id, n=n, **shown))
            transaction.flush()
            reason = "answered" if documents else "no_evidence"
            numbers = range(1, len(documents) + 1)
            sessions.finish(transaction, turn, status="completed", reason=reason, cited=list(numbers))
            for rater in down:
                feedback.rate(transaction, turn_id=turn.id, user_id=rater, rating=-1)
        return ts

    def publish(
        self, channel: str, *, due: datetime | None = None, owners: Mapping[str, str] | None = None
    ) -> None:
        """As the clock does, from the beginning each time."""
        audiences = AudienceResolver(SlackDirectory(self.slack), ReaderSets(), self.database)
        report = WeeklyReport(
            self.database,
            self.slack,
            audiences,
            channel,
            ZoneInfo("UTC"),
            lambda asked_in: is_public(self.slack, asked_in),
            owners or {},
        )
        report.publish(due or self.due)

    def posts(self, channel: str) -> list[str]:
        """What the bot posted there outside of threads, as text."""
        bot = self.workspace.app.bot_user_id
        messages = self.workspace.history(channel)
        return [read(message) for message in messages if message.user == bot and not message.thread_ts]

    def _write(self, question: str, channel: str, user: str, origin: Origin) -> str:
        person = self.workspace.person(user)
        if origin is Origin.COMMAND:
            return ""
        return person.write_dm(question) if origin is Origin.DIRECT else person.mention(channel, question)


def read(message: SlackMessage) -> str:
    return "\n\n".join(block["text"]["text"] for block in message.blocks)


@pytest.fixture
def asked(workspace: Workspace, slack: SlackClient, database: Database) -> AskedWorkspace:
    return AskedWorkspace(workspace, slack, database)
