"""The kernel's tables. Rows stay inside the module that queries them; callers get dataclasses."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Numeric,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import func

from agent.clock import new_id
from agent.store.database import Base
from agent.types import CallStatus, TurnStatus

Json = Any  # what a JSONB column holds
Timestamp = DateTime(timezone=True)
Money = Numeric(14, 8)  # US dollars; one token costs down to 1e-8


class BudgetScope(StrEnum):
    """Whose budget it is: ``budgets.scope``."""

    PERSON = "person"
    CHANNEL = "channel"
    WORKSPACE = "workspace"


class BudgetPeriod(StrEnum):
    """How long a budget lasts: ``budgets.period``."""

    DAY = "day"
    MONTH = "month"


class HoldPurpose(StrEnum):
    """What money is held for: ``budget_holds.purpose``."""

    CALL = "call"
    CLOSING = "closing"  # the closing call that the turn may still need


def match_any(column: str, values: Iterable[str]) -> str:
    """Builds the SQL condition that a column has one of the values.

    >>> match_any("status", [TurnStatus.QUEUED, TurnStatus.RUNNING])
    "status IN ('queued', 'running')"
    """
    quoted = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({quoted})"


IS_OPEN = match_any("status", (TurnStatus.QUEUED, TurnStatus.RUNNING))
HAS_ENDED = match_any("status", (TurnStatus.COMPLETED, TurnStatus.FAILED, TurnStatus.CANCELLED))


class SessionRow(Base):
    """A conversation: one Slack thread, one command, or one terminal session."""

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    key: Mapped[str] = mapped_column(Text, unique=True)
    status: Mapped[str] = mapped_column(String(16), server_default="pending")
    n_turns: Mapped[int] = mapped_column(server_default="0")
    meta: Mapped[Json] = mapped_column("metadata", JSONB, server_default=text("'{}'::jsonb"))
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())


class TurnRow(Base):
    """One question and its outcome. The lease (owner, token, until) says which worker has it.

    ``known_before`` are the ``documents`` and ``tools`` that the earlier answers in its prompt rest on.
    ``edited_question`` is what the person made of the question after a worker had it; a turn that asks it, when
    the answer was there already, ``supersedes`` the first one.
    """

    __tablename__ = "turns"
    __table_args__ = (
        UniqueConstraint("session_id", "seq"),
        CheckConstraint(match_any("status", TurnStatus), name="status"),
        Index("ix_turns_open", "session_id", "seq", postgresql_where=text(IS_OPEN)),
        Index("ix_turns_created_at", "created_at"),
        Index("ix_turns_asked_by", "user_id", "created_at"),
        Index("ix_turns_supersedes", "supersedes", postgresql_where=text("supersedes IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    seq: Mapped[int]
    user_id: Mapped[str] = mapped_column(Text)
    channel: Mapped[str | None] = mapped_column(Text)  # where it was asked; with the workspace, whose budgets pay
    workspace: Mapped[str | None] = mapped_column(Text)
    origin: Mapped[str] = mapped_column(String(16))
    question: Mapped[str] = mapped_column(Text)
    edited_question: Mapped[str | None] = mapped_column(Text)
    audience: Mapped[Json] = mapped_column(JSONB, server_default=text("'[[\"everyone\"]]'::jsonb"))
    known_before: Mapped[Json | None] = mapped_column(JSONB(none_as_null=True))
    supersedes: Mapped[UUID | None] = mapped_column(ForeignKey("turns.id", ondelete="SET NULL"))
    status: Mapped[str] = mapped_column(String(16), server_default="queued")
    reason: Mapped[str | None] = mapped_column(String(32))
    answer: Mapped[str | None] = mapped_column(Text)
    notice: Mapped[str | None] = mapped_column(Text)  # what the person read below the answer
    offered: Mapped[str | None] = mapped_column(Text)  # the first question that was suggested there
    error_id: Mapped[str | None] = mapped_column(String(32))
    delivery_error: Mapped[str | None] = mapped_column(Text)  # why the answer is not where it was asked for

    attempt: Mapped[int] = mapped_column(server_default="0")
    lease_owner: Mapped[str | None] = mapped_column(Text)
    lease_token: Mapped[UUID | None]
    lease_until: Mapped[datetime | None] = mapped_column(Timestamp)
    run_after: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    wake_after: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    n_wakes: Mapped[int] = mapped_column(server_default="0")
    cancel_requested: Mapped[bool] = mapped_column(server_default=text("false"))

    reserved_usd: Mapped[Decimal] = mapped_column(Money, server_default="0")
    cost_usd: Mapped[Decimal] = mapped_column(Money, server_default="0")
    n_steps: Mapped[int] = mapped_column(server_default="0")
    prompt_tokens: Mapped[int] = mapped_column(server_default="0")
    cached_tokens: Mapped[int] = mapped_column(server_default="0")
    completion_tokens: Mapped[int] = mapped_column(server_default="0")

    model: Mapped[str | None] = mapped_column(Text)
    release: Mapped[str | None] = mapped_column(Text)
    prompt_hash: Mapped[str | None] = mapped_column(String(64))
    prompt_version: Mapped[str | None] = mapped_column(String(32))
    settings_hash: Mapped[str | None] = mapped_column(String(64))
    embedding_model: Mapped[str | None] = mapped_column(Text)
    index_version: Mapped[str | None] = mapped_column(Text)

    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    started_at: Mapped[datetime | None] = mapped_column(Timestamp)
    finished_at: Mapped[datetime | None] = mapped_column(Timestamp)


class MessageRow(Base):
    """One message of a turn's transcript, verbatim as the model gets it or wrote it."""

    __tablename__ = "messages"
    __table_args__ = (UniqueConstraint("turn_id", "position"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    turn_id: Mapped[UUID] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"))
    position: Mapped[int]
    role: Mapped[str] = mapped_column(String(16))
    content: Mapped[Json] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())


class BlobRow(Base):
    """A JSON body stored once under the SHA-256 of its canonical form.

    A model call's request is ``{"messages": [hash, …], "tools": hash}``; the index finds the requests that
    name a hash.
    """

    __tablename__ = "blobs"
    __table_args__ = (
        Index(
            "ix_blobs_requests",
            "body",
            postgresql_using="gin",
            postgresql_ops={"body": "jsonb_path_ops"},
            postgresql_with={"fastupdate": "off"},  # else each search reads all entries that are not merged yet
            postgresql_where=text("(body -> 'messages') IS NOT NULL"),
        ),
    )

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    body: Mapped[Json] = mapped_column(JSONB)


class ModelCallRow(Base):
    """One model call; written with its reserved cost *before* the call, completed after it."""

    __tablename__ = "model_calls"
    __table_args__ = (
        Index("ix_model_calls_turn_id", "turn_id"),
        Index("ix_model_calls_request_hash", "request_hash"),
        Index("ix_model_calls_response_hash", "response_hash"),
        CheckConstraint(match_any("status", CallStatus), name="status"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    turn_id: Mapped[UUID] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    position: Mapped[int]
    purpose: Mapped[str] = mapped_column(String(16))
    model: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16), server_default="started")
    request_hash: Mapped[str] = mapped_column(ForeignKey("blobs.hash"))
    response_hash: Mapped[str | None] = mapped_column(ForeignKey("blobs.hash"))
    params: Mapped[Json] = mapped_column(JSONB)
    prompt_tokens: Mapped[int | None]
    cached_tokens: Mapped[int | None]
    completion_tokens: Mapped[int | None]
    reserved_usd: Mapped[Decimal] = mapped_column(Money, server_default="0")
    cost_usd: Mapped[Decimal | None] = mapped_column(Money)
    latency_ms: Mapped[int | None]
    first_token_ms: Mapped[int | None]
    n_tries: Mapped[int | None]
    finish_reason: Mapped[str | None] = mapped_column(String(32))
    is_estimated: Mapped[bool] = mapped_column(server_default=text("false"))  # cost, of tokens nobody counted
    error: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    finished_at: Mapped[datetime | None] = mapped_column(Timestamp)


class ToolCallRow(Base):
    """One tool call. ``position`` is that of the message with its result in the transcript, -1 for opening
    calls."""

    __tablename__ = "tool_calls"
    __table_args__ = (UniqueConstraint("turn_id", "position", "call_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    turn_id: Mapped[UUID] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"))
    position: Mapped[int]
    call_id: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    arguments: Mapped[Json] = mapped_column(JSONB)
    result: Mapped[Json | None] = mapped_column(JSONB)
    is_error: Mapped[bool] = mapped_column(server_default=text("false"))
    duration_ms: Mapped[int | None]
    cost_usd: Mapped[Decimal] = mapped_column(Money, server_default="0")
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())


class BudgetRow(Base):
    """What one person, channel or workspace has spent in one day or month, and what is held for open calls."""

    __tablename__ = "budgets"
    __table_args__ = (
        UniqueConstraint("scope", "subject", "period", "starts_on"),
        CheckConstraint(match_any("scope", BudgetScope), name="scope"),
        CheckConstraint(match_any("period", BudgetPeriod), name="period"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    scope: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str] = mapped_column(Text)
    period: Mapped[str] = mapped_column(String(8))
    starts_on: Mapped[date]  # in the operator's time zone
    spent_usd: Mapped[Decimal] = mapped_column(Money, server_default="0")
    held_usd: Mapped[Decimal] = mapped_column(Money, server_default="0")


class BudgetHoldRow(Base):
    """Money that a turn holds from its budgets for one call; it lapses with the lease it was taken under."""

    __tablename__ = "budget_holds"
    __table_args__ = (
        Index("ix_budget_holds_turn_id", "turn_id"),
        CheckConstraint(match_any("purpose", HoldPurpose), name="purpose"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    turn_id: Mapped[UUID] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"))
    lease_token: Mapped[UUID]
    purpose: Mapped[str] = mapped_column(String(16))
    usd: Mapped[Decimal] = mapped_column(Money)
    budget_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())


class SourceRow(Base):
    """A passage shown to the model in a turn under the number ``n``."""

    __tablename__ = "sources"
    __table_args__ = (UniqueConstraint("turn_id", "n"), UniqueConstraint("turn_id", "chunk_id"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    turn_id: Mapped[UUID] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"))
    n: Mapped[int]
    chunk_id: Mapped[str] = mapped_column(Text)
    document_id: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    heading_path: Mapped[str] = mapped_column(Text)
    score: Mapped[float]
    is_cited: Mapped[bool] = mapped_column(server_default=text("false"))


class FeedbackRow(Base):
    """One person's rating of one turn; a later click replaces an earlier one."""

    __tablename__ = "feedback"
    __table_args__ = (
        UniqueConstraint("turn_id", "user_id"),
        CheckConstraint("rating IN (-1, 1)", name="rating"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    turn_id: Mapped[UUID] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(Text, index=True)
    rating: Mapped[int]
    comment: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
