"""Deploys: processes stop when they are told to, and a rolling restart under load loses and doubles nothing."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import psutil
import pytest
import redis

from bot.simulator import ADA, HELP
from tests.scripted_model import Hang, Say, ScriptedModel
from tests.system import QUESTION, ROOT, System

ANSWER = "You can carry over 5 days of annual leave [1]."
STOP_SECONDS = 120  # the promise is ten, of a machine that is not busy


EVENTS = {"worker_ready", "clock_ready", "swept", "turn_completed"}  # all that a worker has to say


@pytest.fixture
def model(world: System) -> Iterator[ScriptedModel]:
    """A scripted language model that the worker is set up to use."""
    with ScriptedModel(lambda request: Say(ANSWER, seconds=0.5)) as model:
        world.env |= {"DOCENT_MODEL": "openai/scripted", "DOCENT_MODEL_API_BASE": model.base_url}
        yield model


def test_sigterm_ends_every_process_with_exit_code_0(world: System, model: ScriptedModel) -> None:
    """As a host starts them, with two forked workers and a question that hangs in the model."""
    hanging = threading.Event()
    model.script = lambda request: Hang(hanging)
    roles = [["web"], ["worker", "--processes", "2"], ["clock"]]
    processes = [_spawned(world, arguments) for arguments in roles]
    try:
        ts = world.workspace.person(ADA).mention(HELP, QUESTION)
        model.wait_for_requests(1, timeout=120)
        for process in processes:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(STOP_SECONDS) for process in processes] == [0, 0, 0], world.logs()
    finally:
        for process in processes:
            process.kill()
            process.wait()
        hanging.set()
    (turn,) = world.turns()
    assert (turn.status, turn.lease_until, turn.attempt) == ("running", None, 0)  # given back, not counted
    model.script = lambda request: Say(ANSWER)
    world.start("worker", "clock")
    world.wait_for_turns(1)
    assert len(world.replies(HELP, ts)) == 1


@pytest.mark.parametrize("n_processes", [1, pytest.param(2, marks=pytest.mark.soak)])
def test_a_worker_is_the_clock_too_where_it_is_told_so_and_starts_without_a_warning(
    world: System, model: ScriptedModel, n_processes: int
) -> None:
    """Redis has lost the question's wake-up, so only a clock brings it to a worker."""
    world.start("web")
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    world.wait_for_turns(1, "queued")
    world.stop("web")
    with redis.Redis.from_url(world.env["REDIS_URL"]) as connection:
        connection.flushdb()
    worker = _spawned(world, ["worker", "--processes", str(n_processes), "--clock"])
    try:
        world.wait_for_turns(1)
        world.wait_for(lambda: world.logs().count("worker_ready") == n_processes)
        assert len(world.replies(HELP, ts)) == 1
        if n_processes == 1 and sys.platform == "linux":  # what its renewer loads is there twice
            (renewer,) = psutil.Process(worker.pid).children()
            assert not [library.path for library in renewer.memory_maps() if "lancedb" in library.path]
    finally:
        worker.terminate()
        assert worker.wait(STOP_SECONDS) == 0
    lines = [line for line in (world.folder / "worker-spawned.log").read_text().splitlines() if line.strip()]
    assert {line.partition("event=")[2].split()[0] for line in lines} <= EVENTS


def test_forked_workers_end_when_the_process_that_forked_them_is_killed(world: System) -> None:
    parent = _spawned(world, ["worker", "--processes", "2"])
    of_parent = psutil.Process(parent.pid).children
    children = world.wait_for(lambda: found if len(found := of_parent()) == 2 else None, timeout=120)
    world.wait_for(lambda: world.logs().count("worker_ready") == 2)
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(children, STOP_SECONDS)
    assert alive == []


def test_a_rolling_restart_under_load_loses_and_doubles_nothing(world: System, model: ScriptedModel) -> None:
    roll(world, n_questions=40, seconds_between=0.1, n_rolls=1)


@pytest.mark.soak
def test_many_rolling_restarts_under_load(world: System, model: ScriptedModel) -> None:
    roll(world, n_questions=400, seconds_between=0.1, n_rolls=5)


@pytest.mark.soak
def test_many_rolling_restarts_under_load_in_socket_mode(world: System, model: ScriptedModel) -> None:
    use_socket_mode(world)
    roll(world, n_questions=200, seconds_between=0.1, n_rolls=4)


def use_socket_mode(world: System) -> None:
    world.workspace.app.request_url = None
    world.env |= {"SLACK_APP_TOKEN": world.workspace.app.app_token}


def roll(world: System, *, n_questions: int, seconds_between: float, n_rolls: int) -> None:
    """Asks steadily, all in one channel, while web, worker and clock are replaced one after the other."""
    world.env["DOCENT_SLACK_BURST"] = str(n_questions)  # else one answer a second
    world.start("web", "worker", "clock")
    threads: list[str] = []

    def ask() -> None:
        ada = world.workspace.person(ADA)
        for n in range(n_questions):
            threads.append(ada.mention(HELP, f"{QUESTION} ({n})"))
            time.sleep(seconds_between)

    asking = threading.Thread(target=ask)
    asking.start()
    pause = n_questions * seconds_between / (n_rolls * 3 + 1)
    for _ in range(n_rolls):
        for role in ("web", "worker", "clock"):
            time.sleep(pause)
            world.stop(role)
            world.start(role)
    asking.join()
    world.wait_for_turns(n_questions)
    replies = [world.replies(HELP, ts) for ts in threads]
    assert [len(found) for found in replies] == [1] * n_questions
    assert all(ANSWER.removesuffix(" [1].") in found[0].plain for found in replies)
    assert len(world.turns()) == n_questions


def _spawned(world: System, arguments: list[str]) -> "subprocess.Popen[bytes]":
    with (world.folder / f"{arguments[0]}-spawned.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "bot", *arguments],
            cwd=ROOT,
            env=os.environ | world.env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
