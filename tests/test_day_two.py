"""The day after: Docent is backed up while it runs, lost, and restored elsewhere; nobody is answered twice."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from agent.store.database import Database
from bot.jobs.answers.restored import RESTORED
from bot.processes.embedded.embedded_servers import Servers
from bot.simulator import ADA, GRACE, HELP, HR
from tests.command import Docent
from tests.databases import create_empty
from tests.scripted_model import Hang, Request, Say, ScriptedModel
from tests.system import QUESTION, System

ANSWER = "You can carry over 5 days of annual leave [1]."
SLOW = "How long must a password be, slowly?"


@pytest.fixture
def other_database(servers: Servers) -> Iterator[Database]:
    """A database with nothing in it, not even a schema."""
    with create_empty(servers.database_url) as url:
        database = Database(url, statement_timeout_seconds=30)
        yield database
        database.close()


def test_a_backup_that_is_made_while_questions_are_answered_is_restored_and_nobody_is_answered_twice(
    world: System, other_database: Database, tmp_path: Path
) -> None:
    released = threading.Event()
    hanging = threading.Event()

    def script(request: Request) -> Hang | Say:
        if SLOW in str(request["messages"]) and not released.is_set():
            hanging.set()
            return Hang(released)
        return Say(ANSWER)

    with ScriptedModel(script) as model:
        world.env |= {"DOCENT_MODEL": "openai/scripted", "DOCENT_MODEL_API_BASE": model.base_url}
        world.env |= {"DOCENT_MODEL_PRICES": "openai/scripted=1/1"}
        world.start("web", "worker", "clock")
        ada, grace = world.workspace.person(ADA), world.workspace.person(GRACE)
        before = ada.mention(HELP, QUESTION)
        world.wait_for_turns(1)
        under_way = grace.mention(HELP, SLOW)
        hanging.wait(120)
        docent = Docent(world.zygote, tmp_path, world.env)
        path = tmp_path / "backup.zip"
        made = docent("backup", str(path), "--index")
        assert made.code == 0, made.err
        assert "1 question waits for an answer" in made.out

        # Docent goes on, and is lost.
        released.set()
        world.wait_for_turns(2)
        after = ada.mention(HR, "How many days of annual leave do I have?")
        world.wait_for_turns(3)
        checked = docent("check")
        assert checked.code == 0, checked.out
        for role in ("web", "worker", "clock"):
            world.kill(role)
        recorded = world.query(
            "SELECT question, answer, reason FROM turns WHERE seq = 1 AND question = :q", q=QUESTION
        )
        subscriptions, world.workspace.app.subscriptions = world.workspace.app.subscriptions, ()
        missed = grace.mention(HR, "May I book a hotel?")
        world.workspace.app.subscriptions = subscriptions

        # It is restored elsewhere, with a Redis that knows nothing.
        with redis.Redis.from_url(world.env["REDIS_URL"]) as connection:
            connection.flushdb()
        world.database = other_database
        world.env |= {
            "DATABASE_URL": other_database.url,
            "DOCENT_INDEX_URI": str(tmp_path / "index-elsewhere"),
            "DOCENT_HOME": str(tmp_path / "home-elsewhere"),
            "DOCENT_CATCH_UP_HOURS": "24",
        }
        docent = Docent(world.zygote, tmp_path, world.env)
        done = docent("restore", str(path), DOCENT_HOME=world.env["DOCENT_HOME"])
        assert done.code == 0, done.err
        assert "1 question was open: a worker looks after that in Slack" in done.out
        assert world.query("SELECT question, answer, reason FROM turns WHERE status = 'completed'") == recorded

        world.start("web", "worker", "clock")
        new = ada.mention(HELP, "How many days of annual leave can I carry over, again?")
        world.wait_for_turns(3)  # the one of before, the one that nobody had answered, and the new one
        (restored,) = world.wait_for_turns(1, "failed")
        assert (restored.question, restored.reason) == (SLOW, "restored")
        world.wait_for(lambda: "caught_up" in world.logs())
        places = ((HELP, before), (HR, after), (HR, missed), (HELP, new))
        assert [len(world.replies(channel, ts)) for channel, ts in places] == [1, 1, 1, 1]
        (finished,) = world.replies(HELP, under_way)  # also where its draft was begun before the backup
        assert RESTORED not in finished.text
        assert all("carry over 5 days" in world.replies(channel, ts)[0].plain for channel, ts in places)
        assert len(world.turns()) == 4
        checked = docent("check", DOCENT_HOME=world.env["DOCENT_HOME"])
        assert checked.code == 0, checked.out
        (spent,) = world.query("SELECT spent_usd FROM budgets WHERE scope = 'workspace' AND period = 'month'")
        (cost,) = world.query("SELECT sum(cost_usd) AS usd FROM model_calls")
        assert spent.spent_usd == cost.usd > 0


def test_a_question_that_was_open_and_never_answered_is_told_so_in_its_thread_once(
    world: System, other_database: Database, tmp_path: Path
) -> None:
    world.start("web")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    command = world.workspace.person(GRACE).command("/ask", "How long must a password be?", HELP)
    assert command.error == ""
    world.wait_for_turns(2, "queued")
    docent = Docent(world.zygote, tmp_path, world.env)
    path = tmp_path / "backup.zip"
    assert docent("backup", str(path)).code == 0
    world.stop("web")
    world.database = other_database
    world.env |= {"DATABASE_URL": other_database.url}
    docent = Docent(world.zygote, tmp_path, world.env)
    assert docent("restore", str(path)).code == 0
    world.start("worker", "clock")
    turns = world.wait_for_turns(2, "failed")
    assert {turn.reason for turn in turns} == {"restored"}
    (reply,) = world.replies(HELP, ts)
    assert "restored from a backup" in reply.plain
    again = docent("restore", str(path))
    assert again.code == 2
    assert "not empty" in again.err
