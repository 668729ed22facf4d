"""Which channels, people and groups of Slack have changed, so that what was looked up before counts no more"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "membership_changes",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column(
            "changed_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_membership_changes")),
    )
    op.create_index(op.f("ix_membership_changes_changed_at"), "membership_changes", ["changed_at"])


def downgrade() -> None:
    op.drop_table("membership_changes")
