"""A long bad day: workers are killed while Slack fails, at random and in a burst, and every question is still
answered once."""

import random
import time
from collections import Counter

import pytest

from bot.simulator import ADA, GRACE, HELP, LINUS, FaultRule
from bot.simulator.limits import RateLimiter
from bot.simulator.stores.directory import Channel
from bot.slack.calls import rates
from tests.scripted_model import Say, ScriptedModel
from tests.system import QUESTION, System

N_QUESTIONS = 60
N_BURST = 500
N_CHANNELS = 20
ANSWER = "You can carry over 5 days of annual leave [1]."


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.usefixtures("short_leases")
def test_workers_are_killed_at_random_while_slack_fails(world: System, seed: int) -> None:
    chance = random.Random(seed)
    faults = world.workspace.faults
    faults.add(FaultRule("rate_limit", probability=0.03, retry_after=1))
    faults.add(FaultRule("status", probability=0.03, status=503))
    faults.add(FaultRule("drop", probability=0.01))
    faults.add(FaultRule("lose_answer", probability=0.03))
    with ScriptedModel(lambda request: Say(ANSWER, seconds=chance.random())) as model:
        world.env |= {
            "DOCENT_MODEL": "openai/scripted",
            "DOCENT_MODEL_API_BASE": model.base_url,
            "DOCENT_MAX_ATTEMPTS": "20",  # a worker dies every two seconds: most turns see several deaths
        }
        world.start("web", "clock", "worker")
        ada = world.workspace.person(ADA)
        threads = []
        for n in range(N_QUESTIONS):
            threads.append(ada.mention(HELP, f"{QUESTION} ({n})"))
            time.sleep(chance.random() * 0.4)
            if n % 6 == 5:
                world.kill("worker")
                world.start("worker")
        world.wait_for_turns(N_QUESTIONS, timeout=300)
    replies = [world.replies(HELP, ts) for ts in threads]
    assert [len(found) for found in replies] == [1] * N_QUESTIONS
    assert all("5 days" in found[0].plain and "Sources:" in found[0].plain for found in replies)
    assert all(found[0].streaming_state != "in_progress" for found in replies)


@pytest.mark.soak
def test_a_worker_is_killed_in_the_middle_of_a_burst(world: System) -> None:
    """No turn but those of the dead worker is tried again, and no model call repeated but those it waited for."""
    faults = world.workspace.faults
    faults.add(FaultRule("rate_limit", probability=0.02, retry_after=1))
    faults.add(FaultRule("status", probability=0.02, status=503))
    faults.add(FaultRule("drop", probability=0.005))
    faults.add(FaultRule("lose_answer", probability=0.005))
    with ScriptedModel(lambda request: Say(ANSWER, seconds=1)) as model:
        world.env |= {
            "DOCENT_MODEL": "openai/scripted",
            "DOCENT_MODEL_API_BASE": model.base_url,
            "DOCENT_LEASE_SECONDS": "9",
            "DOCENT_SLACK_BURST": str(N_BURST),  # all in one channel
        }
        world.start("web", "clock", "worker", "worker")
        ada = world.workspace.person(ADA)
        threads = [ada.mention(HELP, f"{QUESTION} ({n})") for n in range(N_BURST)]
        world.wait_for_turns(N_BURST // 2, timeout=600)
        world.kill("worker")
        owner = f"%:{world.running['worker'][-1].pid}"
        held = {row.id for row in world.query("SELECT id FROM turns WHERE lease_owner LIKE :owner", owner=owner)}
        in_flight = world.query(
            "SELECT 1 FROM model_calls WHERE status = 'started' AND turn_id = ANY(:ids)", ids=list(held)
        )
        world.start("worker")
        world.wait_for_turns(N_BURST, timeout=600)
    replies = [world.replies(HELP, ts) for ts in threads]
    assert [len(found) for found in replies] == [1] * N_BURST
    assert all("5 days" in found[0].plain and "Sources:" in found[0].plain for found in replies)
    assert {turn.id for turn in world.turns() if turn.attempt > 1} <= held
    assert len(model.requests) <= N_BURST + len(in_flight)


@pytest.mark.soak
def test_a_slack_that_enforces_its_limits_and_fails_answers_a_burst_in_twenty_channels_once(world: System) -> None:
    """5 % of the calls are refused with 429 or 5xx, 2 % are dropped; nothing is refused for good."""
    workspace = world.workspace
    workspace.rate_limiter = RateLimiter(is_enforced=True, clock=time.time)
    workspace.faults.add(FaultRule("rate_limit", probability=0.025, retry_after=1))
    workspace.faults.add(FaultRule("status", probability=0.025, status=503))
    workspace.faults.add(FaultRule("drop", probability=0.01))
    workspace.faults.add(FaultRule("lose_answer", probability=0.01))
    members = [ADA, GRACE, LINUS, workspace.app.bot_user_id]
    channels = [Channel(f"C0LIMIT{n:02}", f"limit-{n}", members=list(members)) for n in range(N_CHANNELS)]
    for channel in channels:
        workspace.add_channel(channel)
    with ScriptedModel(lambda request: Say(ANSWER, seconds=1)) as model:
        world.env |= {"DOCENT_MODEL": "openai/scripted", "DOCENT_MODEL_API_BASE": model.base_url}
        world.start("web", "clock", "worker", "worker")
        ada = workspace.person(ADA)
        started = time.monotonic()
        asked = [
            (channel, ada.mention(channel, f"{QUESTION} ({n})"))
            for n in range(N_BURST)
            for channel in [channels[n % N_CHANNELS].id]
        ]
        world.wait_for_turns(N_BURST, timeout=1_200)
        seconds = time.monotonic() - started
    limited = Counter(call.method for call in workspace.calls if call.status == 429 and not call.fault)
    print(f"{seconds:.0f} s; {len(workspace.calls)} calls; refused by the limits: {limited}")
    replies = [world.replies(channel, ts) for channel, ts in asked]
    assert [len(found) for found in replies] == [1] * N_BURST
    assert all("5 days" in found[0].plain and "Sources:" in found[0].plain for found in replies)
    assert {turn.status for turn in world.turns()} == {"completed"}
    # A call arrives later than its place said, by as much as the machine is busy: some come too close.
    assert sum(limited[method] for method in rates.COUNTED) <= N_BURST // 50
