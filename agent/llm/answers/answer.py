"""Reads one stream as the answer it is, and fills the :class:`Completion` with it."""

from collections.abc import Iterator
from typing import Any, cast

from agent.errors import ModelError
from agent.llm.answers import provider_stream, usage
from agent.llm.answers.assembly import Assembly
from agent.llm.answers.reasoning import ReasoningFilter
from agent.llm.litellm_setup import Chunk, Response
from agent.llm.request import Completion, Request, Retracted
from agent.types import Message


class AnswerReader:
    """The answer to one request, chunk by chunk."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._chunks: list[Chunk] = []
        self._assembly = Assembly()
        self._filter = ReasoningFilter(request.model)
        self._has_text = False

    def feed(self, chunk: Chunk) -> list[str | Retracted]:
        """Adds a chunk; returns the text that may be shown now, or that what was shown is taken back."""
        self._chunks.append(chunk)
        if not chunk.choices:
            return []
        delta = chunk.choices[0].delta
        self._assembly.feed(delta)
        if self._assembly.reasoning:
            self._filter.note_reasoning_apart()
        piece = delta.content
        if not piece or not isinstance(piece, str):
            return []
        self._has_text = True
        return list(self._filter.feed(piece))

    @property
    def has_text(self) -> bool:
        """Returns whether text came, shown or not."""
        return self._has_text

    def release(self) -> Iterator[str]:
        """Yields text that was held back for long enough."""
        yield from self._filter.release()

    def finish(self, response: Response | None, completion: Completion) -> Iterator[str | Retracted]:
        """Ends the answer; raises :class:`ModelError` where the stream broke off before its end."""
        finish_reason = provider_stream.find_finish_reason(response, self._chunks)
        if finish_reason is None:
            raise ModelError(
                "the model's stream ended before its answer did", is_transient=True, has_begun=completion.has_begun
            )
        has_calls = bool(self._assembly.tool_calls())
        yield from self._filter.finish(is_cut=finish_reason == "length", has_calls=has_calls)
        completion.finish_reason = finish_reason
        message = self._make_message()
        reported = provider_stream.find_usage(response, self._chunks)
        completion.message = cast(Message, _add_reasoning(message, self._assembly.reasoning))
        written = _add_reasoning(message, self._all_reasoning())
        completion.usage = usage.read(self._request, written, reported)
        completion.response = {
            "model": str(self._chunks[-1].model or self._request.model.name),
            "choices": [{"index": 0, "finish_reason": finish_reason, "message": written}],
            "usage": usage.describe(completion.usage, reported),
        }

    def _make_message(self) -> dict[str, Any]:
        text = self._filter.text or None
        message: dict[str, Any] = {"role": "assistant", "content": text, **self._assembly.extras()}
        if calls := self._assembly.tool_calls():
            message["tool_calls"] = calls
        return message

    def _all_reasoning(self) -> str:
        """Returns what the model thought, wherever it wrote it; for the record."""
        return "\n".join(filter(None, [self._assembly.reasoning, self._filter.reasoning]))


def _add_reasoning(message: dict[str, Any], reasoning: str) -> dict[str, Any]:
    return {**message, "reasoning_content": reasoning} if reasoning else message
