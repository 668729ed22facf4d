"""Syncs, what they have still to do, and which table of the index is searched"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COUNTS = (
    "n_listed",
    "n_added",
    "n_changed",
    "n_moved",
    "n_removed",
    "n_done",
    "n_chunks",
    "n_embedded",
    "n_tokens",
)


def upgrade() -> None:
    op.add_column("documents", sa.Column("fingerprint", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "syncs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("options", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        *(sa.Column(name, sa.Integer(), server_default="0", nullable=False) for name in COUNTS),
        sa.Column("cost_usd", sa.Numeric(precision=14, scale=8), server_default="0", nullable=False),
        sa.Column("n_failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_syncs")),
    )
    op.create_index(
        "uq_syncs_open", "syncs", ["source"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_index("ix_syncs_source_started_at", "syncs", ["source", "started_at"], unique=False)
    op.create_table(
        "sync_items",
        sa.Column("sync_id", sa.Uuid(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("access_id", sa.String(length=64), nullable=False),
        sa.Column("moved_from", sa.Uuid(), nullable=True),
        sa.Column("n_claims", sa.Integer(), server_default="0", nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["access_id"], ["reader_sets.access_id"], name=op.f("fk_sync_items_access_id_reader_sets")
        ),
        sa.ForeignKeyConstraint(
            ["sync_id"], ["syncs.id"], name=op.f("fk_sync_items_sync_id_syncs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sync_id", "uri", name=op.f("pk_sync_items")),
    )
    op.create_table(
        "index_state",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("embedding_model", sa.Text(), nullable=False),
        sa.Column("next_table", sa.Text(), nullable=True),
        sa.Column("next_model", sa.Text(), nullable=True),
        sa.Column("old_table", sa.Text(), nullable=True),
        sa.Column("switched_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_index_state")),
    )


def downgrade() -> None:
    op.drop_table("index_state")
    op.drop_table("sync_items")
    op.drop_index("ix_syncs_source_started_at", table_name="syncs")
    op.drop_index("uq_syncs_open", table_name="syncs", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_table("syncs")
    op.drop_column("documents", "fingerprint")
