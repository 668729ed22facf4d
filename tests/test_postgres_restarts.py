"""A PostgreSQL of the test's own is stopped at once, as in a crash, and started again, while questions come."""

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from agent.store.database import Database
from bot.simulator import ADA, HELP
from tests.conftest import migrate
from tests.own_servers import OwnServer
from tests.scripted_model import Say, ScriptedModel
from tests.system import QUESTION, System
from tests.wiki import assert_read_once, ended_syncs, write_wiki

ANSWER = "You can carry over 5 days of annual leave [1]."


@pytest.fixture
def database(own_postgres: OwnServer) -> Iterator[Database]:
    """In the place of the one that all tests share."""
    migrate(own_postgres.url)
    database = Database(own_postgres.url, statement_timeout_seconds=30)
    yield database
    database.close()


@pytest.mark.parametrize(("n_questions", "n_restarts"), [(30, 2), pytest.param(200, 12, marks=pytest.mark.soak)])
def test_restarts_under_load_lose_and_double_nothing(
    world: System, own_postgres: OwnServer, n_questions: int, n_restarts: int
) -> None:
    world.env["DOCENT_LEASE_SECONDS"] = "3"
    write_wiki(world, 150)
    threads: list[str] = []

    def ask() -> None:
        ada = world.workspace.person(ADA)
        for n in range(n_questions):
            threads.append(ada.mention(HELP, f"{QUESTION} ({n})"))
            time.sleep(0.1)

    with ScriptedModel(lambda request: Say(ANSWER, seconds=0.5)) as model:
        world.env |= {"DOCENT_MODEL": "openai/scripted", "DOCENT_MODEL_API_BASE": model.base_url}
        world.env |= {"DOCENT_MODEL_PRICES": "openai/scripted=10/10"}
        world.start("web", "worker", "clock")
        asking = threading.Thread(target=ask)
        asking.start()
        for n in range(n_restarts):
            world.wait_for(lambda n=n: len(threads) > n * n_questions / n_restarts)  # type: ignore[misc]
            own_postgres.end(signal.SIGQUIT)
            time.sleep(1)
            own_postgres.start()
        asking.join()
        world.database.close()  # its connections ended with the server
        world.wait_for_turns(n_questions)
        (sync, *_) = world.wait_for(lambda: ended_syncs(world))
    assert [len(world.replies(HELP, ts)) for ts in threads] == [1] * n_questions
    assert len(world.turns()) == n_questions
    assert {turn.reason for turn in world.turns()} == {"answered"}
    (money,) = world.query("SELECT sum(cost_usd) AS cost, sum(reserved_usd) AS held FROM turns")
    (calls,) = world.query("SELECT sum(cost_usd) AS cost FROM model_calls")
    assert (money.cost, money.held) == (calls.cost, 0)
    assert (sync.status, sync.problem) == ("completed", None)
    assert_read_once(world, 150)
