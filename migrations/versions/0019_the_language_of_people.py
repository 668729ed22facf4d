"""The language of people"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "slack_locales",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "user_id", name=op.f("pk_slack_locales")),
    )
    op.create_index(op.f("ix_slack_locales_changed_at"), "slack_locales", ["changed_at"])


def downgrade() -> None:
    op.drop_table("slack_locales")
