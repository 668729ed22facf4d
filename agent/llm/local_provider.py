"""The model that is a Python function of this process: registered here, and answered without LiteLLM.

LiteLLM takes seconds to import, which a command that only quotes documents need not wait for.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from agent.errors import ModelError
from agent.llm.request import Completion, Request
from agent.types import JsonObject, Message, ToolSchema

Complete = Callable[[Sequence[Message], Sequence[ToolSchema], str | None], Message]

WORDS_AT_ONCE = 12  # where nothing slows the text down
PACED_WORDS_AT_ONCE = 3


@dataclass(frozen=True)
class _Registered:
    complete: Complete
    words_per_second: float


_registered: list[_Registered] = []


def register(complete: Complete, *, words_per_second: float = 0) -> None:
    """Makes ``complete``, a function from messages, tools and tool choice to an assistant message, the model
    ``local/…`` of this process. ``words_per_second`` slows its text down to the pace of a language model; 0 sends
    it at once."""
    _registered[:] = [_Registered(complete, words_per_second)]


def stream(request: Request, completion: Completion) -> Iterator[str]:
    """Yields the text of the registered model's message in pieces, then fills ``completion``, without a cost."""
    if not _registered:
        raise ModelError(f"no model is registered as {request.model.name}")
    model = _registered[0]
    message = model.complete(request.messages, request.tools, request.tool_choice)
    yield from _split(message.get("content") or "", model.words_per_second)
    completion.message = cast(Message, {"content": None, **message})
    completion.finish_reason = "tool_calls" if message.get("tool_calls") else "stop"
    completion.response = {
        "object": "chat.completion",
        "model": request.model.name,
        "choices": [{"index": 0, "message": cast(JsonObject, message), "finish_reason": completion.finish_reason}],
    }


def _split(text: str, words_per_second: float) -> Iterator[str]:
    words = text.split(" ")
    size = PACED_WORDS_AT_ONCE if words_per_second else WORDS_AT_ONCE
    for start in range(0, len(words), size):
        is_last = start + size >= len(words)
        piece = " ".join(words[start : start + size]) + ("" if is_last else " ")
        if piece:
            yield piece
        if words_per_second and not is_last:
            time.sleep(size / words_per_second)
