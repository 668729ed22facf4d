"""Turns the message of a model that is a Python function into the stream that a provider would send."""

import time
from collections.abc import Iterator
from typing import Any

from agent.types import Message


def stream_chunks(message: Message, words_per_second: float) -> Iterator[dict[str, Any]]:
    """Yields LiteLLM's generic chunks; ``words_per_second`` slows the text down, 0 sends it at once."""
    calls = message.get("tool_calls") or ()
    words = (message.get("content") or "").split(" ")
    size = 3 if words_per_second else 12
    own = {"provider_specific_fields": {"is_refusal": True}} if message.get("is_refusal") else {}
    for start in range(0, len(words), size):
        is_last = start + size >= len(words)
        yield _chunk(text=" ".join(words[start : start + size]) + ("" if is_last else " "), **own)
        if words_per_second and not is_last:
            time.sleep(size / words_per_second)
    for index, call in enumerate(calls):
        yield _chunk(tool_use={"index": index, **call})
    yield _chunk(is_finished=True, finish_reason="tool_calls" if calls else "stop")


def _chunk(**fields: Any) -> dict[str, Any]:
    empty = {"text": "", "tool_use": None, "is_finished": False, "finish_reason": "", "usage": None, "index": 0}
    return empty | fields
