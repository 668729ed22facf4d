"""Many machines answer: one after the other is cut off from something, and every question is answered once."""

import itertools
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from bot.simulator import ADA, HELP
from tests.machines.conftest import OpenMachines
from tests.machines.machine import BUCKET, POSTGRES, REDIS, SLACK, Machine
from tests.scripted_model import Say, ScriptedModel
from tests.system import QUESTION, System

ANSWER = "You can carry over 5 days of annual leave [1]."
CUTS = (REDIS, POSTGRES, BUCKET, SLACK)
KINDS = ("refused", "silent")
SHORT_SECONDS, LONG_SECONDS = 4.0, 12.0  # of a cut
N_MANY = 500
N_CASE = re.compile(r"case (\d+)")


@pytest.fixture
def model(world: System) -> Iterator[ScriptedModel]:
    """A scripted language model with a price, which takes a second."""
    with ScriptedModel(lambda request: Say(ANSWER, seconds=1)) as model:
        world.env |= {
            "DOCENT_MODEL": "openai/scripted",
            "DOCENT_MODEL_API_BASE": model.base_url,
            "DOCENT_MODEL_PRICES": "openai/scripted=1/1",
            "DOCENT_MODEL_RETRIES": "0",
            "DOCENT_LEASE_SECONDS": "9",
            "DOCENT_SLACK_BURST": "1000",
            "DOCENT_BUDGET_PERSON_DAY_USD": "none",
            "DOCENT_BUDGET_CHANNEL_DAY_USD": "none",
        }
        yield model


@dataclass
class Questions:
    """Questions of one person, each about a case of its own, in a thread of its own."""

    world: System
    threads: list[str] = field(default_factory=list)

    def ask(self, n: int, *, every_seconds: float = 0) -> None:
        ada = self.world.workspace.person(ADA)
        for _ in range(n):
            self.threads.append(ada.mention(HELP, f"{QUESTION} I ask for case {len(self.threads)}."))
            time.sleep(every_seconds)

    def require_each_answered_once(self) -> None:
        self.world.wait_for_turns(len(self.threads), timeout=600)
        replies = [self.world.replies(HELP, ts) for ts in self.threads]
        assert Counter(len(found) for found in replies) == {1: len(self.threads)}
        for (reply,) in replies:
            assert "5 days" in reply.plain, reply.plain
            assert "Sources:" in reply.plain, reply.plain
            assert reply.streaming_state != "in_progress"
        assert Counter(turn.status for turn in self.world.turns()) == {"completed": len(self.threads)}


def require_money_counted(world: System, model: ScriptedModel) -> None:
    """Every request that the model got is recorded as a call of its turn, and what calls cost is in the budgets.

    A call that no request belongs to never ended: its machine was cut off before it could ask, or ask again.
    """
    asked = Counter(find_case(str(request["messages"])) for request in model.requests)
    calls = world.query("SELECT turns.question, model_calls.* FROM model_calls JOIN turns ON turns.id = turn_id")
    recorded = Counter(find_case(call.question) for call in calls)
    ended = Counter(find_case(call.question) for call in calls if call.status == "completed")
    assert not asked - recorded, "the model was asked for more than is recorded"
    assert not ended - asked, "more is recorded to have been answered than the model was asked"
    failed = [call for call in calls if call.status != "completed"]
    assert sum(recorded.values()) - sum(ended.values()) == len(failed)
    assert {call.status for call in calls} <= {"completed", "failed"}
    (spent,) = world.query("SELECT spent_usd, held_usd FROM budgets WHERE scope = 'person'")
    assert spent.held_usd == 0
    assert spent.spent_usd == sum(call.cost_usd or 0 for call in calls)
    print(f"{len(model.requests)} requests, {len(calls)} calls recorded, of which {len(failed)} never ended")


def find_case(text: str) -> int:
    return int(N_CASE.findall(text)[-1])


def cut(machine: Machine, service: str, kind: str, seconds: float) -> None:
    """Cuts a machine off from a service for a while, in one of both ways."""
    begin, end = (
        (machine.refuse, machine.accept)
        if kind == "refused"
        else (machine.namespace.silence, machine.namespace.hear)
    )
    begin(service)
    time.sleep(seconds)
    end(service)


def open_office(world: System, set_up: OpenMachines) -> list[Machine]:
    """Starts web and clock here and a worker on each machine, which has its copy of the index."""
    machines = set_up()
    world.start("web", "clock")
    for machine in machines:
        machine.run_here(world).start("worker", **machine.place)
    copies = "SELECT host FROM index_mirrors WHERE version IS NOT NULL"
    world.wait_for(lambda: len(world.query(copies)) == len(machines) or None)
    return machines


def count_answers(machines: list[Machine]) -> dict[str, int]:
    """Counts the turns that each machine completed, by its log."""
    return {
        machine.host: (machine.folder / "worker-0.log").read_text().count("turn_completed") for machine in machines
    }


def test_each_machine_is_cut_off_from_something_and_every_question_is_answered_once(
    world: System, model: ScriptedModel, set_up: OpenMachines
) -> None:
    """While one cannot reach Slack another cannot reach Redis, and so on; both kinds of cut."""
    machines = open_office(world, set_up)
    questions = Questions(world)
    for turn, kinds in enumerate((("silent", "refused", "silent"), ("refused", "silent", "refused"))):
        services = (REDIS, POSTGRES, BUCKET) if turn == 0 else (SLACK, BUCKET, POSTGRES)
        cuts = [
            threading.Thread(target=cut, args=(*where, SHORT_SECONDS))
            for where in zip(machines, services, kinds, strict=True)
        ]
        questions.ask(4)
        for each in cuts:
            each.start()
        questions.ask(8, every_seconds=SHORT_SECONDS / 8)
        for each in cuts:
            each.join()
    questions.require_each_answered_once()
    require_money_counted(world, model)
    assert sum(count_answers(machines).values()) == len(questions.threads)


@pytest.mark.soak
@pytest.mark.parametrize("service", CUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_others_answer_while_one_machine_is_cut_off_for_long(
    world: System, model: ScriptedModel, set_up: OpenMachines, service: str, kind: str
) -> None:
    machines = open_office(world, set_up)
    questions = Questions(world)
    questions.ask(6)
    cutting = threading.Thread(target=cut, args=(machines[0], service, kind, LONG_SECONDS))
    cutting.start()
    questions.ask(18, every_seconds=0.5)
    began = time.monotonic()
    questions.require_each_answered_once()
    print(f"{service} {kind}: the last after {time.monotonic() - began:.1f} s; {count_answers(machines)}")
    cutting.join()
    require_money_counted(world, model)


@pytest.mark.soak
def test_500_questions_while_one_machine_after_the_other_is_cut_off_from_something(
    world: System, model: ScriptedModel, set_up: OpenMachines
) -> None:
    """Every cut takes some seconds, of either kind; they follow each other at once until the last answer."""
    machines = open_office(world, set_up)
    questions, is_over, cuts = Questions(world), threading.Event(), []

    def cut_in_turns() -> None:
        for n in itertools.count():
            machine, service, kind = machines[n % len(machines)], CUTS[n % len(CUTS)], KINDS[(n // len(CUTS)) % 2]
            if is_over.is_set():
                return
            cut(machine, service, kind, (4.0, 9.0, 14.0)[n % 3])
            cuts.append((machine.host, service, kind))

    cutting = threading.Thread(target=cut_in_turns)
    cutting.start()
    try:
        questions.ask(N_MANY, every_seconds=0.25)
        began = time.monotonic()
        world.wait_for_turns(N_MANY, timeout=900)
        print(f"the last of {N_MANY} answers {time.monotonic() - began:.1f} s after the last question")
    finally:
        is_over.set()
        cutting.join()
    questions.require_each_answered_once()
    require_money_counted(world, model)
    print(f"{len(cuts)} cuts; {count_answers(machines)}; longest {describe_waits(world)}")
    assert {(service, kind) for _, service, kind in cuts} == {*itertools.product(CUTS, KINDS)}


def describe_waits(world: System) -> str:
    """Says how long the questions waited that waited longest."""
    waits = world.query(
        "SELECT extract(epoch FROM finished_at - created_at) AS s FROM turns ORDER BY s DESC LIMIT 5"
    )
    return ", ".join(f"{row.s:.0f} s" for row in waits)
