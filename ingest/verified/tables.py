"""Defines the tables of verified answers, and of the documents that each rests on."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import func

from agent.clock import new_id
from agent.store.database import Base
from agent.store.tables import Json, Timestamp


class VerifiedAnswerRow(Base):
    """An answer that a person stands for. Its id is that of its document, too.

    ``turn_id`` is the turn whose answer it corrects, as long as that is kept; ``place`` is where that stands.
    ``readers`` are those of the place, and of documents that it rested on once; None until that was looked up.
    ``version`` counts what was written; ``asked_at`` is when its author was asked whether it still holds.
    """

    __tablename__ = "verified_answers"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    turn_id: Mapped[UUID | None] = mapped_column(ForeignKey("turns.id", ondelete="SET NULL"), unique=True)
    question: Mapped[str] = mapped_column(Text)
    answer: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    author_name: Mapped[str] = mapped_column(Text, server_default="")
    place: Mapped[Json] = mapped_column(JSONB)
    url: Mapped[str] = mapped_column(Text, server_default="")
    readers: Mapped[Json | None] = mapped_column(JSONB(none_as_null=True))
    status: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(server_default="1")
    verified_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    asked_at: Mapped[datetime | None] = mapped_column(Timestamp)


class VerifiedDocumentRow(Base):
    """A document that a verified answer rests on, as it was when the answer was verified.

    ``fingerprint`` tells whether it has changed since, or that it is ``(not cited)`` and only its readers count;
    ``access_id`` is who read it then, for when it is gone.
    """

    __tablename__ = "verified_documents"
    __table_args__ = (Index("ix_verified_documents_document_id", "document_id"),)

    answer_id: Mapped[UUID] = mapped_column(
        ForeignKey("verified_answers.id", ondelete="CASCADE"), primary_key=True
    )
    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(Text)
    access_id: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(Text, server_default="")
