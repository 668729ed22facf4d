"""A machine that is cut off from something leaves questions to others."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from rq import Queue
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from agent.store.database import Database
from agent.types import Audience
from bot.jobs import answering, job_pool, queue
from bot.jobs.answers import passing_on
from bot.jobs.context import WorkerContext
from bot.jobs.job_pool import JobPool
from bot.settings import BotSettings
from bot.slack.client import SlackUnavailable
from bot.slack.membership.audience import SeenBy
from ingest.index.active_index import IndexState
from ingest.library import Library
from ingest.settings import IngestSettings
from tests.bot.jobs.conftest import Ask, RecordingReply
from tests.bot.jobs.test_answering import place, turns, update, woken
from tests.scripted_model import ScriptedModel


class UnknownAudiences:
    """A directory that Slack may keep from knowing anything."""

    def __init__(self, error: SlackUnavailable) -> None:
        self.error: SlackUnavailable | None = error

    def refresh(self, transaction: object) -> None:
        pass

    def resolve(self, address: object) -> SeenBy:
        return SeenBy(Audience((frozenset({"user:U"}),)), "I could not look it up.", self.error)


def test_a_wake_up_whose_session_cannot_be_read_is_left_to_others(
    context: WorkerContext, ask: Ask, turn_queue: Queue
) -> None:
    session_id = ask().session_id
    cut_off = replace(context, database=Database("postgresql://nobody@127.0.0.1:1/none"))
    pool = JobPool(2)
    slot = pool.take(0)
    assert slot
    is_over = threading.Event()

    def perform() -> None:
        answering.work(cut_off, session_id)
        is_over.set()

    pool.submit(slot, perform)
    assert is_over.wait(120)
    assert woken(turn_queue) == [str(session_id)]
    assert pool.take(0) is None  # it rests
    assert pool.take(job_pool.REST_SECONDS * 40) is not None
    assert turns(context.database, "attempt") == [(0,)]


def test_a_bug_in_reading_a_session_is_not_passed_on(context: WorkerContext, ask: Ask, turn_queue: Queue) -> None:
    bug = ProgrammingError("SELECT", {}, Exception("no such column"))
    with pytest.raises(ProgrammingError):
        passing_on.pass_wake_on(context, ask().session_id, bug)
    outage = OperationalError("SELECT", {}, Exception("connection refused"))
    with pytest.raises(OperationalError):  # in a terminal
        passing_on.pass_wake_on(replace(context, turn_queue=None), ask().session_id, outage)
    assert woken(turn_queue) == []


def test_a_wake_up_that_finds_neither_postgres_nor_redis_is_left_to_the_clock(
    context: WorkerContext, ask: Ask, settings: BotSettings
) -> None:
    away = settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})
    with queue.connect(away) as connection:
        cut_off = replace(context, turn_queue=queue.open_turn_queue(away, connection))
        outage = OperationalError("SELECT", {}, Exception("connection refused"))
        passing_on.pass_wake_on(cut_off, ask().session_id, outage)


@pytest.mark.parametrize(("is_young", "has_others"), [(True, True), (False, True), (True, False)])
def test_a_young_question_waits_for_a_machine_that_can_search_where_there_may_be_one(
    context: WorkerContext,
    ask: Ask,
    model: ScriptedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_young: bool,
    has_others: bool,
) -> None:
    """A command such as ``docent ask`` has no queue: nobody else would come."""
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    library = Library(context.database, IngestSettings(index_uri="s3://bucket/index", home=tmp_path))
    state = IndexState("chunks", "static")
    assert not library.is_cut_off(state)
    mirror = library.active_index.mirror
    assert mirror
    mirror.follow(state.table, state.written)
    assert library.is_cut_off(state)
    stored, reply = ask(), RecordingReply()
    if not is_young:
        update(context.database, f"created_at = now() - interval '{passing_on.PATIENCE_SECONDS + 1} seconds'")
    agent = replace(context.agent, resources={Library: library})
    context = replace(context, agent=agent, needs_documents=False)
    context = context if has_others else replace(context, turn_queue=None)
    answering.work(context, stored.session_id, lambda turn: reply)
    waits = is_young and has_others
    assert turns(context.database, "status, attempt") == [("running", 0) if waits else ("completed", 1)]
    assert len(model.requests) == len(reply.answers) == (0 if waits else 1)


@pytest.mark.parametrize("is_reached", [True, False])
def test_where_slack_cannot_be_reached_a_question_waits_before_the_model_is_asked(
    context: WorkerContext, ask: Ask, model: ScriptedModel, *, is_reached: bool
) -> None:
    """A Slack that fails is another thing: it can be told what was found without it."""
    audiences = UnknownAudiences(SlackUnavailable("users.list", may_have_happened=is_reached))
    context = replace(context, audiences=audiences)  # type: ignore[arg-type]
    stored, reply = ask(), RecordingReply()
    place(context.database, stored.turn_id)
    answering.work(context, stored.session_id, lambda turn: reply)
    assert len(model.requests) == len(reply.answers) == (1 if is_reached else 0)
    audiences.error = None
    update(context.database, "run_after = now()")
    answering.work(context, stored.session_id, lambda turn: reply)
    assert len(model.requests) == len(reply.answers) == 1


def test_postgres_probes_its_clients_as_they_probe_it(database: Database) -> None:
    names = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout")
    with database.transaction() as transaction:
        found = [transaction.scalar(text(f"SHOW {name}")) for name in names]
    assert found == ["5", "2", "2", "8000"]
