"""Runs a recorded turn again, with today's settings or another model, and compares the two.

Tools return their recorded results, so that only the model's part differs; with live tools they run again, except
those with lasting effects. The new turn is recorded like any other, with the origin ``replay``.
"""

import getpass
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypedDict
from uuid import UUID

from agent.clock import new_id
from agent.errors import ToolError, UserError
from agent.llm import models
from agent.llm.model_names import split_address
from agent.store import sessions
from agent.store.database import Database
from agent.store.trace import OPENING
from agent.tools import Tool, ToolContext, ToolResult
from agent.turn import history
from agent.turn.config import OpeningCall
from agent.types import Audience, Passage
from bot.jobs import answering
from bot.jobs.context import WorkerContext
from bot.jobs.terminal_reply import TerminalReply, strip_links
from bot.record import session_query
from bot.record.records import SessionRecord, SourceRecord, TurnRecord

NOT_RECORDED = "The recorded turn did not make this call, so it has no result."
ORIGIN = "replay"


class CitedSource(TypedDict):
    """A source that an answer cites."""

    n: int
    title: str
    url: str


class TurnSummary(TypedDict):
    """What is compared of a turn."""

    turn_id: str
    model: str | None
    prompt: str
    answer: str
    status: str
    reason: str | None
    sources: list[CitedSource]
    n_steps: int
    tool_calls: list[str]
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost_usd: float
    model_ms: int
    tool_ms: int


class Comparison(TypedDict):
    """The JSON of ``docent sessions replay --json``."""

    recorded: TurnSummary
    replayed: TurnSummary
    tools: Literal["live", "recorded"]
    n_calls_not_recorded: int


@dataclass
class RecordedResults:
    """Recorded results by call. A call that is repeated more often than recorded gets the last result again."""

    results: dict[str, list[tuple[ToolResult | None, Mapping[str, Any]]]] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)

    @staticmethod
    def of(turn: TurnRecord) -> "RecordedResults":
        """Collects the results of a turn's tool calls."""
        recorded = RecordedResults()
        sources = {source["n"]: source for source in turn["sources"]}
        for call in turn["tool_calls"]:
            if call["result"] is not None:
                data = call["result"]
                result = None if call["is_error"] else _rebuild_result(data, sources)
                recorded.results.setdefault(_key(call["name"], call["arguments"]), []).append((result, data))
        return recorded

    def play(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        """Returns the result of a call; raises :class:`ToolError` if it failed then or was not made."""
        recorded = self.results.get(_key(name, dict(arguments)))
        if not recorded:
            self.missed.append(name)
            raise ToolError(NOT_RECORDED, hint="Answer from the results you have.")
        result, data = recorded.pop(0) if len(recorded) > 1 else recorded[0]
        if result is None:
            raise ToolError(str(data.get("error", "")), hint=str(data.get("hint", "")))
        return result


@dataclass(frozen=True)
class RecordedTool(Tool):
    """A tool that returns recorded results instead of running."""

    recorded: RecordedResults = field(default_factory=RecordedResults)

    def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Returns the recorded result."""
        return self.recorded.play(self.name, arguments)


def run(
    context: WorkerContext, database: Database, session_or_turn: str, *, model: str | None, is_live: bool
) -> Comparison:
    """Replays a turn, or a session's last one, and returns both summaries.

    Raises :class:`UserError` for a turn that cannot be replayed.
    """
    session = session_query.load(database, session_or_turn)
    turn = _select_turn(session, session_or_turn)
    recorded = RecordedResults.of(turn)
    opening = [
        OpeningCall(call["name"], call["arguments"]) for call in turn["tool_calls"] if call["position"] == OPENING
    ]
    kit = replace(
        context.agent,
        models=_models(context, model),
        tools={name: _replace_tool(tool, recorded, is_live=is_live) for name, tool in context.agent.tools.items()},
        history=_history(context, session, turn),
        asks_model_to_rewrite=False,  # the recorded opening calls contain the standalone question
    )
    again = replace(context, agent=kit, plan_opening_calls=lambda question: opening, needs_documents=False)
    replayed_id = _run(again, database, turn)
    replayed = session_query.load(database, str(replayed_id))
    return {
        "recorded": summarize(turn),
        "replayed": summarize(replayed["turns"][-1]),
        "tools": "live" if is_live else "recorded",
        "n_calls_not_recorded": len(recorded.missed),
    }


def summarize(turn: TurnRecord) -> TurnSummary:
    """Returns what is compared of a turn."""
    models = [call["model"] for call in turn["model_calls"] if call["status"] == "completed"]
    return {
        "turn_id": turn["id"],
        "model": models[-1] if models else turn["model"],
        "prompt": f"version {turn['prompt_version'] or '?'}, {(turn['prompt_hash'] or '')[:8]}",
        "answer": strip_links(turn["answer"] or ""),
        "status": turn["status"],
        "reason": turn["reason"],
        "sources": [
            {"n": source["n"], "title": source["title"], "url": source["url"]}
            for source in turn["sources"]
            if source["is_cited"]
        ],
        "n_steps": turn["n_steps"],
        "tool_calls": [call["name"] for call in turn["tool_calls"] if call["position"] != OPENING],
        "prompt_tokens": turn["prompt_tokens"],
        "cached_tokens": turn["cached_tokens"],
        "completion_tokens": turn["completion_tokens"],
        "cost_usd": turn["cost_usd"],
        "model_ms": sum(call["latency_ms"] or 0 for call in turn["model_calls"]),
        "tool_ms": sum(call["duration_ms"] or 0 for call in turn["tool_calls"]),
    }


def _select_turn(session: SessionRecord, id_start: str) -> TurnRecord:
    """Returns the turn whose id starts with these characters, else the session's last turn."""
    turns = session["turns"]
    turn = next((turn for turn in turns if turn["id"].startswith(id_start.lower())), turns[-1])
    if turn["finished_at"] is None:
        raise UserError(f"The turn {turn['id']} has not ended yet. Replay it when it has ended.")
    if not any(call["position"] == OPENING for call in turn["tool_calls"]):
        raise UserError(f"The turn {turn['id']} ended before anything was looked up: there is nothing to replay.")
    return turn


def _models(context: WorkerContext, model: str | None) -> Sequence[Any]:
    if model is None:
        return context.agent.models
    name, api_base = split_address(model)
    only = {"model": name, "fallback_models": ""}
    if api_base or name != context.settings.model:
        only["model_api_base"] = api_base or ""
    return models.resolve(context.settings.model_copy(update=only))


def _replace_tool(tool: Tool, recorded: RecordedResults, *, is_live: bool) -> Tool:
    if is_live and tool.is_idempotent:
        return tool
    fields = {name: getattr(tool, name) for name in Tool.__dataclass_fields__}
    return RecordedTool(**fields, recorded=recorded)


def _history(context: WorkerContext, session: SessionRecord, turn: TurnRecord) -> list[tuple[str, str]]:
    """Returns the session's earlier turns, as far as the turn's audience may know them today."""
    audience = Audience.from_json(turn["audience"])
    with context.database.transaction() as transaction:
        earlier = history.load(
            transaction, UUID(session["id"]), before=turn["seq"], audience=audience, config=context.agent
        )
    said = [(one.question, one.answer) for one in earlier]
    if said:
        _, said[-1] = history.take_up(turn["question"], said[-1], earlier[-1].offered, context.agent)
    return said


def _run(context: WorkerContext, database: Database, turn: TurnRecord) -> UUID:
    with database.transaction() as transaction:
        question = sessions.ask(
            transaction,
            key=f"{ORIGIN}:{new_id()}",
            user_id=getpass.getuser(),
            origin=ORIGIN,
            question=turn["question"],
            audience=Audience.from_json(turn["audience"]),
            workspace=turn["workspace"],
        )
    answering.work(context, question.session_id, lambda _: TerminalReply(None))
    return question.turn_id


def _rebuild_result(data: Mapping[str, Any], sources: Mapping[int, SourceRecord]) -> ToolResult:
    """Rebuilds a tool's result from what the model was shown of it."""
    passages = tuple(
        Passage(
            chunk_id=sources[passage["n"]]["chunk_id"],
            document_id=passage["document_id"],
            title=passage["title"],
            url=passage["url"],
            heading_path=passage["heading"],
            text=passage["text"],
            score=passage["score"],
            updated=passage.get("updated", ""),
            expired=passage.get("expired", ""),
        )
        for passage in data.get("passages", ())
    )
    own = {name: value for name, value in data.items() if name not in ("passages", "is_weak", "hint")}
    return ToolResult(own, passages, is_weak=bool(data.get("is_weak")), hint=str(data.get("hint") or ""))


def _key(name: str, arguments: Any) -> str:
    return f"{name} {json.dumps(arguments, sort_keys=True)}"
