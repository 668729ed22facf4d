"""Summarises what a model was shown in one call: numbers of messages, passages, tools and tokens."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from agent.llm.tokens import estimate_prompt_tokens
from agent.prompting import prompt
from agent.types import Message
from bot.record.records import ModelCallRecord


@dataclass(frozen=True)
class CallSummary:
    """``passages`` are (number, title) in the order shown; ``n_earlier`` counts the session's earlier turns."""

    n_messages: int
    n_earlier: int
    passages: tuple[tuple[int, str], ...]
    tools: tuple[str, ...]
    n_tokens: int


def summarize(call: ModelCallRecord) -> CallSummary | None:
    """Summarises a recorded model call; None if its request was pruned."""
    request = call["request"]
    if not isinstance(request, dict):
        return None
    messages = [cast(Message, message) for message in request.get("messages") or () if isinstance(message, dict)]
    tools = [tool for tool in request.get("tools") or () if isinstance(tool, dict)]
    return CallSummary(
        len(request.get("messages") or ()),
        _n_earlier(messages, call["purpose"]),
        tuple(dict(_passages(messages)).items()),
        tuple(str(tool.get("function", {}).get("name")) for tool in tools),
        estimate_prompt_tokens([messages, tools]),
    )


def _n_earlier(messages: Sequence[Message], purpose: str) -> int:
    contents = [str(m.get("content") or "") for m in messages if m.get("role") == "user"]
    if purpose == "standalone":  # the whole conversation is in one message
        return len(_parse_object(contents[-1]).get("conversation", ())) if contents else 0
    questions = [content for content in contents if not content.startswith("<evidence")]
    return max(len(questions) - (2 if purpose == "closing" else 1), 0)


def _passages(messages: Sequence[Message]) -> Iterator[tuple[int, str]]:
    results: list[str] = []

    def collect(result: str) -> str:
        results.append(result)
        return result

    for message in messages:
        content = str(message.get("content") or "")
        if message.get("role") == "tool":
            results.append(content)
        elif message.get("role") == "user":
            prompt.map_evidence(content, collect)
    for result in results:
        for passage in _parse_object(result).get("passages") or ():
            if isinstance(passage, dict) and "n" in passage:
                yield passage["n"], str(passage.get("title") or "")


def _parse_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
