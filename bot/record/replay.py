"""``docent sessions replay``: a turn once more, with today's settings or another model, beside what it was.

Its tools give what they gave then, so that only the model's part differs; with live tools they run again, but for
those that may do something lasting. The turn it makes is recorded like any other, with the origin ``replay``.
"""

import getpass
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from agent.clock import new_id
from agent.errors import ToolError, UserError
from agent.llm import models
from agent.store import sessions
from agent.store.database import Database
from agent.store.trace import OPENING
from agent.tools import Tool, ToolContext, ToolResult
from agent.turn.config import OpeningCall
from agent.turn.loop import HISTORY_TURNS
from agent.types import Audience, Passage
from bot.jobs import answering
from bot.jobs.answering import WorkerContext
from bot.jobs.terminal_reply import TerminalReply, bare
from bot.record import session_query

NOT_RECORDED = "This call was not made in the recorded turn, so there is no result of it."
ORIGIN = "replay"


@dataclass
class Tape:
    """The recorded results by call; what was asked for again and again gives its last one again."""

    results: dict[str, list[tuple[ToolResult | None, Mapping[str, Any]]]] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)

    @staticmethod
    def of(turn: Mapping[str, Any]) -> "Tape":
        """Of a turn as :func:`bot.record.session_query.told` tells it."""
        tape = Tape()
        sources = {source["n"]: source for source in turn["sources"]}
        for call in turn["tool_calls"]:
            if call["result"] is not None:
                shown = call["result"]
                result = None if call["is_error"] else _result(shown, sources)
                tape.results.setdefault(_key(call["name"], call["arguments"]), []).append((result, shown))
        return tape

    def play(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        """The result of this call; raises :class:`ToolError` as then, or when it was not made."""
        recorded = self.results.get(_key(name, dict(arguments)))
        if not recorded:
            self.missed.append(name)
            raise ToolError(NOT_RECORDED, hint="Answer from the results you have.")
        result, shown = recorded.pop(0) if len(recorded) > 1 else recorded[0]
        if result is None:
            raise ToolError(str(shown.get("error", "")), hint=str(shown.get("hint", "")))
        return result


@dataclass(frozen=True)
class RecordedTool(Tool):
    """Looks like the tool and runs nothing."""

    tape: Tape = field(default_factory=Tape)

    def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        return self.tape.play(self.name, arguments)


def run(
    desk: WorkerContext, database: Database, session_or_turn: str, *, model: str | None, is_live: bool
) -> dict[str, Any]:
    """``recorded`` and ``replayed``, each as :func:`summary` gives it, of the turn named or a session's last.

    Raises :class:`UserError` for a turn that cannot be run again.
    """
    told = session_query.told(database, session_or_turn)
    turn = _turn(told, session_or_turn)
    tape = Tape.of(turn)
    opening = [
        OpeningCall(call["name"], call["arguments"]) for call in turn["tool_calls"] if call["position"] == OPENING
    ]
    kit = replace(
        desk.kit,
        models=_models(desk, model),
        tools={name: _tool(tool, tape, is_live=is_live) for name, tool in desk.kit.tools.items()},
        history=_history(database, told, turn),
        asks_for_standalone=False,  # the recorded opening calls have it
    )
    replayed = _run(replace(desk, kit=kit, opening=lambda question: opening), database, turn)
    return {
        "recorded": summary(turn),
        "replayed": summary(_turn(session_query.told(database, str(replayed)), str(replayed))),
        "tools": "live" if is_live else "recorded",
        "n_calls_not_recorded": len(tape.missed),
    }


def summary(turn: Mapping[str, Any]) -> dict[str, Any]:
    """What of a turn is compared."""
    models = [call["model"] for call in turn["model_calls"] if call["status"] == "completed"]
    return {
        "turn_id": turn["id"],
        "model": models[-1] if models else turn["model"],
        "prompt": f"version {turn['prompt_version'] or '?'}, {(turn['prompt_hash'] or '')[:8]}",
        "answer": bare(turn["answer"] or ""),
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


def _turn(told: Mapping[str, Any], named: str) -> dict[str, Any]:
    """The turn whose id begins so, else the session's last."""
    turns: list[dict[str, Any]] = told["turns"]
    found = next((turn for turn in turns if turn["id"].startswith(named.lower())), turns[-1])
    if found["finished_at"] is None:
        raise UserError(f"The turn {found['id']} has not ended yet. Replay it when it has.")
    if not any(call["position"] == OPENING for call in found["tool_calls"]):
        raise UserError(f"The turn {found['id']} ended before anything was looked up: there is nothing to replay.")
    return found


def _models(desk: WorkerContext, model: str | None) -> Sequence[Any]:
    if model is None:
        return desk.kit.models
    name, api_base = models.place(model)
    only = {"model": name, "fallback_models": ""}
    if api_base or name != desk.settings.model:
        only["model_api_base"] = api_base or ""
    return models.models(desk.settings.model_copy(update=only))


def _tool(tool: Tool, tape: Tape, *, is_live: bool) -> Tool:
    if is_live and tool.is_idempotent:
        return tool
    fields = {name: getattr(tool, name) for name in Tool.__dataclass_fields__}
    return RecordedTool(**fields, tape=tape)


def _history(database: Database, told: Mapping[str, Any], turn: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The session's earlier turns, as the turn saw them."""
    with database.transaction() as transaction:
        return sessions.history(transaction, UUID(told["id"]), before=turn["seq"], limit=HISTORY_TURNS)


def _run(desk: WorkerContext, database: Database, turn: Mapping[str, Any]) -> UUID:
    with database.transaction() as transaction:
        asked = sessions.ask(
            transaction,
            key=f"{ORIGIN}:{new_id()}",
            user_id=getpass.getuser(),
            origin=ORIGIN,
            question=turn["question"],
            audience=Audience.from_json(turn["audience"]),
            workspace=turn["workspace"],
        )
    answering.work(desk, asked.session_id, lambda _: TerminalReply(None))
    return asked.turn_id


def _result(shown: Mapping[str, Any], sources: Mapping[int, Mapping[str, Any]]) -> ToolResult:
    """What the tool returned, from what the model was shown of it."""
    passages = tuple(
        Passage(
            chunk_id=sources[passage["n"]]["chunk_id"],
            document_id=passage["document_id"],
            title=passage["title"],
            url=passage["url"],
            heading_path=passage["heading"],
            text=passage["text"],
            score=passage["score"],
        )
        for passage in shown.get("passages", ())
    )
    return ToolResult({name: value for name, value in shown.items() if name != "passages"}, passages)


def _key(name: str, arguments: Any) -> str:
    return f"{name} {json.dumps(arguments, sort_keys=True)}"
