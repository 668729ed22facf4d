"""What a model was shown in one call, as far as a person wants to know: counts, titles, sizes."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agent.prompting import prompt
from agent.types import Message

BYTES_PER_TOKEN = 3  # as the limits estimate


@dataclass(frozen=True)
class CallSummary:
    """``passages`` are (number, title) in the order shown; ``n_earlier`` counts the session's earlier turns."""

    n_messages: int
    n_earlier: int
    passages: tuple[tuple[int, str], ...]
    tools: tuple[str, ...]
    n_tokens: int


def of(call: dict[str, Any]) -> CallSummary | None:
    """Reads a model call of :func:`bot.record.session_query.told`; None when its request is not there any more."""
    request = call["request"]
    if not isinstance(request, dict):
        return None
    messages = [message for message in request.get("messages") or () if isinstance(message, dict)]
    tools = [tool for tool in request.get("tools") or () if isinstance(tool, dict)]
    return CallSummary(
        len(request.get("messages") or ()),
        _n_earlier(messages, call["purpose"]),
        tuple(dict(_passages(messages)).items()),
        tuple(str(tool.get("function", {}).get("name")) for tool in tools),
        len(str([messages, tools]).encode("utf-8", "replace")) // BYTES_PER_TOKEN,
    )


def _n_earlier(messages: Sequence[Message], purpose: str) -> int:
    asked = [str(m.get("content") or "") for m in messages if m.get("role") == "user"]
    if purpose == "standalone":  # the conversation is one message
        return len(_object(asked[-1]).get("conversation", ())) if asked else 0
    questions = [content for content in asked if not content.startswith("<evidence")]
    return max(len(questions) - (2 if purpose == "closing" else 1), 0)


def _passages(messages: Sequence[Message]) -> Iterator[tuple[int, str]]:
    results: list[str] = []

    def note(result: str) -> str:
        results.append(result)
        return result

    for message in messages:
        content = str(message.get("content") or "")
        if message.get("role") == "tool":
            results.append(content)
        elif message.get("role") == "user":
            prompt.map_evidence(content, note)
    for result in results:
        for passage in _object(result).get("passages") or ():
            if isinstance(passage, dict) and "n" in passage:
                yield passage["n"], str(passage.get("title") or "")


def _object(given: str) -> dict[str, Any]:
    try:
        found = json.loads(given)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
