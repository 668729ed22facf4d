"""Defines the library's tables: documents, who may read them, syncs and their items, the state of the index."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Numeric, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import func

from agent.clock import new_id
from agent.store.database import Base
from agent.store.tables import Json, Timestamp


class ReaderSetRow(Base):
    """A set of principals under its hash. A document's readers are one such set."""

    __tablename__ = "reader_sets"

    access_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    principals: Mapped[Json] = mapped_column(JSONB)


class DocumentRow(Base):
    """A document of a source, as last synced. A new ``content_hash`` means that it has to be read again.

    ``access_id`` are its readers. They are those of ``listed_access_id`` (what is declared and what its source
    knows), narrowed by ``own_readers`` (those its front matter names), and by any later declaration that was not
    followed by a good listing yet. ``declared_access_id`` is what was declared at the last good listing; None
    means that a change of readers has begun and was not finished. ``path`` is what patterns match, where it is not
    the uri. A document that is ``hidden_because`` of a login stays in the index, for nobody. ``upkeep`` is what
    its front matter says of its care. ``language`` is empty where it is not known. ``verified_by`` names the
    author of a verified answer.
    """

    __tablename__ = "documents"
    __table_args__ = (UniqueConstraint("source", "uri"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    source: Mapped[str] = mapped_column(Text)
    uri: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(Text, server_default="")
    content_hash: Mapped[str] = mapped_column(String(64))
    access_id: Mapped[str] = mapped_column(ForeignKey("reader_sets.access_id"))
    updated_at: Mapped[datetime | None] = mapped_column(Timestamp)
    synced_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    n_chunks: Mapped[int] = mapped_column(server_default="0")
    problem: Mapped[str | None] = mapped_column(Text)
    path: Mapped[str] = mapped_column(Text, server_default="")
    declared_access_id: Mapped[str | None] = mapped_column(ForeignKey("reader_sets.access_id"))
    listed_access_id: Mapped[str | None] = mapped_column(ForeignKey("reader_sets.access_id"))
    own_readers: Mapped[Json | None] = mapped_column(JSONB(none_as_null=True))
    access_set_at: Mapped[datetime | None] = mapped_column(Timestamp)
    hidden_because: Mapped[str | None] = mapped_column(Text)
    upkeep: Mapped[Json | None] = mapped_column(JSONB(none_as_null=True))
    verified_by: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text, server_default="")


class SyncRow(Base):
    """A sync of a source. At most one of a source has not ended.

    ``options`` are the source's, without secrets; ``problem`` tells why the sync ended early. What was to be
    added, changed or moved and could not be read is counted in ``n_unread`` instead. ``n_narrowed`` and
    ``n_widened`` count documents that were there before and have other readers now.
    """

    __tablename__ = "syncs"
    __table_args__ = (
        Index("uq_syncs_open", "source", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index("ix_syncs_source_started_at", "source", "started_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    source: Mapped[str] = mapped_column(Text)
    options: Mapped[Json] = mapped_column(JSONB)
    origin: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    touched_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    ended_at: Mapped[datetime | None] = mapped_column(Timestamp)
    n_listed: Mapped[int] = mapped_column(server_default="0")
    n_added: Mapped[int] = mapped_column(server_default="0")
    n_changed: Mapped[int] = mapped_column(server_default="0")
    n_moved: Mapped[int] = mapped_column(server_default="0")
    n_removed: Mapped[int] = mapped_column(server_default="0")
    n_unread: Mapped[int] = mapped_column(server_default="0")
    n_done: Mapped[int] = mapped_column(server_default="0")
    n_chunks: Mapped[int] = mapped_column(server_default="0")
    n_embedded: Mapped[int] = mapped_column(server_default="0")
    n_tokens: Mapped[int] = mapped_column(server_default="0")
    cost_usd: Mapped[Decimal] = mapped_column(Numeric(14, 8), server_default="0")
    n_failures: Mapped[int] = mapped_column(server_default="0")
    n_narrowed: Mapped[int] = mapped_column(server_default="0")
    n_widened: Mapped[int] = mapped_column(server_default="0")
    problem: Mapped[str | None] = mapped_column(Text)


class SyncItemRow(Base):
    """A document that a sync has listed and not yet written.

    ``access_id`` are its readers without its front matter, ``declared_access_id`` those that are declared.
    ``moved_from`` is its id under an earlier uri. While ``claimed_until`` is in the future, somebody reads it.
    """

    __tablename__ = "sync_items"

    sync_id: Mapped[UUID] = mapped_column(ForeignKey("syncs.id", ondelete="CASCADE"), primary_key=True)
    uri: Mapped[str] = mapped_column(Text, primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[str] = mapped_column(String(64))
    access_id: Mapped[str] = mapped_column(ForeignKey("reader_sets.access_id"))
    moved_from: Mapped[UUID | None]
    n_claims: Mapped[int] = mapped_column(server_default="0")
    claimed_until: Mapped[datetime | None] = mapped_column(Timestamp)
    path: Mapped[str] = mapped_column(Text, server_default="")
    declared_access_id: Mapped[str | None] = mapped_column(ForeignKey("reader_sets.access_id"))
    hidden_because: Mapped[str | None] = mapped_column(Text)


class IndexStateRow(Base):
    """Which table of an index is searched, the one that is being made, if any, and what was written last.

    ``version`` is the active table's after the last write, ``write_id`` that write; see
    :mod:`ingest.index.mirror.written_version`. ``n_optimize_failures`` counts those in a row.
    """

    __tablename__ = "index_state"

    address: Mapped[str] = mapped_column(Text, primary_key=True)
    table_name: Mapped[str] = mapped_column(Text)
    embedding_model: Mapped[str] = mapped_column(Text)
    next_table: Mapped[str | None] = mapped_column(Text)
    next_model: Mapped[str | None] = mapped_column(Text)
    old_table: Mapped[str | None] = mapped_column(Text)
    switched_at: Mapped[datetime | None] = mapped_column(Timestamp)
    version: Mapped[int | None] = mapped_column(BigInteger)
    write_id: Mapped[str | None] = mapped_column(String(32))
    is_writing: Mapped[bool] = mapped_column(server_default="false")
    optimized_version: Mapped[int | None] = mapped_column(BigInteger)
    n_optimize_failures: Mapped[int] = mapped_column(server_default="0")
    optimize_problem: Mapped[str | None] = mapped_column(Text)


class DeploymentRow(Base):
    """The id of this deployment, which its index names as its owner: one row."""

    __tablename__ = "deployment"

    is_only: Mapped[bool] = mapped_column(primary_key=True, server_default="true")
    id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())


class IndexMirrorRow(Base):
    """What a machine has of an index in a bucket; ``problem`` keeps it from being the newest version, ``is_away``
    if that is the bucket."""

    __tablename__ = "index_mirrors"

    address: Mapped[str] = mapped_column(Text, primary_key=True)
    host: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int | None] = mapped_column(BigInteger)
    n_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    copied_at: Mapped[datetime | None] = mapped_column(Timestamp)
    problem: Mapped[str | None] = mapped_column(Text)
    is_away: Mapped[bool] = mapped_column(server_default="false")
    seen_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
