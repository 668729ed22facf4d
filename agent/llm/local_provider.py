"""Turns the message of a model that is a Python function into the stream that a provider would send."""

import time
from collections.abc import Iterator, Mapping
from typing import NotRequired, TypedDict

from agent.types import JsonObject, Message

MARKS = ("is_refusal", "is_small_talk")  # what a message of a local model says about itself


class GenericChunk(TypedDict):
    """LiteLLM's ``GenericStreamingChunk``."""

    text: str
    tool_use: Mapping[str, object] | None
    is_finished: bool
    finish_reason: str
    usage: None
    index: int
    provider_specific_fields: NotRequired[JsonObject]


def stream_chunks(message: Message, words_per_second: float) -> Iterator[GenericChunk]:
    """Yields LiteLLM's generic chunks; ``words_per_second`` slows the text down, 0 sends it at once."""
    calls = message.get("tool_calls") or ()
    words = (message.get("content") or "").split(" ")
    size = 3 if words_per_second else 12
    marks = {name: True for name in MARKS if message.get(name)}
    for start in range(0, len(words), size):
        is_last = start + size >= len(words)
        text = " ".join(words[start : start + size]) + ("" if is_last else " ")
        yield _chunk(text=text, marks=marks)
        if words_per_second and not is_last:
            time.sleep(size / words_per_second)
    for index, call in enumerate(calls):
        yield _chunk(tool_use={"index": index, **call})
    yield _chunk(finish_reason="tool_calls" if calls else "stop")


def _chunk(
    *,
    text: str = "",
    tool_use: Mapping[str, object] | None = None,
    finish_reason: str = "",
    marks: JsonObject | None = None,
) -> GenericChunk:
    chunk: GenericChunk = {
        "text": text,
        "tool_use": tool_use,
        "is_finished": bool(finish_reason),
        "finish_reason": finish_reason,
        "usage": None,
        "index": 0,
    }
    if marks:
        chunk["provider_specific_fields"] = marks
    return chunk
