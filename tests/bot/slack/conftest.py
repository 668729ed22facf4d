"""Turns to reply to, and the whole of Docent in this process."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import bot.settings
from agent.store import sessions
from agent.store.database import Database
from agent.store.sessions import StoredQuestion, Turn
from bot.simulator import ADA, HELP, TEAM, Workspace, WorkspaceServer
from bot.simulator.stores.installed_app import SUBSCRIPTIONS
from bot.slack import inbox
from bot.slack.client import SlackClient
from bot.slack.inbox import Origin, ReplyAddress
from ingest import settings as ingest_settings
from tests.bot.slack.docent import Docent
from tests.conftest import ReadHandbook
from tests.scripted_model import Say, ScriptedModel

MakeTurn = Callable[..., Turn]


@pytest.fixture
def address(workspace: Workspace) -> ReplyAddress:
    """Of a question that Ada asked in a channel."""
    ts = workspace.person(ADA).mention(HELP, "How many days?")
    channel = workspace.directory.find_channel(HELP).id
    return ReplyAddress(TEAM, channel, ADA, ts=ts, thread_ts=ts)


@pytest.fixture
def make_turn(database: Database) -> MakeTurn:
    """Stores a question under an address and claims it."""

    def make(address: ReplyAddress, question: str = "How many days?", lease_seconds: float = 60) -> Turn:
        key = f"{address.channel}:{address.ts}"
        stored = inbox.store(
            database, inbox.NewQuestion(key=key, address=address, origin=Origin.MENTION, question=question)
        )
        assert isinstance(stored, StoredQuestion)
        with database.transaction() as transaction:
            turn = sessions.claim(transaction, stored.session_id, owner="test", lease_seconds=lease_seconds)
        assert turn
        return turn

    return make


@pytest.fixture
def turn(make_turn: MakeTurn, address: ReplyAddress) -> Turn:
    return make_turn(address)


@pytest.fixture
def docent(  # noqa: PLR0917
    database: Database,
    workspace: Workspace,
    slack: SlackClient,
    server: WorkspaceServer,
    read_handbook: ReadHandbook,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Docent]:
    """Answers from the small handbook; its model cites the first passage."""
    monkeypatch.setenv("DOCENT_INDEX_URI", str(read_handbook.copy_to(tmp_path, database)))
    monkeypatch.setenv("SLACK_BOT_TOKEN", workspace.app.bot_token)
    monkeypatch.setenv("SLACK_API_URL", server.api_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    ingest_settings.load.cache_clear()
    bot.settings.load.cache_clear()
    workspace.app.subscriptions = SUBSCRIPTIONS
    with ScriptedModel(lambda request: Say("You can carry over 5 days [1].")) as model:
        docent = Docent(database, workspace, slack, model)
        yield docent
        docent.close()
    ingest_settings.load.cache_clear()
    bot.settings.load.cache_clear()
