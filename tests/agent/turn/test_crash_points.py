"""A worker dies, or loses its lease, at any write and in any call: the turn ends once, no committed call is made
again, a tool that may do harm is not run twice without saying so, and the money adds up."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from agent.errors import LeaseLost
from agent.store import budgets as money
from agent.store import sessions
from agent.store.database import Database
from agent.tools import ToolContext, ToolResult, tool
from agent.turn import loop
from agent.turn.events import Finished
from agent.turn.limits import Limits
from tests.agent.parts import PRICE, TOOLS, Asked, budgets, opening
from tests.agent.turn import provider_streams
from tests.scripted_model import Call, Line, Say, ScriptedModel

CALLS = [("look_up", {"query": "more"}), ("send", {"to": "Ada"}), ("look_up", {"query": "and more"})]
ANSWER = "5 days [1]."
MOST = 14  # commits and checks of a turn; what is beyond the last one never comes


class Died(BaseException):
    """The process is gone."""


@dataclass
class Fate:
    """When this attempt ends: before or after its n-th commit, at its n-th check, in the lasting tool, or not."""

    kind: str
    at: int
    n_commits: int = 0
    n_checks: int = 0
    lost: Any = None  # called where another worker takes the turn over
    sent: list[str] = field(default_factory=list)

    def commit(self, when: str) -> None:
        self.n_commits += when == "before"
        if self.n_commits == self.at and self.kind == when:
            raise Died
        if self.n_commits == self.at and self.kind == "lost" and when == "after":
            self.lost()

    def check(self) -> None:
        self.n_checks += 1
        if self.kind == "check" and self.n_checks == self.at:
            raise Died


class FatefulDatabase(Database):
    """The turn's own thread dies at a commit."""

    def __init__(self, url: str, fate: Fate) -> None:
        super().__init__(url, pool_size=2, statement_timeout_seconds=30)
        self._fate, self._thread = fate, threading.current_thread()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with super().transaction() as transaction:
            yield transaction
            self._fate.commit("before")
        self._fate.commit("after")


FATES = st.builds(Fate, st.sampled_from(["before", "after", "check", "lost", "tool"]), st.integers(1, MOST))


# A step with calls and one with the answer, in any of the ways in which providers send them.
STEPS = st.tuples(
    st.one_of(
        st.just(Call(CALLS)), st.sampled_from(list(provider_streams.CALLS.values())).map(lambda f: f(CALLS))
    ),
    st.one_of(
        st.just(Say(ANSWER)), st.sampled_from(list(provider_streams.ANSWERS.values())).map(lambda f: f(ANSWER))
    ),
)


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel(lambda request: Say(ANSWER)) as scripted:
        yield scripted


@pytest.mark.timeout(600)
@given(fates=st.lists(FATES, min_size=1, max_size=3), steps=STEPS)
@settings(max_examples=30, suppress_health_check=list(HealthCheck))
def test_a_turn_survives(
    database: Database, model: ScriptedModel, fates: list[Fate], steps: tuple[Line, Line]
) -> None:
    _check(database, model, fates, steps)


@pytest.mark.soak
@given(fates=st.lists(FATES, min_size=1, max_size=6), steps=STEPS)
@settings(max_examples=1_000, suppress_health_check=list(HealthCheck))
def test_a_turn_survives_many_times(
    database: Database, model: ScriptedModel, fates: list[Fate], steps: tuple[Line, Line]
) -> None:
    _check(database, model, fates, steps)


def _check(database: Database, model: ScriptedModel, fates: list[Fate], steps: tuple[Line, Line]) -> None:
    model.script = lambda request: steps[request["messages"][-1]["role"] == "tool"]
    with database.transaction() as transaction:
        transaction.execute(text("TRUNCATE sessions, blobs, budgets CASCADE"))
    model.requests.clear()
    sent: list[str] = []
    asked = Asked(
        database,
        [model],
        limits=Limits(max_seconds=60, max_completion_tokens=300, max_steps=40),
        price=PRICE,
        kit_options={"budgets": budgets(person_day=50)},
    )
    turn = asked.ask()
    for fate in fates:
        fate.lost = partial(_expire, asked, turn.id)
        ended = _attempt(asked, turn, fate, sent)
        if ended:
            break
        _expire(asked, turn.id)
        turn = asked.claim(turn.session_id)
    else:
        assert _attempt(asked, turn, Fate("none", 0), sent)

    messages = asked.messages(turn)
    assert [m["role"] for m in messages] == ["user", "assistant", "tool", "tool", "tool", "assistant"]
    completed = asked.query("SELECT position FROM model_calls WHERE status = 'completed' AND purpose = 'step'")
    assert sorted(row[0] for row in completed) == [1, 5]
    assert len(model.requests) <= 2 + len(fates)  # one in flight is repeated at most once per crash
    assert len(sent) <= 1
    result = json.loads(messages[3]["content"] or "")
    assert result == {"sent": "Ada"} if "error" not in result else "may have taken effect" in result["error"]
    assert sent or "error" in result
    assert [s.n for s in _sources(asked)] == [1]
    _assert_the_money_adds_up(asked)


def _attempt(asked: Asked, turn: sessions.Turn, fate: Fate, sent: list[str]) -> bool:
    """Whether the turn was brought to its end."""

    @tool(is_idempotent=False)
    def send(to: str, *, context: ToolContext) -> ToolResult:
        """Sends."""
        if fate.kind == "tool" and fate.at % 2:
            raise Died  # before it did anything
        sent.append(to)
        if fate.kind == "tool":
            raise Died  # after it did
        return ToolResult({"sent": to})

    database = FatefulDatabase(asked.database.url, fate)
    asked_here = Asked(
        database, asked.models, {**TOOLS, "send": send}, asked.limits, asked.price, asked.kit_options
    )
    try:
        for event in loop.TurnRun(turn, asked_here.kit, fate.check).events(opening):
            if isinstance(event, Finished):
                assert (event.text, event.reason) == (ANSWER, "answered")
                with asked.database.transaction() as transaction:
                    sessions.finish(transaction, turn, status="completed", reason="answered", answer=event.text)
                    money.release(transaction, turn.id)
                return True
    except (Died, LeaseLost):
        return False
    finally:
        database.close()
    raise AssertionError("ended without an end")


def _expire(asked: Asked, turn_id: Any) -> None:
    statement = "UPDATE turns SET lease_token = NULL, lease_until = NULL WHERE id = :id AND status = 'running'"
    asked.query(f"{statement} RETURNING 1", id=turn_id)


def _sources(asked: Asked) -> list[Any]:
    return asked.query("SELECT n FROM sources ORDER BY n")


def _assert_the_money_adds_up(asked: Asked) -> None:
    with asked.database.transaction() as transaction:
        money.lapse(transaction)
    (turn,) = asked.query("SELECT cost_usd, reserved_usd FROM turns")
    assert turn.reserved_usd == 0
    for row in asked.query("SELECT spent_usd, held_usd FROM budgets"):
        assert (row.spent_usd, row.held_usd) == (turn.cost_usd, 0)
    assert asked.query("SELECT count(*) FROM budget_holds")[0][0] == 0
