"""Redis is emptied, paused, or replaced by an empty one while questions come and syncs run; nobody helps.

Every question is answered once, and every sync ends. A Redis of the test's own: others must not be killed.
"""

import signal
import threading
from collections.abc import Callable, Iterator

import pytest
import redis

from bot.simulator import ADA, HELP
from tests.own_servers import OwnServer, start_redis
from tests.proxy import Proxy
from tests.scripted_model import Say, ScriptedModel
from tests.system import QUESTION, System
from tests.wiki import assert_read_once, ended_syncs, write_document, write_wiki

ANSWER = "You can carry over 5 days of annual leave [1]."
N_QUESTIONS = 8  # half of them while it is away
N_DOCUMENTS = 150
PAUSED_SECONDS = 6  # longer than the bot waits for an answer of it


@pytest.fixture
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServer]:
    with start_redis(tmp_path_factory.mktemp("other") / "redis") as server:
        yield server


@pytest.fixture
def redis_url(own_redis: OwnServer) -> str:
    """In the place of the one that all tests share."""
    return own_redis.url


@pytest.fixture
def model(world: System) -> Iterator[ScriptedModel]:
    with ScriptedModel(lambda request: Say(ANSWER, seconds=0.5)) as model:
        world.env |= {"DOCENT_MODEL": "openai/scripted", "DOCENT_MODEL_API_BASE": model.base_url}
        yield model


def test_it_is_killed_and_started_empty(world: System, model: ScriptedModel, own_redis: OwnServer) -> None:
    def restart(ask: Callable[[], None]) -> None:
        own_redis.end(signal.SIGKILL)
        ask()
        own_redis.start()

    survive(world, restart)


@pytest.mark.soak
def test_it_is_emptied_while_it_runs(world: System, model: ScriptedModel, own_redis: OwnServer) -> None:
    def empty(ask: Callable[[], None]) -> None:
        ask()
        with redis.Redis.from_url(own_redis.url) as connection:
            connection.flushall()

    survive(world, empty)


@pytest.mark.parametrize("seconds", [PAUSED_SECONDS, pytest.param(60, marks=pytest.mark.soak)])
def test_it_is_paused(world: System, model: ScriptedModel, own_redis: OwnServer, seconds: float) -> None:
    """Connections stay open, and nothing answers: worse than one that is away."""

    def pause(ask: Callable[[], None]) -> None:
        own_redis.pause()
        ask()
        threading.Event().wait(seconds)
        own_redis.go_on()

    survive(world, pause)


def test_it_is_replaced_by_an_empty_one(
    world: System, model: ScriptedModel, own_redis: OwnServer, other: OwnServer
) -> None:
    """As a service does it that fails over to a replica which had nothing yet: the address stays."""
    proxy = Proxy(own_redis.url)
    world.env["REDIS_URL"] = proxy.url

    def replace(ask: Callable[[], None]) -> None:
        proxy.go_away()
        proxy.lead_to(other.url)
        ask()
        proxy.come_back()

    survive(world, replace)
    proxy.close()


def survive(world: System, strike: Callable[[Callable[[], None]], None]) -> None:
    """Asks and syncs, strikes in the middle, and asks on; waits until all is done, once."""
    write_wiki(world, N_DOCUMENTS, every="1s")
    ada = world.workspace.person(ADA)
    threads: list[str] = []

    def ask() -> None:
        threads.extend(ada.mention(HELP, f"{QUESTION} ({n})") for n in range(N_QUESTIONS // 2))

    def ask_and_write() -> None:
        ask()
        for n in range(N_DOCUMENTS):
            write_document(world, n, version=1)

    world.start("web", "worker", "clock")
    world.wait_for(lambda: world.query("SELECT 1 FROM syncs WHERE source = 'wiki' AND n_done > 0"))
    ask()
    strike(ask_and_write)
    struck_at = world.query("SELECT now()")[0][0]
    world.wait_for_turns(N_QUESTIONS)
    assert [len(world.replies(HELP, ts)) for ts in threads] == [1] * N_QUESTIONS
    assert all("5 days" in world.replies(HELP, ts)[0].plain for ts in threads)
    assert len(world.turns()) == N_QUESTIONS
    world.wait_for(lambda: [sync for sync in ended_syncs(world) if sync.started_at > struck_at])
    world.stop("clock")  # no further sync begins, and what goes on is ended by the worker
    world.wait_for(lambda: not world.query("SELECT 1 FROM syncs WHERE ended_at IS NULL AND status <> 'queued'"))
    assert {(sync.status, sync.problem) for sync in ended_syncs(world)} == {("completed", None)}
    assert_read_once(world, N_DOCUMENTS, version=1)
