"""Documents that a sync could not read, counted apart from those that it added or changed"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("syncs", sa.Column("n_unread", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("syncs", "n_unread")
