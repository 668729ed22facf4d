"""Postgres fails over: connections end before or after a commit; the server is away, starts, or takes no writes.

The same places as in tests/test_crashes.py, where processes are killed; here they live on.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
import redis
from sqlalchemy import text

from bot.jobs.sync_jobs import MAX_FAILURES
from bot.simulator import ADA, HELP
from tests.postgres_proxy import Away, PostgresProxy, When
from tests.scripted_model import Call, Line, Say, ScriptedModel
from tests.system import QUESTION, System
from tests.wiki import assert_read_once, ended_syncs, write_wiki

SEARCH = Call([("search_docs", {"query": "annual leave"})])
ANSWER = Say("You can carry over 5 days of annual leave [1].")
N_COMMITS = 8  # of a turn that is posted at once
N_SYNC_COMMITS = 12  # of a sync, and more
N_TURNED_AWAY = 3  # connections, before the database is back
WAYS = itertools.cycle([Away.REFUSES, Away.STARTS, Away.READ_ONLY])


class Place(NamedTuple):
    """Where a process is cut off: at its n-th commit of those that are meant, on which side, and what then."""

    commit: int
    when: When
    away: Away


def soak_but(chosen: Sequence[int], n: int) -> list[object]:
    """Every commit with every side; of the ordinary tests are the ``chosen``."""
    places = [Place(commit, when, next(WAYS)) for commit in range(1, n + 1) for when in When]
    marks = [[] if index in chosen else [pytest.mark.soak] for index in range(len(places))]
    return [
        pytest.param(place, marks=mark, id=f"{place.commit} {place.when}, {place.away}")
        for place, mark in zip(places, marks, strict=True)
    ]


@pytest.fixture
def proxy(world: System) -> Iterator[PostgresProxy]:
    proxy = PostgresProxy(world.env["DATABASE_URL"])
    yield proxy
    proxy.close()


@pytest.fixture
def model(world: System) -> Iterator[ScriptedModel]:
    with ScriptedModel(_two_steps) as model:
        world.env |= {"DOCENT_MODEL": "openai/scripted", "DOCENT_MODEL_API_BASE": model.base_url}
        world.env |= {"DOCENT_MODEL_PRICES": "openai/scripted=10/10"}
        yield model


@pytest.mark.usefixtures("short_leases")
@pytest.mark.parametrize("place", soak_but([0, 10], N_COMMITS))
def test_at_any_commit_of_an_answer(
    world: System, proxy: PostgresProxy, model: ScriptedModel, place: Place
) -> None:
    world.start("web", "clock")
    start_behind(world, proxy, "worker")
    proxy.cut_at(place.commit, place.when, place.away, is_of_turn)
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    fail_over(world, proxy)
    world.wait_for_turns(1)
    (reply,) = world.replies(HELP, ts)
    assert "5 days" in reply.plain
    assert "Sources:" in reply.plain
    assert reply.streaming_state != "in_progress"
    assert_counted(world, model)
    assert len(model.requests) <= 3
    assert "Traceback" not in world.logs()


@pytest.mark.parametrize("away", [Away.REFUSES, Away.READ_ONLY])
@pytest.mark.parametrize("when", When)
def test_when_a_message_is_stored(
    world: System, proxy: PostgresProxy, model: ScriptedModel, when: When, away: Away
) -> None:
    """Slack sends it again; the worker answers it once, whether it was stored before or not."""
    start_behind(world, proxy, "web")
    proxy.cut_at(1, when, away, is_of_question)
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    fail_over(world, proxy, n_turned_away=1)
    world.start("worker", "clock")
    world.wait_for_turns(1)
    acknowledged = [delivery for delivery in world.workspace.deliveries if delivery.is_acked]
    assert acknowledged
    assert len(world.turns()) == 1
    assert len(world.replies(HELP, ts)) == 1


@pytest.mark.parametrize("when", When)
def test_when_a_command_is_stored_its_person_is_told_or_answered(
    world: System, proxy: PostgresProxy, model: ScriptedModel, when: When
) -> None:
    """Slack sends a command once."""
    start_behind(world, proxy, "web")
    world.start("worker", "clock")
    proxy.cut_at(1, when, Away.STARTS, is_of_question)
    ack = world.workspace.person(ADA).command("/ask", QUESTION, HELP)
    assert proxy.was_cut.wait(60)
    assert ack.status == 200
    if when is When.BEFORE:
        assert "not stored" in str(ack.body) or "again" in str(ack.body)
        assert world.turns() == []
        return
    world.wait_for_turns(1)
    assert "again" not in str(ack.body) or "may" in str(ack.body)


@pytest.mark.soak
def test_a_follow_up_that_a_new_process_could_not_look_up_is_found_later(
    world: System, proxy: PostgresProxy, model: ScriptedModel
) -> None:
    """It knows nobody yet, so it takes for chatter what it cannot look up, and says to Slack that it has it."""
    world.env["DOCENT_CATCH_UP_HOURS"] = "1"
    world.start("worker")
    start_behind(world, proxy, "web")
    ada = world.workspace.person(ADA)
    ts = ada.mention(HELP, QUESTION)
    world.wait_for_turns(1)
    world.kill("web")
    world.start("clock")
    world.wait_for(lambda: "caught_up" in world.logs())
    with world.database.transaction() as transaction:
        transaction.execute(text("UPDATE turns SET created_at = now() - interval '15 days'"))
    start_behind(world, proxy, "web")
    world.wait_for(lambda: world.logs().count("caught_up") == 2)
    proxy.fail(Away.REFUSES)
    follow_up = ada.say(HELP, "And sick leave?", ts)
    world.wait_for(lambda: follow_up in acknowledged_messages(world))
    proxy.come_back()
    world.wait_for_turns(2)
    assert len(world.replies(HELP, ts)) == 2


@pytest.mark.parametrize("place", soak_but([4], 4))
def test_at_a_commit_of_the_clock(world: System, proxy: PostgresProxy, model: ScriptedModel, place: Place) -> None:
    """It goes on sweeping, without being started again; the question was never woken otherwise."""
    world.start("web")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    world.wait_for_turns(1, "queued")
    with redis.Redis.from_url(world.env["REDIS_URL"]) as connection:
        connection.flushdb()
    world.start("worker")
    start_behind(world, proxy, "clock")
    proxy.cut_at(place.commit, place.when, place.away)
    fail_over(world, proxy)
    world.wait_for_turns(1)
    assert len(world.replies(HELP, ts)) == 1


@pytest.mark.parametrize("place", soak_but([11], N_SYNC_COMMITS))
def test_at_any_commit_of_a_sync(world: System, proxy: PostgresProxy, place: Place) -> None:
    """Every document and every chunk is there once, and the sync ends without an operator."""
    write_wiki(world)
    world.start("clock")
    proxy.cut_at(place.commit, place.when, place.away, is_of_sync)
    start_behind(world, proxy, "worker")
    world.wait_for(lambda: proxy.was_cut.is_set() or ended_syncs(world))
    if proxy.was_cut.is_set():
        fail_over(world, proxy)
    (sync, *_) = world.wait_for(lambda: ended_syncs(world))
    assert (sync.status, sync.problem) == ("completed", None)
    assert_read_once(world)


def test_a_sync_whose_connections_end_again_and_again_goes_on(world: System, proxy: PostgresProxy) -> None:
    """More often in a row than a fault of its own may happen."""
    write_wiki(world, lease_seconds=1)
    world.start("clock")
    start_behind(world, proxy, "worker")
    for _ in range(MAX_FAILURES + 1):
        proxy.cut_at(1, When.BEFORE, Away.NOT, is_of_claim)
        world.wait_for(proxy.was_cut.is_set)
    (sync, *_) = world.wait_for(lambda: ended_syncs(world))
    assert (sync.status, sync.problem) == ("completed", None)
    assert_read_once(world)


def test_every_process_leaves_a_server_that_takes_no_writes_for_the_one_that_does(
    world: System, proxy: PostgresProxy, model: ScriptedModel
) -> None:
    """The demoted primary goes on answering, and so do the connections to it."""
    start_behind(world, proxy, "web", "worker", "clock")
    ada = world.workspace.person(ADA)
    ada.mention(HELP, QUESTION)
    world.wait_for_turns(1)
    proxy.fail(Away.READ_ONLY)
    ts = ada.mention(HELP, QUESTION)
    world.wait_for(lambda: proxy.n_turned_away >= N_TURNED_AWAY)
    proxy.come_back()
    world.wait_for_turns(2)
    assert len(world.replies(HELP, ts)) == 1


def acknowledged_messages(world: System) -> set[str]:
    payloads: list[Any] = [delivery.payload for delivery in world.workspace.deliveries if delivery.is_acked]
    return {str(payload["event"].get("ts")) for payload in payloads if "event" in (payload or {})}


def start_behind(world: System, proxy: PostgresProxy, *roles: str) -> None:
    """Starts processes that reach Postgres through the proxy; others go past it."""
    direct = world.env["DATABASE_URL"]
    world.env["DATABASE_URL"] = proxy.url
    world.start(*roles)
    world.env["DATABASE_URL"] = direct


def fail_over(world: System, proxy: PostgresProxy, n_turned_away: int = N_TURNED_AWAY) -> None:
    """Waits until the connections were cut and some more were refused; then the database is back."""
    world.wait_for(proxy.was_cut.is_set)
    world.wait_for(lambda: proxy.n_turned_away >= n_turned_away)
    proxy.come_back()


def is_of_turn(statements: Sequence[str]) -> bool:
    """Of the thread that works on it, not of what renews its lease."""
    return any("lease_token" in text for text in statements) and not any("renewed" in text for text in statements)


def is_of_question(statements: Sequence[str]) -> bool:
    return any("INSERT INTO turns" in text for text in statements)


def is_of_claim(statements: Sequence[str]) -> bool:
    return any("sync_items" in text and "SKIP LOCKED" in text for text in statements)


def is_of_sync(statements: Sequence[str]) -> bool:
    return any(re.search(r"\b(syncs|sync_items|documents)\b", text) for text in statements)


def assert_counted(world: System, model: ScriptedModel) -> None:
    """Each call that was answered is recorded as that, or as broken off, at what was held for it.

    So is one that was not made, because it was not known whether it could be: one at most.
    """
    calls = world.query("SELECT status, cost_usd FROM model_calls")
    assert len(model.requests) <= len(calls) <= 3
    total = sum((call.cost_usd for call in calls), Decimal(0))
    assert sum(call.status == "completed" for call in calls) == 2
    (turn,) = world.turns()
    assert (turn.cost_usd, turn.reserved_usd) == (total, 0)
    budgets = world.query("SELECT spent_usd, held_usd FROM budgets")
    assert {(budget.spent_usd, budget.held_usd) for budget in budgets} == {(total, 0)}


def _two_steps(request: dict[str, object]) -> Line:
    messages: list[dict[str, str]] = request["messages"]  # type: ignore[assignment]
    return ANSWER if messages[-1]["role"] == "tool" else SEARCH
