"""What the tests of the loop share: a claimed question, a kit around a scripted model, and what came of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from agent.llm.client import CallPolicy
from agent.llm.pricing import FREE, Price
from agent.llm.request import Model
from agent.store import sessions, trace
from agent.store.budgets import Budgets
from agent.store.database import Database
from agent.store.sessions import Turn
from agent.store.transcript import load_transcript
from agent.tools import Tool, ToolContext, ToolResult, tool
from agent.turn import loop
from agent.turn.config import AgentConfig, OpeningCall
from agent.turn.events import Event, Finished, TextDelta, TextReset
from agent.turn.limits import Limits
from agent.types import Message, Passage
from tests.scripted_model import ScriptedModel

PASSAGE = Passage("c1", "d1", "Leave", "https://handbook.example/leave", "Annual", "Carry over 5 days.", 0.91)
PRICE = Price.flat(Decimal("0.00001"), Decimal("0.0001"))  # dollars per token


@tool(only_passages=True)
def look_up(query: str, *, context: ToolContext) -> ToolResult:
    """Looks something up."""
    return ToolResult({"found": 1}, (PASSAGE,), is_weak="weak" in query)


TOOLS: dict[str, Tool] = {"look_up": look_up}


def opening(question: str) -> list[OpeningCall]:
    return [OpeningCall("look_up", {"query": question})]


@dataclass
class Asked:
    """A session with a kit; ``ask`` makes a claimed turn of a question, ``run`` one attempt at it."""

    database: Database
    models: Sequence[ScriptedModel | Model]
    tools: Mapping[str, Tool] = field(default_factory=lambda: TOOLS)
    limits: Limits = field(default_factory=lambda: Limits(max_seconds=30))
    price: Price = FREE
    kit_options: dict[str, Any] = field(default_factory=dict)

    @property
    def kit(self) -> AgentConfig:
        options = {"call_policy": CallPolicy(n_retries=1), **self.kit_options}
        return AgentConfig(
            self.database, [self.model(n) for n in range(len(self.models))], self.tools, self.limits, **options
        )

    def model(self, n: int) -> Model:
        given = self.models[n]
        if isinstance(given, Model):
            return given
        return Model(f"openai/scripted-{n}", given.base_url, price=self.price)

    def ask(self, question: str = "How many days?", *, key: str = "s", user: str = "U") -> Turn:
        with self.database.transaction() as transaction:
            asked = sessions.ask(
                transaction, key=key, user_id=user, origin="cli", question=question, channel="C", workspace="T"
            )
        return self.claim(asked.session_id)

    def claim(self, session_id: Any, lease_seconds: float = 60) -> Turn:
        with self.database.transaction() as transaction:
            turn = sessions.claim(transaction, session_id, owner="test", lease_seconds=lease_seconds)
        assert turn
        with self.database.transaction() as transaction:
            trace.begin(transaction, turn, {"release": "test"})
        return turn

    def run(self, turn: Turn, check: Callable[[], None] = lambda: None) -> list[Event]:
        has_record = turn.has_record or bool(self.messages(turn))  # as a worker that claims it again reads
        return list(loop.TurnRun(replace(turn, has_record=has_record), self.kit, check).events(opening))

    def answer(self, turn: Turn | None = None) -> Finished:
        turn = turn or self.ask()
        end = self.run(turn)[-1]
        assert isinstance(end, Finished)
        return end

    def finish(self, turn: Turn, answer: str = "5 days [1].") -> None:
        with self.database.transaction() as transaction:
            sessions.finish(transaction, turn, status="completed", reason="answered", answer=answer)

    def query(self, statement: str, **values: Any) -> list[Any]:
        with self.database.transaction() as transaction:
            return list(transaction.execute(text(statement), values).all())

    def messages(self, turn: Turn) -> list[Message]:
        with self.database.transaction() as transaction:
            return load_transcript(transaction, turn.id).messages


def shown(events: Sequence[Event]) -> str:
    """What a consumer shows at the end: the text since the last reset."""
    text_ = ""
    for event in events:
        if isinstance(event, TextReset):
            text_ = ""
        elif isinstance(event, TextDelta):
            text_ += event.text
    return text_


def budgets(**limits: float) -> Budgets:
    """``person_day=1.5`` and so on, in dollars."""
    return Budgets({tuple(name.split("_")): Decimal(str(usd)) for name, usd in limits.items()})  # type: ignore[misc]
