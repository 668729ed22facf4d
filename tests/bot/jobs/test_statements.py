"""What an ordinary answer asks of Postgres: a statement is a round trip, a commit waits for the disk."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from sqlalchemy import event

import bot.settings
from agent.observability import metrics
from agent.settings import AgentSettings
from agent.store.database import Database
from agent.store.sessions import StoredQuestion
from bot.jobs import answering, wiring
from bot.jobs.context import WorkerContext
from bot.simulator import ADA, HELP, Workspace, WorkspaceServer
from bot.slack import inbox
from bot.slack.calls import rates
from bot.slack.calls.redis_limiter import RedisLimiter
from bot.slack.client import SlackClient
from bot.slack.inbox import Origin, ReplyAddress
from bot.slack.replies.progress import live_message
from ingest import settings as ingest_settings
from ingest.library import Library
from tests.counting_redis import CountingRedis
from tests.library import sync_folder
from tests.scripted_model import Call, Line, Say, ScriptedModel

QUESTION = "How many days of leave can I carry over?"
SEARCH = Call([("search_docs", {"query": "annual leave"})])
ANSWER = Say("You may carry over 5 days [1].")


@pytest.fixture(autouse=True)
def pages(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DOCENT_INDEX_URI", str(tmp_path / "index"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    ingest_settings.load.cache_clear()
    bot.settings.load.cache_clear()
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "leave.md").write_text("# Annual leave\n\nYou may carry over 5 days of leave.")
    sync_folder(Library(database, ingest_settings.load()), folder)
    yield
    ingest_settings.load.cache_clear()
    bot.settings.load.cache_clear()


@pytest.fixture(autouse=True)
def posted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine has the answer streamed, which takes more."""
    monkeypatch.setattr(live_message, "FIRST_TEXT_SECONDS", 1_000.0)
    monkeypatch.setattr(live_message, "FIRST_CARD_SECONDS", 1_000.0)


@pytest.fixture(autouse=True)
def counted_for_prometheus() -> Iterator[None]:
    """Metrics are on: they ask for nothing."""
    metrics.start()
    yield
    metrics.stop()


@pytest.fixture
def asked(database: Database) -> Iterator[Counter[str]]:
    """What is asked of Postgres, by this process."""
    counts: Counter[str] = Counter()
    engine = database.engine

    def count(*args: object) -> None:
        counts["statements"] += 1

    def commit(connection: object) -> None:
        counts["commits"] += 1

    event.listen(engine, "before_cursor_execute", count)
    event.listen(engine, "commit", commit)
    yield counts
    event.remove(engine, "before_cursor_execute", count)
    event.remove(engine, "commit", commit)


@pytest.mark.parametrize(
    ("lines", "most"),
    [([ANSWER], (22, 6)), ([SEARCH, ANSWER], (33, 11))],
    ids=["one model call", "two model calls"],
)
def test_an_answer_costs_few_statements_and_commits(  # noqa: PLR0917
    database: Database,
    workspace: Workspace,
    slack: SlackClient,
    asked: Counter[str],
    lines: list[Line],
    most: tuple[int, int],
) -> None:
    with ScriptedModel(lambda request: lines[(len(model.requests) - 1) % len(lines)]) as model:
        settings = AgentSettings(
            model="openai/scripted", model_api_base=model.base_url, model_prices="openai/scripted=1/1"
        )
        context = wiring.build(settings, database, slack=slack)
        for _ in range(3):  # the first ones fill what is kept: people, budgets, hosts
            asked.clear()
            (answer,) = _ask(database, workspace, context)
            assert "5 days" in answer
        context.leases.close()
    print(asked)
    assert asked["statements"] <= most[0]
    assert asked["commits"] <= most[1]


@pytest.mark.parametrize("is_streamed", [False, True], ids=["posted", "streamed"])
def test_an_answer_asks_redis_once_for_each_call_that_slack_limits(  # noqa: PLR0917
    database: Database,
    workspace: Workspace,
    server: WorkspaceServer,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    is_streamed: bool,
) -> None:
    if is_streamed:
        monkeypatch.setattr(live_message, "FIRST_TEXT_SECONDS", 0.0)
    connection = CountingRedis(connection_pool=redis.ConnectionPool.from_url(redis_url))
    limiter = RedisLimiter(connection, workspace.app.bot_token, post_burst=60)
    slack = SlackClient(workspace.app.bot_token, server.api_url, limiter=limiter)
    with ScriptedModel(lambda request: ANSWER) as model:
        settings = AgentSettings(
            model="openai/scripted", model_api_base=model.base_url, model_prices="openai/scripted=1/1"
        )
        context = wiring.build(settings, database, slack=slack)
        for _ in range(2):  # with the first one, Redis learns the script
            n_calls, asked = len(workspace.calls), connection.n_commands
            (answer,) = _ask(database, workspace, context)
            assert "5 days" in answer
        context.leases.close()
    calls = Counter(call.method for call in workspace.calls[n_calls:])
    print(calls)
    assert calls["chat.startStream"] == is_streamed
    assert calls["chat.postMessage"] == (not is_streamed)
    assert connection.n_commands - asked == sum(calls[method] for method in rates.COUNTED)


def _ask(database: Database, workspace: Workspace, context: WorkerContext) -> list[str]:
    """Asks and answers in this process; what stands in the thread then."""
    ts = workspace.person(ADA).mention(HELP, QUESTION)
    channel = workspace.directory.find_channel(HELP).id
    address = ReplyAddress(workspace.app.team_id, channel, ADA, ts=ts, thread_ts=ts)
    stored = inbox.store(
        database,
        inbox.NewQuestion(key=ts, address=address, origin=Origin.MENTION, question=QUESTION, per_minute=30),
    )
    assert isinstance(stored, StoredQuestion)
    answering.work(context, stored.session_id)
    return [m.plain for m in workspace.thread(HELP, ts) if m.user == workspace.app.bot_user_id]
