"""What was said below an answer, and why one could not be delivered"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("turns", sa.Column("notice", sa.Text()))
    op.add_column("turns", sa.Column("delivery_error", sa.Text()))


def downgrade() -> None:
    op.drop_column("turns", "delivery_error")
    op.drop_column("turns", "notice")
