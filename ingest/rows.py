"""The library's tables: what is known of each document, and who may read it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import func

from agent.database import Base, new_id
from agent.rows import Json, Timestamp


class ReaderSetRow(Base):
    """A set of principals under the hash of the set. A document's readers are one such set."""

    __tablename__ = "reader_sets"

    access_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    principals: Mapped[Json] = mapped_column(JSONB)


class DocumentRow(Base):
    """One document of one source, as last synced. ``content_hash`` tells whether it changed."""

    __tablename__ = "documents"
    __table_args__ = (UniqueConstraint("source", "uri"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    source: Mapped[str] = mapped_column(Text)
    uri: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[str] = mapped_column(String(64))
    access_id: Mapped[str] = mapped_column(ForeignKey("reader_sets.access_id"))
    updated_at: Mapped[datetime | None] = mapped_column(Timestamp)
    synced_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    n_chunks: Mapped[int] = mapped_column(server_default="0")
    problem: Mapped[str | None] = mapped_column(Text)
