"""What is recorded of a session, as read back from Postgres: the shape of ``docent sessions show --json``.

Ids are strings, times ISO 8601 in UTC, dollars floats. Parts of a turn are in the order in which they happened.
"""

from typing import Any, TypedDict

from agent.types import Message


class SessionSummary(TypedDict):
    """One row of ``docent sessions list``."""

    id: str
    key: str
    status: str
    n_turns: int
    updated_at: str
    last_question: str
    cost_usd: float | None


class MessageRecord(TypedDict):
    """A message of a turn's transcript."""

    position: int
    role: str
    content: Message


class ModelCallRecord(TypedDict):
    """A model call. ``request`` and ``response`` are the provider's JSON, None once they are pruned."""

    id: str
    started_at: str
    finished_at: str | None
    position: int
    attempt: int
    purpose: str
    model: str
    status: str
    params: dict[str, Any]
    prompt_tokens: int | None
    cached_tokens: int | None
    completion_tokens: int | None
    reserved_usd: float
    cost_usd: float | None
    is_estimated: bool
    latency_ms: int | None
    first_token_ms: int | None
    n_tries: int | None
    finish_reason: str | None
    error: str | None
    request: dict[str, Any] | None
    response: dict[str, Any] | None


class ToolCallRecord(TypedDict):
    """A tool call. ``result`` is None for a call that never came back."""

    id: str
    created_at: str
    position: int
    call_id: str
    name: str
    arguments: Any
    result: dict[str, Any] | None
    is_error: bool
    duration_ms: int | None
    cost_usd: float


class SourceRecord(TypedDict):
    """A passage that was shown to the model under the number ``n``."""

    n: int
    chunk_id: str
    title: str
    url: str
    heading_path: str
    document_id: str
    score: float
    is_cited: bool


class FeedbackRecord(TypedDict):
    """A person's rating of an answer: 1 or -1."""

    user_id: str
    rating: int
    comment: str | None


class ReplyRecord(TypedDict):
    """One message of the reply in Slack."""

    part: int
    channel: str
    thread_ts: str | None
    ts: str | None
    state: str


class TurnRecord(TypedDict):
    """A turn with everything recorded of it."""

    id: str
    seq: int
    status: str
    reason: str | None
    user_id: str
    channel: str | None
    workspace: str | None
    origin: str
    question: str
    edited_question: str | None
    answer: str | None
    audience: list[list[str]]
    notice: str | None
    error_id: str | None
    delivery_error: str | None
    attempt: int
    created_at: str
    started_at: str | None
    finished_at: str | None
    model: str | None
    release: str | None
    prompt_version: str | None
    prompt_hash: str | None
    settings_hash: str | None
    embedding_model: str | None
    index_version: str | None
    n_steps: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost_usd: float
    messages: list[MessageRecord]
    model_calls: list[ModelCallRecord]
    tool_calls: list[ToolCallRecord]
    sources: list[SourceRecord]
    feedback: list[FeedbackRecord]
    replies: list[ReplyRecord]


class SessionRecord(TypedDict):
    """A session with its turns, oldest first."""

    id: str
    key: str
    status: str
    n_turns: int
    created_at: str
    updated_at: str
    turns: list[TurnRecord]
