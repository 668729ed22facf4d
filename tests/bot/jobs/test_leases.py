"""A lease is renewed while its turn is worked on, and tells the worker when to stop."""

import multiprocessing
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import psutil
import pytest
from sqlalchemy import text

from agent.errors import Cancelled, LeaseLost
from agent.llm import client
from agent.retry import SLICE_SECONDS
from agent.store import sessions
from agent.store.database import Database
from agent.store.sessions import Turn
from agent.turn import model_calls, tool_runner
from bot.jobs.leases import held, interruption, renewer
from bot.jobs.leases.held import Abandoned, Lease, Leases
from tests.bot.jobs.conftest import Ask
from tests.system import ROOT

LEASE_SECONDS = 1.0


@pytest.fixture
def leases(database: Database) -> Iterator[Leases]:
    leases = Leases(database, lease_seconds=LEASE_SECONDS, longest_seconds=60)
    yield leases
    leases.close()


@pytest.fixture
def turn(database: Database, ask: Ask) -> Turn:
    stored = ask()
    with database.transaction() as transaction:
        turn = sessions.claim(transaction, stored.session_id, owner="test", lease_seconds=LEASE_SECONDS)
    assert turn
    return turn


def lease_until(database: Database) -> float:
    with database.transaction() as transaction:
        return float(transaction.execute(text("SELECT extract(epoch FROM lease_until) FROM turns")).scalar_one())


def seconds_left(database: Database) -> float:
    with database.transaction() as transaction:
        return float(
            transaction.execute(text("SELECT extract(epoch FROM lease_until - now()) FROM turns")).scalar_one()
        )


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until, "did not happen within 20 s"
        time.sleep(0.02)


def raised_by(lease: Lease) -> type[BaseException] | None:
    try:
        lease.check()
    except (LeaseLost, Cancelled, Abandoned) as error:
        return type(error)
    return None


def test_a_held_lease_is_renewed_in_postgres_and_here(database: Database, leases: Leases, turn: Turn) -> None:
    until = lease_until(database)
    lease = leases.add(turn.token, claimed_at=time.monotonic())
    valid_until = lease.valid_until
    wait_for(lambda: lease_until(database) > until and lease.valid_until > valid_until)
    assert raised_by(lease) is None


def test_a_lease_that_somebody_else_took_is_lost(database: Database, leases: Leases, turn: Turn) -> None:
    lease = leases.add(turn.token, claimed_at=time.monotonic())
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE turns SET lease_token = gen_random_uuid()"))
    wait_for(lambda: lease.is_lost)
    assert raised_by(lease) is LeaseLost


def test_a_cancellation_is_heard_with_the_renewal(database: Database, leases: Leases, turn: Turn) -> None:
    lease = leases.add(turn.token, claimed_at=time.monotonic())
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE turns SET cancel_requested = true"))
    wait_for(lambda: lease.is_cancelled)
    assert raised_by(lease) is Cancelled


def test_a_turn_that_is_stopped_hears_of_it_within_two_seconds() -> None:
    """What renews asks Postgres that often; the turn looks that often, whatever it waits for."""
    looks = (client.WAIT_SECONDS, tool_runner.POLL_SECONDS, model_calls.BUDGET_POLL_SECONDS, SLICE_SECONDS)
    assert renewer.MAX_RENEWAL_PAUSE_SECONDS + max(*looks, interruption.POLL_SECONDS) <= 1.5


def test_a_dropped_lease_is_not_renewed(database: Database, leases: Leases, turn: Turn) -> None:
    lease = leases.add(turn.token, claimed_at=time.monotonic())
    leases.drop(lease)
    assert leases.n_held == 0
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE turns SET lease_token = gen_random_uuid()"))
    other = leases.add(turn.token, claimed_at=time.monotonic())
    wait_for(lambda: other.is_lost)  # a renewal has happened since
    assert not lease.is_lost


def test_a_lease_held_for_too_long_is_renewed_no_more(database: Database, turn: Turn) -> None:
    leases = Leases(database, lease_seconds=LEASE_SECONDS, longest_seconds=0)
    try:
        lease = leases.add(turn.token, claimed_at=time.monotonic())
        wait_for(lambda: raised_by(lease) is LeaseLost)
    finally:
        leases.close()


def test_the_turns_of_a_process_that_gives_no_sign_of_life_are_renewed_no_more(
    database: Database, leases: Leases, turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = leases.add(turn.token, claimed_at=time.monotonic())
    monkeypatch.setattr(renewer, "MAX_SILENCE_SECONDS", -1.0)
    wait_for(lambda: raised_by(lease) is LeaseLost)
    assert not lease.is_lost  # nobody else has it


def test_a_step_that_takes_long_loses_no_lease(database: Database, leases: Leases, turn: Turn) -> None:
    with database.transaction() as step:
        sessions.verify_lease(step, turn)
        lease = leases.add(turn.token, claimed_at=time.monotonic())
        wait_for(lambda: raised_by(lease) is LeaseLost)  # it writes nothing more, while it is not sure
    wait_for(lambda: raised_by(lease) is None)


def test_a_renewer_that_takes_nothing_any_more_is_given_up_and_holds_up_nobody(
    database: Database, turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "FULL_PIPE_SECONDS", 0.1)
    ours, theirs = multiprocessing.Pipe()  # a renewer that is stopped, or waits for Postgres for ever
    leases = Leases(database, lease_seconds=LEASE_SECONDS, longest_seconds=60, pipe=ours)
    leases.add(turn.token, claimed_at=time.monotonic())
    for _ in range(10_000):  # until the pipe is full
        if not leases.has_renewer:
            break
        leases.drop(leases.add(uuid4(), claimed_at=time.monotonic()))
    assert not leases.has_renewer  # the worker ends, and another takes its place
    assert leases.put_back() == [turn.session_id]
    leases.close()
    theirs.close()


WORKER = """
import ctypes, sys, time
from agent.settings import AgentSettings
from agent.store import sessions
from agent.store.database import Database
from bot.jobs.leases import renewer
from bot.jobs.leases.held import Leases

url, session_id, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
pipe = renewer.fork(AgentSettings(DATABASE_URL=url, lease_seconds=seconds)).pipe
database = Database(url)
leases = Leases(database, lease_seconds=seconds, longest_seconds=600, pipe=pipe)
claimed_at = time.monotonic()
with database.transaction() as transaction:
    turn = sessions.claim(transaction, session_id, owner="worker", lease_seconds=seconds)
lease = leases.add(turn.token, claimed_at=claimed_at)
hold_interpreter = ctypes.PyDLL(None).sleep  # as a long regular expression does: no other thread runs
hold_interpreter(int(2.5 * seconds))
lease.check()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_process_that_computes_keeps_its_turns_and_one_that_dies_loses_them(
    database: Database, ask: Ask
) -> None:
    command = [sys.executable, "-c", WORKER, database.url, str(ask().session_id), "2"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout
        assert worker.stdout.readline() == "held\n"
        assert seconds_left(database) > 0
        (renewing,) = psutil.Process(worker.pid).children()
        worker.kill()
    renewing.wait(120)
    wait_for(lambda: seconds_left(database) < 0)


def test_a_fault_in_a_renewal_does_not_end_the_thread(
    database: Database, leases: Leases, turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = threading.Event()

    def renew(*_: object, **__: object) -> None:
        broken.set()
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(sessions, "renew", renew)
        lease = leases.add(turn.token, claimed_at=time.monotonic())
        assert broken.wait(120)
    valid_until = lease.valid_until
    wait_for(lambda: lease.valid_until > valid_until)


def test_a_lease_that_cannot_be_renewed_ends_by_itself() -> None:
    lease = Lease(token=None, valid_until=time.monotonic() - 1)  # type: ignore[arg-type]
    assert raised_by(lease) is LeaseLost


def test_a_stopping_process_abandons_its_turns_and_gives_them_back(
    database: Database, leases: Leases, turn: Turn
) -> None:
    lease = leases.add(turn.token, claimed_at=time.monotonic())
    leases.stopping.set()
    assert raised_by(lease) is Abandoned
    assert leases.put_back() == [turn.session_id]
    with database.transaction() as transaction:
        row = transaction.execute(text("SELECT lease_token, attempt FROM turns")).one()
    assert tuple(row) == (None, 0)


def test_to_have_lost_the_turn_counts_more_than_a_wish_to_stop() -> None:
    lease = Lease(None, time.monotonic() + 9, is_cancelled=True, is_lost=True)  # type: ignore[arg-type]
    lease.stopping.set()
    assert raised_by(lease) is LeaseLost
    lease.is_lost = False
    assert raised_by(lease) is Cancelled
