"""Which model calls have a cost that was estimated here, because the provider did not count their tokens"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    estimated: sa.Column[bool] = sa.Column(
        "is_estimated", sa.Boolean(), server_default=sa.text("false"), nullable=False
    )
    op.add_column("model_calls", estimated)


def downgrade() -> None:
    op.drop_column("model_calls", "is_estimated")
