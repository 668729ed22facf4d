"""No transaction is open while somebody outside is waited for: a model, Slack, an embedding provider, a source."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from agent.store import locks
from bot.simulator import ADA, GENERAL, GRACE, HELP, FaultRule
from bot.slack.channels import channel_settings
from bot.slack.replies.closing import buttons
from ingest.index import lock_names
from tests import pgbouncer
from tests.command import Docent
from tests.conftest import empty
from tests.fork_server import GUARDED
from tests.scripted_embeddings import ScriptedEmbeddings
from tests.scripted_model import Call, Hang, Line, Request, Say, ScriptedModel
from tests.system import QUESTION, System

ANSWER = Say("You can carry over 5 days of annual leave [1].")
N_LOOKS = 5

OPEN = """
SELECT 'process ' || pid || ' since ' || xact_start AS described, backend_xid, backend_xmin FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
  AND backend_type = 'client backend'
"""
HELD = """
SELECT DISTINCT classid::bigint << 32 | objid::bigint AS number FROM pg_locks
WHERE locktype = 'advisory' AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.fixture
def held_model(world: System) -> Iterator[ScriptedModel]:
    """Holds its first answer until the test ends."""
    with ScriptedModel(lambda request: Hang(model.let_go)) as model:
        world.env |= {"DOCENT_MODEL": "openai/scripted", "DOCENT_MODEL_API_BASE": model.base_url}
        world.env |= {"DOCENT_MODEL_PRICES": "openai/scripted=1/1"}
        yield model
        model.let_go.set()


def test_while_a_model_holds_its_answer(world: System, held_model: ScriptedModel) -> None:
    world.start("web", "worker", "clock")
    world.workspace.person(ADA).mention(HELP, QUESTION)
    held_model.wait_for_requests(1)
    assert_none_stays_open(world)
    assert find_locks(world) == set()


@pytest.mark.parametrize("command", ["ask", "eval"])
def test_while_a_model_holds_its_answer_to_a_command(
    world: System, held_model: ScriptedModel, command: str
) -> None:
    case = {"id": "a", "question": QUESTION, "facts": [["5 days"]], "relevant": ["handbook/leave.md"]}
    (world.folder / "cases.jsonl").write_text(json.dumps(case))
    arguments = ["ask", QUESTION] if command == "ask" else ["eval", "cases.jsonl", "--answers"]
    docent = Docent(world.zygote, world.folder, world.env)
    asking = threading.Thread(target=docent, args=arguments)
    asking.start()
    held_model.wait_for_requests(1)
    assert_none_stays_open(world)
    assert find_locks(world) == set()
    held_model.let_go.set()
    held_model.script = lambda request: ANSWER
    asking.join()


@pytest.mark.parametrize("method", ["users.info", "conversations.replies", "chat.postMessage"])
def test_while_slack_holds_its_answer(world: System, method: str) -> None:
    rule = world.workspace.faults.add(FaultRule("slow", method, seconds=60))
    world.start("web", "worker", "clock")
    ada = world.workspace.person(ADA)
    root = world.workspace.person(GRACE).say(HELP, "Who knows about leave?")
    if method == "chat.postMessage":
        ada.mention(HELP, "")  # a greeting is never streamed
    else:
        ada.mention(HELP, QUESTION, root)
    world.wait_for(lambda: rule.n_hits)
    assert_none_stays_open(world)
    assert find_locks(world) == set()


@pytest.mark.parametrize("is_pooled", [False, True])
def test_while_an_embedding_provider_holds_its_answer(world: System, is_pooled: bool) -> None:
    """Nobody waits for a document that is embedded: the lock of the index is free, of the source nobody's."""
    empty(world.database)
    write_source(world, '[sources.wiki]\nlocation = "wiki"\n')
    asked, over = threading.Event(), threading.Event()

    def hold(answer: dict[str, Any]) -> dict[str, Any]:
        asked.set()
        over.wait(120)
        return answer

    with ScriptedEmbeddings() as embeddings, pooled(world, is_pooled=is_pooled):
        embeddings.change = hold
        world.env |= {"DOCENT_EMBEDDING_MODEL": embeddings.named("embedder")}
        world.env |= {"DOCENT_INDEX_URI": str(world.folder / "other-index")}
        world.start("worker", "clock")
        assert asked.wait(120), world.logs()
        assert_none_stays_open(world)
        assert find_locks(world) == set()
        over.set()
        world.wait_for(lambda: world.query("SELECT 1 FROM syncs WHERE status = 'completed'"))


def test_while_a_source_holds_its_listing(world: System) -> None:
    """Its own lock is held outside of transactions, so that nobody else lists it."""
    rule = world.workspace.faults.add(FaultRule("slow", "conversations.history", seconds=60))
    write_source(world, '[sources.chat]\ntype = "slack"\n')
    world.start("worker", "clock")
    world.wait_for(lambda: rule.n_hits)
    assert_none_stays_open(world)
    assert find_locks(world) == {locks.number(lock_names.source("chat"))}


def test_behind_a_pooler_the_lock_of_a_source_is_a_transaction_that_holds_up_no_vacuum(world: System) -> None:
    """A pooler keeps a connection for a transaction alone; this one has read and written nothing."""
    rule = world.workspace.faults.add(FaultRule("slow", "conversations.history", seconds=60))
    write_source(world, '[sources.chat]\ntype = "slack"\n')
    with pooled(world, is_pooled=True):
        world.start("worker", "clock")
        world.wait_for(lambda: rule.n_hits)
        open_for_long = find_open(world)
        for _ in range(N_LOOKS):
            time.sleep(0.1)
            open_for_long &= find_open(world)
        (held,) = open_for_long
        (row,) = world.query(f"SELECT * FROM ({OPEN}) AS open WHERE described = :held", held=held)
        assert (row.backend_xid, row.backend_xmin) == (None, None)


def test_no_thread_asks_anything_over_the_network_inside_a_transaction(world: System) -> None:
    """A day in processes that look at themselves: at every connection, call and command of Redis."""

    def script(request: Request) -> Line:
        messages = request["messages"]
        if len(model.requests) == 1 and messages[-1]["role"] == "user":
            return Call([("search_docs", {"query": "annual leave"})])
        return ANSWER

    write_source(world, '[sources.chat]\ntype = "slack"\n[sources.wiki]\nlocation = "wiki"\n')
    workspace = world.workspace
    with world.database.transaction() as transaction:
        channel_settings.change_all(
            transaction,
            team=workspace.app.team_id,
            channel=HELP,
            changes={"experts": [GRACE]},
            changed_by="operator",
        )
    with ScriptedModel(script) as model:
        world.env |= {"DOCENT_MODEL": "openai/scripted", "DOCENT_MODEL_API_BASE": model.base_url}
        world.env |= {"DOCENT_MODEL_PRICES": "openai/scripted=1/1", "DOCENT_CATCH_UP_HOURS": "1"}
        world.start("web", "worker", "clock", guards=True)
        ada = workspace.person(ADA)
        ts = ada.mention(HELP, f"{QUESTION} See {ada.permalink(ada.say(GENERAL, 'Leave is a topic.'))}")
        world.wait_for_turns(1)
        ada.say(HELP, "And sick leave?", ts)
        ada.write_dm(QUESTION)
        ada.command("/ask", QUESTION, HELP)
        ada.command("/docent", "", HELP)
        ada.open_home()
        (answer,) = world.replies(HELP, ts)[:1]
        ada.click(answer.ts, buttons.ASK_HUMAN)
        world.wait_for_turns(4)
        world.wait_for(ada.home)
        world.wait_for(lambda: len(world.query("SELECT 1 FROM syncs WHERE status = 'completed'")) >= 2)
        for role in ("web", "worker", "clock"):
            world.stop(role)
    assert GUARDED not in world.logs()


@contextmanager
def pooled(world: System, *, is_pooled: bool) -> Iterator[None]:
    """Puts a PgBouncer in transaction mode before Postgres, or nothing."""
    if not is_pooled:
        yield
        return
    with pgbouncer.pool(world.env["DATABASE_URL"]) as url:
        world.env |= {"DATABASE_URL": url, "DOCENT_DATABASE_POOLING": "transaction"}
        yield
        world.close()


def write_source(world: System, declaration: str) -> None:
    folder = world.folder / "wiki"
    folder.mkdir()
    (folder / "parents.md").write_text("# Parents\n\nEvery employee has 77 days of parental leave.\n")
    (world.folder / "docent.toml").write_text(declaration)
    world.env["DOCENT_CONFIG"] = str(world.folder / "docent.toml")


def assert_none_stays_open(world: System) -> None:
    """Whichever transaction is open at a moment, ends while what is outside still holds."""
    for _ in range(N_LOOKS):
        first = find_open(world)
        world.wait_for(lambda first=first: not first & find_open(world), timeout=30)  # type: ignore[misc]


def find_open(world: System) -> set[str]:
    return {row.described for row in world.query(OPEN)}


def find_locks(world: System) -> set[int]:
    """The advisory locks that stay: the clock's, of a sweep, is soon gone."""
    first = {row.number for row in world.query(HELD)}
    for _ in range(N_LOOKS):
        time.sleep(0.1)
        first &= {row.number for row in world.query(HELD)}
    return first
