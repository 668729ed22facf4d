"""What an answer offers"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("turns", sa.Column("offered", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("turns", "offered")
