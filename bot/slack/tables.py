"""The bot's tables: what Slack delivered, what was posted back or sent unasked, which members have changed, what
is set for single channels and threads, which questions the clock asks, and what people were asked or have said of
sources."""

from datetime import datetime, time
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import func

from agent.clock import new_id
from agent.store.database import Base
from agent.store.tables import Json, Timestamp


class DeliveryRow(Base):
    """A question as Slack delivered it. Its unique key stays after the turn is deleted: see :mod:`.inbox`."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("ix_deliveries_turn_id", "turn_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    key: Mapped[str] = mapped_column(Text, unique=True)
    # Checked at the commit: the delivery is written first, because it decides whether there is a turn at all.
    turn_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("turns.id", ondelete="SET NULL", deferrable=True, initially="DEFERRED")
    )
    place: Mapped[Json] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    # What came with the question, such as files: see bot.slack.reading.enclosures. NULL where nothing did.
    enclosed: Mapped[Json | None] = mapped_column(JSONB(none_as_null=True))
    received_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())


class ReplyRow(Base):
    """A message of the bot for one part of an answer. ``starting`` is stored before Slack is asked."""

    __tablename__ = "replies"
    __table_args__ = (
        UniqueConstraint("turn_id", "part"),
        Index("ix_replies_channel_ts", "channel", "ts"),  # two workspaces may have the same of both
        CheckConstraint("state IN ('starting', 'streaming', 'posted', 'final')", name="state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    turn_id: Mapped[UUID] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"))
    part: Mapped[int]
    channel: Mapped[str] = mapped_column(Text)
    thread_ts: Mapped[str | None] = mapped_column(Text)
    ts: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())


class SlackLocaleRow(Base):
    """What a person's Slack is set to, such as ``de-DE``, as of their last answer."""

    __tablename__ = "slack_locales"

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[str] = mapped_column(Text, primary_key=True)
    locale: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now(), index=True)


class MembershipChangeRow(Base):
    """A channel, a person or the user groups of Slack, and when an event last told of a change there."""

    __tablename__ = "membership_changes"

    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    changed_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.clock_timestamp(), index=True)


class ChannelSettingsRow(Base):
    """One version of what is set for a channel; the highest counts. A setting that it lacks is the operator's."""

    __tablename__ = "channel_settings"

    team: Mapped[str] = mapped_column(Text, primary_key=True)
    channel: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    settings: Mapped[Json] = mapped_column(JSONB)
    changed_by: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())


class ThreadSettingsRow(Base):
    """Who is answered without a mention in one thread, by its session's key, where its owner chose that."""

    __tablename__ = "thread_settings"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    follow_ups: Mapped[str] = mapped_column(Text)
    changed_by: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.clock_timestamp(), index=True)


class NoticeRow(Base):
    """A report or a reminder that nobody asked for, by its ``subject``: when it was begun, and sent."""

    __tablename__ = "notices"

    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    begun_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    sent_at: Mapped[datetime | None] = mapped_column(Timestamp)


class HumanRequestRow(Base):
    """A question that people were asked to answer: by whom, who took it, who closed it, and the message about it.

    ``begun_at`` is stored before Slack is asked for the message; what changed after ``shown_at`` is not in it.
    """

    __tablename__ = "human_requests"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    turn_id: Mapped[UUID] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"), unique=True)
    team: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    thread_ts: Mapped[str | None] = mapped_column(Text)
    asked_by: Mapped[str] = mapped_column(Text)
    taken_by: Mapped[str | None] = mapped_column(Text)
    resolved_by: Mapped[str | None] = mapped_column(Text)
    message_ts: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    begun_at: Mapped[datetime | None] = mapped_column(Timestamp)
    shown_at: Mapped[datetime | None] = mapped_column(Timestamp)
    n_failures: Mapped[int] = mapped_column(server_default="0")


class SourceReportRow(Base):
    """What somebody says of one source of an answer. ``owner`` hears of it, the operators where there is none."""

    __tablename__ = "source_reports"
    __table_args__ = (
        UniqueConstraint("turn_id", "document_id", "user_id"),
        Index("ix_source_reports_owner_told_at", "owner", "told_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    turn_id: Mapped[UUID] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"))
    document_id: Mapped[str] = mapped_column(Text)
    user_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(16))
    owner: Mapped[str] = mapped_column(Text, server_default="")
    comment: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    told_at: Mapped[datetime | None] = mapped_column(Timestamp)


class ScheduledQuestionRow(Base):
    """A question that the clock asks in a conversation, under its number there: see bot.slack.intake.scheduled.

    ``days`` are days of the week, Monday is 0, and ``at`` is a time in ``time_zone``. ``paused`` is why it is
    asked no more. ``said`` is what the answer that was posted last says, in a form that can be compared.
    """

    __tablename__ = "scheduled_questions"
    __table_args__ = (
        UniqueConstraint("team", "channel", "n"),
        Index("ix_scheduled_questions_next_at", "next_at", postgresql_where=text("paused IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    team: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    n: Mapped[int]
    user_id: Mapped[str] = mapped_column(Text)  # who set it up
    question: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    days: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    at: Mapped[time]
    time_zone: Mapped[str] = mapped_column(Text)
    next_at: Mapped[datetime] = mapped_column(Timestamp)
    paused: Mapped[str | None] = mapped_column(Text)
    is_pause_told: Mapped[bool] = mapped_column(server_default=text("false"))
    said: Mapped[Json | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())


class RestorationRow(Base):
    """A restoration of this database from a backup that was ``taken_at`` a moment, by which release.

    What Slack was told between the two moments is not in the record. ``n_open`` questions waited then.
    """

    __tablename__ = "restorations"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    taken_at: Mapped[datetime] = mapped_column(Timestamp)
    restored_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    release: Mapped[str] = mapped_column(Text)
    n_open: Mapped[int] = mapped_column(server_default="0")
