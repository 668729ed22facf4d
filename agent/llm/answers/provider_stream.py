"""A provider's stream as it was sent: mends chunks that LiteLLM would drop, and tells what it makes up.

LiteLLM checks chunks by its own types and drops what does not fit, calls included; it ends every stream with a
finish reason and a count of tokens, whether the provider sent them or not.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from agent.llm.litellm_setup import Chunk, Response

_BROKEN_OFF = "broken off"
_REASONS = (  # what a provider's own reason stands for; the first that matches counts
    (re.compile(r"length|max\w*tokens|token\w*limit|context\w*(?:limit|window)", re.IGNORECASE), "length"),
    (
        re.compile(
            r"filter|safety|recitation|blocklist|prohibited|spii|sensitive|guardrail|moderat|refusal",
            re.IGNORECASE,
        ),
        "content_filter",
    ),
    (
        re.compile(
            r"abort|error|cancel|time.?out|insufficient|repetition|interrupt|fail|overload|unavailable|preempt"
            r"|shut.?down|disconnect|exception|malformed|^(?:null|none)$",
            re.IGNORECASE,
        ),
        _BROKEN_OFF,
    ),
)
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


class ErrorEvent(Exception):
    """An error that a server sent in the place of a chunk, as vLLM does; ``body`` is what it says."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__("the server sent an error in its stream")
        self.body = body


class MendedStream:
    """The provider's own iterator, whose chunks LiteLLM reads; everything else is passed on to it."""

    def __init__(self, response: Response) -> None:
        self._response, self._stream = response, response.completion_stream
        self._chunks = iter(self._stream)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            chunk = next(self._chunks)
        except StopIteration:
            if getattr(self._response, "sent_last_chunk", False) and len(list_usages(self._response)) <= 1:
                raise _NothingToBuild from None
            raise
        if _get(chunk, "object") == "error":
            raise ErrorEvent({name: _get(chunk, name) for name in ("code", "type")})
        with suppress(AttributeError, TypeError):  # a chunk of a shape that is not OpenAI's
            mend(chunk)
        return chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _NothingToBuild(BaseException):
    """All has been read. LiteLLM answers an end, and every Exception, with work of its own."""


class MendedResponse:
    """LiteLLM's response, which reads a :class:`MendedStream`; everything but reading is passed on to it.

    LiteLLM makes a last chunk of all others, and copies it for callbacks, to count tokens: a third of its time.
    It is left out where there is nothing to put together: the provider has told the count once, or not at all.
    """

    def __init__(self, response: Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[Chunk]:
        with suppress(_NothingToBuild):
            yield from self._response

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)


def attach(response: Response) -> Response:
    """Puts :class:`MendedStream` between LiteLLM and the provider."""
    if not hasattr(getattr(response, "completion_stream", None), "__iter__"):
        return response
    response.completion_stream = MendedStream(response)
    return MendedResponse(response)


def mend(chunk: Any) -> None:
    """Writes what came in another type as OpenAI's API has it: arguments and ids as text, text in parts as one."""
    if (usage := getattr(chunk, "usage", None)) is not None:
        _mend_usage(chunk, usage)
    for choice in getattr(chunk, "choices", None) or ():
        delta = getattr(choice, "delta", None)
        if isinstance(content := getattr(delta, "content", None), list):
            _mend_content(delta, content)
        for call in getattr(delta, "tool_calls", None) or ():
            _mend_call(call)
        if function := getattr(delta, "function_call", None):
            _mend_function(function)


def find_finish_reason(response: Response, chunks: list[Chunk]) -> str | None:
    """Returns the reason that the provider gave for the stream's end; None where it gave none, or says that the
    answer was broken off."""
    told = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason]
    translated = str(told[-1]) if told else None
    if not hasattr(response, "received_finish_reason"):
        return _judge(translated, translated)
    sent = response.received_finish_reason or getattr(response, "intermittent_finish_reason", None)
    return _judge(str(sent), translated) if sent else None


def _judge(sent: str | None, translated: str | None) -> str | None:
    """Returns what a reason means, in OpenAI's words: LiteLLM makes "stop" of one that it does not know."""
    named = next((reason for pattern, reason in _REASONS if pattern.search(sent or "")), translated or sent)
    return named if named != _BROKEN_OFF else None


def find_usage(response: Response, chunks: list[Chunk]) -> Any:
    """Returns the count of tokens that the provider told, put together by LiteLLM where it told parts.

    Returns None where it told none: LiteLLM then estimates, without saying so.
    """
    told = list_usages(response) if hasattr(response, "chunks") else _list_usages(chunks)
    return (_list_usages(chunks) or told)[-1] if told else None


def list_usages(response: Response) -> list[Any]:
    """Returns every count of tokens that the provider has sent so far."""
    return _list_usages(getattr(response, "chunks", ()))


def _list_usages(chunks: Iterable[Chunk]) -> list[Any]:
    return [usage for chunk in chunks if (usage := getattr(chunk, "usage", None)) is not None]


def _mend_usage(chunk: Any, usage: Any) -> None:
    """Writes counts as whole numbers; usage that holds something else is none."""
    for name in _COUNTS:
        count = _get(usage, name)
        if isinstance(count, float) and count.is_integer():
            _set(usage, name, int(count))
        elif count is not None and not isinstance(count, int):
            chunk.usage = None
    if isinstance(usage, str | int | float | list):
        chunk.usage = None


def _mend_content(delta: Any, parts: list[Any]) -> None:
    """Joins content that comes in parts, as of Mistral's reasoning models."""
    texts, thoughts = [], []
    for part in parts:
        if isinstance(part, str) or _get(part, "type") in ("text", None):
            texts.append(part if isinstance(part, str) else str(_get(part, "text") or ""))
        elif _get(part, "type") in ("thinking", "reasoning"):
            inner = _get(part, "thinking") or _get(part, "text") or ""
            pieces = inner if isinstance(inner, list) else [inner]
            thoughts += [piece if isinstance(piece, str) else str(_get(piece, "text") or "") for piece in pieces]
    delta.content = "".join(texts)
    if thoughts:
        delta.reasoning_content = "".join(thoughts)


def _mend_call(call: Any) -> None:
    id_ = _get(call, "id")
    if id_ is not None and not isinstance(id_, str):
        _set(call, "id", str(id_))
    index = _get(call, "index")
    if index is not None and not isinstance(index, int):
        _set(call, "index", int(index) if str(index).isdigit() else None)
    if function := _get(call, "function"):
        _mend_function(function)


def _mend_function(function: Any) -> None:
    arguments = _get(function, "arguments")
    if arguments is not None and not isinstance(arguments, str):
        _set(function, "arguments", json.dumps(arguments))


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)


def _set(value: Any, name: str, new: Any) -> None:
    if isinstance(value, dict):
        value[name] = new
    else:
        setattr(value, name, new)
