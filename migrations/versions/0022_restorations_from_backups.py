"""Restorations from backups"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TIMESTAMP = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "restorations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("taken_at", TIMESTAMP, nullable=False),
        sa.Column("restored_at", TIMESTAMP, server_default=sa.text("now()"), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("n_open", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restorations")),
    )


def downgrade() -> None:
    op.drop_table("restorations")
