"""Chaos: questions come while whatever there is dies or is cut off, and Slack and the model fail.

``CHAOS_SEEDS`` names other seeds, comma-separated, ``CHAOS_QUESTIONS`` how many questions.
"""

import os
import random
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
import redis
from sqlalchemy.exc import SQLAlchemyError

from agent.store.database import Database
from bot.simulator import ADA, GRACE, LINUS, FaultRule, SlackMessage
from bot.simulator.people.interactions import Ack
from bot.simulator.people.person import Person
from bot.simulator.stores.directory import Channel
from tests.chaos import Chaos
from tests.conftest import migrate
from tests.own_servers import OwnServer
from tests.scripted_model import Break, Fail, Hang, Line, Request, Say, ScriptedModel
from tests.system import QUESTION, System
from tests.wiki import assert_read_once, ended_syncs, write_document, write_wiki

SEEDS = [int(seed) for seed in os.environ.get("CHAOS_SEEDS", "1,2,3").split(",")]
N_QUESTIONS = int(os.environ.get("CHAOS_QUESTIONS", "1000"))
N_CHANNELS = 20
N_DOCUMENTS, CHANGED_EVERY = 40, 50  # of a source that is synced; questions between two changes of all of them
N_THREADS = 120  # the search for what was missed reads each of them, at the pace that Slack allows
SECONDS_BETWEEN = 0.3  # on average
SETTLE_SECONDS = 900  # Slack lets 20 streams a minute be ended, and each kill leaves some open
ANSWER = "You can carry over 5 days of annual leave, says no. {n} [1]."
NUMBER = re.compile(r"\(no\. (\d+)\)")


@pytest.fixture
def database(own_postgres: OwnServer) -> Iterator[Database]:
    """In the place of the one that all tests share: this one dies."""
    migrate(own_postgres.url)
    database = Database(own_postgres.url, statement_timeout_seconds=30)
    yield database
    database.close()


@pytest.fixture
def redis_url(own_redis: OwnServer) -> str:
    return own_redis.url


@dataclass
class Asked:
    """What was asked: numbers by thread, and what Slack said to each command."""

    threads: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    askers: dict[tuple[str, str], str] = field(default_factory=dict)
    commands: dict[int, tuple[str, Ack]] = field(default_factory=dict)


class Model:
    """Answers with the number of the question, and fails now and then. Each answer has a length of its own."""

    def __init__(self, seed: int) -> None:
        self._chance, self._lock, self._n = random.Random(seed), threading.Lock(), 0

    def __call__(self, request: Request) -> Line:
        with self._lock:
            self._n += 1
            dice, seconds, n_tokens = self._chance.random(), self._chance.random(), self._n
        text = ANSWER.format(n=find_number(request)) if request.get("tools") else QUESTION  # made standalone
        if dice < 0.0125:
            return Fail(429, {"Retry-After": "1"})
        if dice < 0.025:
            return Fail(503)
        if dice < 0.0375:
            return Hang(threading.Event())
        if dice < 0.05:
            return Break(text[:20])
        return Say(text, seconds=seconds, completion_tokens=n_tokens)


def find_number(request: Request) -> int:
    (*_, number) = NUMBER.findall("\n".join(str(message["content"]) for message in request["messages"]))
    return int(number)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_question_ends_visibly_once_while_everything_is_killed_and_cut_off(
    world: System, own_postgres: OwnServer, own_redis: OwnServer, seed: int
) -> None:
    print(f"seed {seed}; CHAOS_SEEDS={seed} plays it again")
    faults = world.workspace.faults
    faults.random.seed(seed)
    faults.add(FaultRule("rate_limit", probability=0.0125, retry_after=1))
    faults.add(FaultRule("status", probability=0.0125, status=503))
    faults.add(FaultRule("drop", probability=0.0125))
    faults.add(FaultRule("lose_answer", probability=0.0125))
    with ScriptedModel(Model(seed)) as model:
        world.env |= {
            "DOCENT_MODEL": "openai/scripted",
            "DOCENT_MODEL_API_BASE": model.base_url,
            "DOCENT_MODEL_PRICES": "openai/scripted=10/10",
            "DOCENT_MODEL_TIMEOUT_SECONDS": "10",
            "DOCENT_STALL_SECONDS": "5",
            "DOCENT_BREAKER_SECONDS": "1",
            "DOCENT_LEASE_SECONDS": "5",
            "DOCENT_CATCH_UP_HOURS": "1",
            "DOCENT_SLACK_BURST": str(N_QUESTIONS),
            **{f"DOCENT_BUDGET_{name}_USD": "none" for name in BUDGETS},
        }
        write_wiki(world, N_DOCUMENTS, every="10s")
        with Chaos(world, own_postgres, own_redis, random.Random(seed)) as chaos:
            try:
                asked = ask_all(world, chaos, random.Random(seed + 1))
                settle(world, chaos)
                assert_each_ended_once(world, asked)
                assert_synced(world)
                assert_money_is_counted(world, model)
                print(Counter(re.sub(r"[\d.]+ s: |for .*|\d", "", line).strip() for line in chaos.log))
            except BaseException:
                print(f"seed {seed}\n{chaos.report()}\n{world.logs()}")
                raise


BUDGETS = ("PERSON_DAY", "CHANNEL_DAY", "WORKSPACE_DAY", "WORKSPACE_MONTH")


def ask_all(world: System, chaos: Chaos, chance: random.Random) -> Asked:
    """Mentions, direct messages, commands and follow-ups, with and without a mention, in many threads."""
    asked, workspace = Asked(), world.workspace
    members = [ADA, GRACE, LINUS, workspace.app.bot_user_id]
    channels = [Channel(f"C0CHAOS{n:02}", f"chaos-{n}", members=list(members)) for n in range(N_CHANNELS)]
    for one in channels:
        workspace.add_channel(one)
    chaos.begin()
    with ThreadPoolExecutor(16) as typing:  # a command waits for its acknowledgement
        for n in range(N_QUESTIONS):
            if n % CHANGED_EVERY == 0:
                write_documents(world, version=n)
            person, channel = workspace.person(chance.choice(members[:3])), chance.choice(channels).id
            text, kind = f"{QUESTION} (no. {n})", chance.random()
            answered = [place for place in asked.threads if world.replies(*place)]
            if kind < 0.15:
                typing.submit(type_command, asked, person, channel, n, text)
            elif answered and (kind < 0.4 or len(asked.threads) >= N_THREADS):
                place = chance.choice(answered)
                is_mention = kind > 0.7 and not place[0].startswith("D")
                asker = workspace.person(asked.askers[place])
                (person.mention if is_mention else asker.say)(place[0], text, place[1])
                asked.threads[place].append(n)
            else:
                is_direct = kind > 0.85
                place = (
                    (person.dm, person.write_dm(text)) if is_direct else (channel, person.mention(channel, text))
                )
                asked.threads[place].append(n)
                asked.askers[place] = person.id
            time.sleep(chance.random() * 2 * SECONDS_BETWEEN)
    return asked


def write_documents(world: System, version: int) -> None:
    """Changes every document of the wiki, which is synced all the while."""
    for n in range(N_DOCUMENTS):
        write_document(world, n, version)


def type_command(asked: Asked, person: Person, channel: str, n: int, text: str) -> None:
    asked.commands[n] = (person.id, person.command("/ask", text, channel))


def settle(world: System, chaos: Chaos) -> None:
    """Waits until nothing is open, Slack has nothing to deliver, and a search for what was missed was complete."""
    stopped_at = time.time()
    chaos.stop()

    def is_quiet() -> bool:
        chaos.keep_running()
        try:
            (n_open,) = world.query("SELECT count(*) FROM turns WHERE status IN ('queued', 'running')")[0]
            with redis.Redis.from_url(chaos.redis.url, decode_responses=True) as connection:
                searched_at = float(str(connection.hget("docent:catch-up", "done") or 0))
        except (SQLAlchemyError, redis.RedisError):
            return False
        return bool(n_open == 0 and searched_at > stopped_at and not world.workspace.outbox._tasks)

    world.wait_for(is_quiet, timeout=SETTLE_SECONDS)


def assert_synced(world: System) -> None:
    """The last version of every document is there, once, and nobody had to begin a sync."""
    (now,) = world.query("SELECT now() AS now")
    world.wait_for(lambda: [sync for sync in ended_syncs(world) if sync.started_at > now.now])
    statuses = Counter(sync.status for sync in ended_syncs(world))
    assert set(statuses) == {"completed"}, statuses
    assert_read_once(world, N_DOCUMENTS, version=(N_QUESTIONS - 1) // CHANGED_EVERY * CHANGED_EVERY)


def assert_each_ended_once(world: System, asked: Asked) -> None:
    stored = {row.ts for row in world.query("SELECT ts FROM replies WHERE state = 'final' AND ts IS NOT NULL")}
    wrong: list[str] = []
    shown: list[SlackMessage] = []
    for (channel, ts), numbers in asked.threads.items():
        replies = world.replies(channel, ts)
        shown += replies
        if len(replies) != len(numbers):
            wrong.append(f"{channel} {ts}: {numbers} have {[reply.plain[:200] for reply in replies]}")
        said = Counter(re.findall(r"says no\. (\d+)", "\n".join(reply.plain for reply in replies)))
        if not set(said) <= set(map(str, numbers)) or any(count > 1 for count in said.values()):
            wrong.append(f"{channel} {ts}: {numbers} have {said}")
    for n, (user, ack) in asked.commands.items():
        answers = [m for m in world.workspace.ephemerals(user) if f"(no. {n})" in m.plain]
        is_told = ack.error or "could not" in str(ack.body) or "again" in str(ack.body)
        if len(answers) > 1 or (not answers and not is_told):
            wrong.append(f"command {n}, acknowledged with {ack}: {[m.plain[:200] for m in answers]}")
    assert not wrong, "\n".join(wrong)
    assert {reply.ts for reply in shown} == stored
    assert [reply.ts for reply in shown if reply.streaming_state == "in_progress"] == []
    print(Counter((turn.status, turn.reason) for turn in world.turns()))


def assert_money_is_counted(world: System, model: ScriptedModel) -> None:
    """What was answered is recorded as such, or as a call that never ended, at what was held for it."""
    calls = world.query("SELECT turn_id, status, completion_tokens, cost_usd, is_estimated FROM model_calls")
    answered = Counter(line.completion_tokens for line in model.said if isinstance(line, Say))
    recorded = Counter(call.completion_tokens for call in calls if call.status == "completed" and call.cost_usd)
    assert recorded <= answered
    lost = [call for call in calls if call.status == "failed" and call.cost_usd]
    assert {call.status for call in calls} <= {"completed", "failed"}
    assert (answered - recorded).total() <= len(lost)
    price = Decimal(10) / 1_000_000
    assert sum(call.cost_usd or 0 for call in calls) >= price * sum(100 + n for n in answered.elements())
    by_turn: dict[Any, Decimal] = defaultdict(Decimal)
    for call in calls:
        by_turn[call.turn_id] += call.cost_usd or Decimal(0)
    turns = {turn.id: turn for turn in world.turns()}
    assert {id_: turn.cost_usd for id_, turn in turns.items() if turn.cost_usd} == {
        k: v for k, v in by_turn.items() if v
    }
    assert [turn.id for turn in turns.values() if turn.reserved_usd] == []
    total = sum(by_turn.values())
    for scope in ("person", "workspace"):
        (spent, held) = world.query(
            "SELECT sum(spent_usd), sum(held_usd) FROM budgets WHERE scope = :scope AND period = 'day'",
            scope=scope,
        )[0]
        assert (spent, held) == (total, 0)
    print(f"{len(calls)} model calls, {len(lost)} of them lost; {total} dollars")
