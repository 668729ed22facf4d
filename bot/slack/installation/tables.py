"""The tables of installed workspaces: their tokens, encrypted, the states of installations that are under way, and
what single workspaces may spend."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Numeric, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import func

from agent.store.database import Base
from agent.store.tables import Timestamp


class WorkspaceRow(Base):
    """A workspace, or an organisation, into which the app was installed. The row stays after that has ended."""

    __tablename__ = "workspaces"

    id: Mapped[str] = mapped_column(Text, primary_key=True)  # T…, or E… of an organisation
    enterprise_id: Mapped[str | None] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text, server_default=text("''"))
    app_id: Mapped[str | None] = mapped_column(Text)
    bot_id: Mapped[str | None] = mapped_column(Text)
    bot_user_id: Mapped[str | None] = mapped_column(Text)
    scopes: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    # Of bot.slack.installation.encryption; NULL once the app was removed.
    tokens: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime | None] = mapped_column(Timestamp, index=True)  # of a token that is rotated
    installed_by: Mapped[str | None] = mapped_column(Text)
    installed_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    release: Mapped[str | None] = mapped_column(Text)  # that installed it
    removed_at: Mapped[datetime | None] = mapped_column(Timestamp)
    removed_because: Mapped[str | None] = mapped_column(Text)


class OAuthStateRow(Base):
    """An installation that somebody has begun, by the SHA-256 of its state."""

    __tablename__ = "oauth_states"

    state_hash: Mapped[str] = mapped_column(Text, primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(Timestamp, index=True)


class WorkspaceBudgetRow(Base):
    """What is set for a workspace in the place of the operator's budgets; a limit of NULL is none."""

    __tablename__ = "workspace_budgets"

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    scope: Mapped[str] = mapped_column(Text, primary_key=True)
    period: Mapped[str] = mapped_column(Text, primary_key=True)
    limit_usd: Mapped[Decimal | None] = mapped_column(Numeric(12, 6))
    changed_by: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
