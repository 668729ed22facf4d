"""What a question came with, what is set for single channels, and who is answered in single threads"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("enclosed", postgresql.JSONB(none_as_null=True), nullable=True))
    op.create_table(
        "channel_settings",
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("settings", postgresql.JSONB(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("team", "channel", "version", name=op.f("pk_channel_settings")),
    )
    op.create_table(
        "thread_settings",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("follow_ups", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column(
            "changed_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_thread_settings")),
    )
    op.create_index(op.f("ix_thread_settings_changed_at"), "thread_settings", ["changed_at"])


def downgrade() -> None:
    op.drop_table("thread_settings")
    op.drop_table("channel_settings")
    op.drop_column("deliveries", "enclosed")
