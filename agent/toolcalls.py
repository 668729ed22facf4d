"""The calls a model asks for: which are open, running one, and what the model sees of its result.

Promises: whatever is asked for, the outcome is one JSON object within the limit; only a deadline, a cancellation
and a lost lease pass through.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent import observe, prompt
from agent.errors import Cancelled, DeadlineExceeded, LeaseLost, ToolError
from agent.prompt import Message
from agent.record import Source
from agent.tools import Passage, Tool, ToolContext, ToolResult

TOOL_FAILED = {"error": "This tool failed unexpectedly. Go on without it."}


@dataclass(frozen=True)
class Outcome:
    """What a call came to: ``shown`` is what the model sees, ``sources`` are the numbered passages in it."""

    shown: Mapping[str, Any]
    sources: Sequence[Source]
    is_error: bool
    duration_ms: int


def unanswered(messages: Sequence[Message]) -> list[Message]:
    """The calls of the last assistant message that no tool message answers yet."""
    answered = set()
    for message in reversed(messages):
        if message["role"] == "tool":
            answered.add(message["tool_call_id"])
        elif message["role"] == "assistant":
            return [call for call in message.get("tool_calls") or () if call["id"] not in answered]
        else:
            break
    return []


def arguments(call: Message) -> Any:
    """The call's arguments, parsed where they are JSON."""
    given = call["function"].get("arguments")
    try:
        return json.loads(given) if given else {}
    except ValueError:
        return given


def run(
    name: str,
    given: Any,
    tools: Mapping[str, Tool],
    context: ToolContext,
    *,
    number: Callable[[Sequence[Passage]], list[Source]],
    limit: int,
) -> Outcome:
    """Runs one call; ``number`` numbers its passages, ``limit`` bounds its result in characters."""
    started = time.monotonic()
    sources: list[Source] = []
    is_error = True
    try:
        result = _tool(name, tools).call(_object(given), context)
        passages = _fitting(result, limit)
        sources = number(passages)
        shown = _shown(result, passages, sources)
        is_error = False
    except ToolError as error:
        shown = {"error": str(error), "hint": error.hint}
    except (DeadlineExceeded, Cancelled, LeaseLost):
        raise
    except Exception as error:  # noqa: BLE001  a tool's bug must not end the turn
        shown = TOOL_FAILED | {"error_id": observe.report(error, event="tool_failed")}
    return Outcome(shown, sources, is_error, int((time.monotonic() - started) * 1000))


def _tool(name: str, tools: Mapping[str, Tool]) -> Tool:
    try:
        return tools[name]
    except KeyError:
        raise ToolError(f"there is no tool {name!r}", hint=f"tools: {', '.join(tools)}") from None


def _object(arguments: Any) -> dict[str, Any]:
    if not isinstance(arguments, dict):
        raise ToolError("the arguments are not a JSON object", hint='for example {"query": "annual leave"}')
    return arguments


def _fitting(result: ToolResult, limit: int) -> list[Passage]:
    """The first passages that fit into ``limit`` characters together; at least one, cut where it must be."""
    fitting: list[Passage] = []
    left = limit - len(prompt.result_json(result.data))
    for passage in result.passages:
        size = len(prompt.result_json(_as_json(Source(100, passage))))
        if size > left:
            break
        fitting.append(passage)
        left -= size
    if result.passages and not fitting:
        first = result.passages[0]
        fitting = [replace(first, text=first.text[: max(0, left // 2)])]
    return fitting


def _shown(result: ToolResult, passages: Sequence[Passage], sources: Sequence[Source]) -> dict[str, Any]:
    shown = dict(result.data)
    if passages:
        shown["passages"] = [
            _as_json(Source(source.n, passage)) for source, passage in zip(sources, passages, strict=True)
        ]
    if len(passages) < len(result.passages):
        shown["is_shortened"] = True
    return shown


def _as_json(source: Source) -> dict[str, Any]:
    passage = source.passage
    return {
        "n": source.n,
        "title": passage.title,
        "heading": passage.heading_path,
        "url": passage.url,
        "document_id": passage.document_id,
        "score": round(passage.score, 2),
        "text": passage.text,
    }
