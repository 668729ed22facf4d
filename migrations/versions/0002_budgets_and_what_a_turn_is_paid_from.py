"""Budgets, and what a turn is paid from"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "budgets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("period", sa.String(length=8), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("spent_usd", sa.Numeric(precision=14, scale=8), server_default="0", nullable=False),
        sa.Column("held_usd", sa.Numeric(precision=14, scale=8), server_default="0", nullable=False),
        sa.CheckConstraint("period IN ('day', 'month')", name=op.f("ck_budgets_period")),
        sa.CheckConstraint("scope IN ('person', 'channel', 'workspace')", name=op.f("ck_budgets_scope")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budgets")),
        sa.UniqueConstraint(
            "scope", "subject", "period", "starts_on", name=op.f("uq_budgets_scope_subject_period_starts_on")
        ),
    )
    op.create_table(
        "budget_holds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("turn_id", sa.Uuid(), nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("usd", sa.Numeric(precision=14, scale=8), nullable=False),
        sa.Column("budget_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("purpose IN ('call', 'closing')", name=op.f("ck_budget_holds_purpose")),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["turns.id"], name=op.f("fk_budget_holds_turn_id_turns"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budget_holds")),
    )
    op.create_index("ix_budget_holds_turn_id", "budget_holds", ["turn_id"], unique=False)
    op.add_column("turns", sa.Column("channel", sa.Text(), nullable=True))
    op.add_column("turns", sa.Column("workspace", sa.Text(), nullable=True))
    op.add_column("turns", sa.Column("prompt_version", sa.String(length=32), nullable=True))
    op.create_index("ix_turns_created_at", "turns", ["created_at"], unique=False)
    # Turns of before: the place they were asked in stands with their delivery.
    op.execute("""
        UPDATE turns SET channel = place ->> 'channel', workspace = place ->> 'team_id'
        FROM deliveries WHERE deliveries.turn_id = turns.id
    """)


def downgrade() -> None:
    op.drop_index("ix_turns_created_at", table_name="turns")
    op.drop_column("turns", "prompt_version")
    op.drop_column("turns", "workspace")
    op.drop_column("turns", "channel")
    op.drop_index("ix_budget_holds_turn_id", table_name="budget_holds")
    op.drop_table("budget_holds")
    op.drop_table("budgets")
