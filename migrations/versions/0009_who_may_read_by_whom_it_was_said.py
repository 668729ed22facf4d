"""A document's readers by who named them: the declaration, the source, and the page itself"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

REFERENCES = (
    ("documents", "declared_access_id"),
    ("documents", "listed_access_id"),
    ("sync_items", "declared_access_id"),
)
COUNTS = ("n_narrowed", "n_widened")


def upgrade() -> None:
    for table in ("documents", "sync_items"):
        op.add_column(table, sa.Column("path", sa.Text(), server_default="", nullable=False))
        op.add_column(table, sa.Column("hidden_because", sa.Text(), nullable=True))
    for table, column in REFERENCES:
        op.add_column(table, sa.Column(column, sa.String(length=64), nullable=True))
        key = op.f(f"fk_{table}_{column}_reader_sets")
        op.create_foreign_key(key, table, "reader_sets", [column], ["access_id"])
    op.add_column("documents", sa.Column("own_readers", postgresql.JSONB(none_as_null=True), nullable=True))
    op.add_column("documents", sa.Column("access_set_at", sa.DateTime(timezone=True), nullable=True))
    for name in COUNTS:
        op.add_column("syncs", sa.Column(name, sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    for name in COUNTS:
        op.drop_column("syncs", name)
    op.drop_column("documents", "access_set_at")
    op.drop_column("documents", "own_readers")
    for table, column in REFERENCES:
        op.drop_column(table, column)
    for table in ("documents", "sync_items"):
        op.drop_column(table, "hidden_because")
        op.drop_column(table, "path")
