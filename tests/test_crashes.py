"""A worker is killed with SIGKILL anywhere: one reply, and no committed model call is made again."""

import threading

import pytest

from bot.simulator import ADA, HELP, FaultRule, SlackMessage
from tests.scripted_model import Call, Hang, Line, Say, ScriptedModel
from tests.system import QUESTION, System

SEARCH = Call([("search_docs", {"query": "annual leave"})])
ANSWER = Say("You can carry over 5 days of annual leave [1].")
N_COMMITS = 8  # of the turn below, where it is posted at once; the test says when it is no longer true
N_STREAMING = 2  # more where a busy machine has it streamed


# Before a commit the worst has happened: what is to be written down is done. After it is simpler, and run rarely;
# and the kernel's properties (tests/agent/turn) end workers at any commit, only not with a signal.
@pytest.mark.parametrize("when", ["before", pytest.param("after", marks=pytest.mark.soak)])
@pytest.mark.parametrize(
    "commit", [n if n % 3 == 1 else pytest.param(n, marks=pytest.mark.soak) for n in range(1, N_COMMITS + 1)]
)
@pytest.mark.usefixtures("short_leases")
def test_killed_at_any_commit(world: System, commit: int, when: str) -> None:
    """The model is asked once per step, but for a call whose end was not committed."""
    with ScriptedModel(_two_steps) as model:
        world.env |= {"DOCENT_MODEL": "openai/scripted", "DOCENT_MODEL_API_BASE": model.base_url}
        world.start("web", "clock")
        world.start("worker", die_at=commit, die_when=when)
        ts = world.workspace.person(ADA).mention(HELP, QUESTION)
        world.wait_for_death("worker")
        world.start("worker")
        world.wait_for_turns(1)
        _assert_answered_once(world, ts)
        committed = world.query("SELECT position FROM model_calls WHERE status = 'completed'")
        assert sorted(row.position for row in committed) == [1, 3]
        assert len(model.requests) <= 3


def test_the_number_of_commits_is_what_the_test_above_walks_through(world: System) -> None:
    with ScriptedModel(_two_steps) as model:
        world.env |= {"DOCENT_MODEL": "openai/scripted", "DOCENT_MODEL_API_BASE": model.base_url}
        world.start("web")
        world.start("worker", die_at=N_COMMITS + N_STREAMING + 1, die_when="before")
        ts = world.workspace.person(ADA).mention(HELP, QUESTION)
        world.wait_for_turns(1)
        _assert_answered_once(world, ts)


@pytest.mark.usefixtures("short_leases")
def test_killed_in_a_model_call(world: System) -> None:
    gone = threading.Event()
    lines: list[Line] = [Hang(gone), ANSWER]
    with ScriptedModel(lambda request: lines[len(model.requests) - 1]) as model:
        world.env |= {"DOCENT_MODEL": "openai/scripted", "DOCENT_MODEL_API_BASE": model.base_url}
        world.start("web", "worker", "clock")
        ts = world.workspace.person(ADA).mention(HELP, QUESTION)
        model.wait_for_requests(1)
        world.kill("worker")
        world.start("worker")
        (turn,) = world.wait_for_turns(1)
        gone.set()
        _assert_answered_once(world, ts)
        assert turn.attempt == 2
        assert [row.status for row in world.query("SELECT status FROM model_calls ORDER BY id")] == [
            "failed",  # charged as held
            "completed",
        ]


def test_a_worker_whose_renewer_dies_gives_its_turn_back_and_ends(world: System) -> None:
    """Its lease would run out, and the turn count an attempt."""
    gone = threading.Event()
    lines: list[Line] = [Hang(gone), ANSWER]
    with ScriptedModel(lambda request: lines[len(model.requests) - 1]) as model:
        world.env |= {"DOCENT_MODEL": "openai/scripted", "DOCENT_MODEL_API_BASE": model.base_url}
        world.start("web", "worker", "clock")
        ts = world.workspace.person(ADA).mention(HELP, QUESTION)
        model.wait_for_requests(1)
        (renewer,) = world.running["worker"][-1].children()
        renewer.kill()
        world.wait_for_death("worker")
        world.start("worker")
        (turn,) = world.wait_for_turns(1)
        gone.set()
        _assert_answered_once(world, ts)
        assert turn.attempt == 1


def test_a_renewer_has_no_connection_of_its_worker(world: System) -> None:
    """The worker's end would not close it."""
    world.start("worker")
    (renewer,) = world.running["worker"][-1].children()
    assert renewer.net_connections("tcp") == []


@pytest.mark.usefixtures("short_leases")
@pytest.mark.parametrize(
    "method",
    [
        "chat.startStream",
        pytest.param("chat.appendStream", marks=pytest.mark.soak),
        pytest.param("chat.stopStream", marks=pytest.mark.soak),
    ],
)
@pytest.mark.parametrize("is_done", [True, pytest.param(False, marks=pytest.mark.soak)])
def test_killed_while_streaming(world: System, method: str, is_done: bool) -> None:
    """``is_done``: Slack did what was asked, but the worker never heard of it."""
    text = "word " * 40 + ANSWER.text
    # The first answer is slow enough to be streamed on any machine; the next worker's need not be.
    with ScriptedModel(lambda request: Say(text, seconds=10 if len(model.requests) == 1 else 1)) as model:
        world.env |= {"DOCENT_MODEL": "openai/scripted", "DOCENT_MODEL_API_BASE": model.base_url}
        rule = _kill_in(world, method, is_done=is_done)
        ts = world.workspace.person(ADA).mention(HELP, QUESTION)
        _die_there(world, rule)
        world.start("worker")
        world.wait_for_turns(1)
        reply = _assert_answered_once(world, ts)
        assert reply.plain.count("word") == 40


@pytest.mark.usefixtures("short_leases")
@pytest.mark.parametrize("is_done", [True, False])
def test_killed_while_posting(world: System, is_done: bool) -> None:
    """The greeting is never streamed, however slow the machine is."""
    rule = _kill_in(world, "chat.postMessage", is_done=is_done)
    ts = world.workspace.person(ADA).mention(HELP, "")
    _die_there(world, rule)
    world.start("worker")
    world.wait_for_turns(1)
    (reply,) = world.replies(HELP, ts)
    assert "Ask me something" in reply.plain


@pytest.mark.usefixtures("short_leases")
def test_a_turn_that_kills_every_worker_ends_visibly(world: System) -> None:
    with ScriptedModel(lambda request: Hang(threading.Event())) as model:
        world.env |= {"DOCENT_MODEL": "openai/scripted", "DOCENT_MODEL_API_BASE": model.base_url}
        world.start("web", "clock")
        ts = world.workspace.person(ADA).mention(HELP, QUESTION)
        for attempt in (1, 2, 3):
            world.start("worker")
            model.wait_for_requests(attempt)
            world.kill("worker")
        world.start("worker")
        (turn,) = world.wait_for_turns(1, status="failed")
        assert turn.reason == "interrupted"
        (reply,) = world.replies(HELP, ts)
        assert "ask again" in reply.plain


def _two_steps(request: dict[str, object]) -> Line:
    messages: list[dict[str, str]] = request["messages"]  # type: ignore[assignment]
    return ANSWER if messages[-1]["role"] == "tool" else SEARCH


def _kill_in(world: System, method: str, *, is_done: bool) -> FaultRule:
    """Slack does what ``method`` asks but never answers, or does not get to it."""
    faults = world.workspace.faults
    rule = faults.lose_answer(method, times=None) if is_done else faults.slow(method, seconds=60, times=1)
    world.start("web", "worker", "clock")
    return rule


def _die_there(world: System, rule: FaultRule) -> None:
    world.wait_for(lambda: rule.n_hits)
    world.kill("worker")
    world.workspace.faults.clear()


def _assert_answered_once(world: System, ts: str) -> SlackMessage:
    (reply,) = world.replies(HELP, ts)
    assert "5 days" in reply.plain
    assert "Sources:" in reply.plain
    assert reply.streaming_state in (None, "completed", "expired")
    assert reply.plain.count("You can carry over at most 5 days") <= 1
    return reply
