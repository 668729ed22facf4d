"""What a tool call costs: the embedding of a search, a rerank model"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    cost = sa.Column("cost_usd", sa.Numeric(precision=14, scale=8), server_default="0", nullable=False)
    op.add_column("tool_calls", cost)
    # What a sync was told is needed while it runs; what was never understood may hold a secret.
    op.execute("UPDATE syncs SET options = '{}' WHERE status = 'failed' AND origin = 'clock'")


def downgrade() -> None:
    op.drop_column("tool_calls", "cost_usd")
