"""Whose an index is, which version was written last, and its copies on machines"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TIMESTAMP = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("index_state", sa.Column("version", sa.BigInteger(), nullable=True))
    op.add_column("index_state", sa.Column("write_id", sa.String(length=32), nullable=True))
    op.add_column(
        "index_state", sa.Column("is_writing", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("index_state", sa.Column("optimized_version", sa.BigInteger(), nullable=True))
    op.add_column(
        "index_state", sa.Column("n_optimize_failures", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("index_state", sa.Column("optimize_problem", sa.Text(), nullable=True))
    op.create_table(
        "deployment",
        sa.Column("is_only", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIMESTAMP, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("is_only", name=op.f("pk_deployment")),
    )
    op.create_table(
        "index_mirrors",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column("n_bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("copied_at", TIMESTAMP, nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("is_away", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("seen_at", TIMESTAMP, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("address", "host", name=op.f("pk_index_mirrors")),
    )


def downgrade() -> None:
    op.drop_table("index_mirrors")
    op.drop_table("deployment")
    for column in (
        "optimize_problem",
        "n_optimize_failures",
        "optimized_version",
        "is_writing",
        "write_id",
        "version",
    ):
        op.drop_column("index_state", column)
