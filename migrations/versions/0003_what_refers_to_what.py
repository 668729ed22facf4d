"""What refers to what: so that deleting old turns and their bodies reads no table whole"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_turns_supersedes",
        "turns",
        ["supersedes"],
        unique=False,
        postgresql_where=sa.text("supersedes IS NOT NULL"),
    )
    op.create_index("ix_model_calls_request_hash", "model_calls", ["request_hash"], unique=False)
    op.create_index("ix_model_calls_response_hash", "model_calls", ["response_hash"], unique=False)
    op.create_index(
        "ix_blobs_requests",
        "blobs",
        ["body"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"body": "jsonb_path_ops"},
        postgresql_with={"fastupdate": "off"},
        postgresql_where=sa.text("(body -> 'messages') IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_blobs_requests", table_name="blobs")
    op.drop_index("ix_model_calls_response_hash", table_name="model_calls")
    op.drop_index("ix_model_calls_request_hash", table_name="model_calls")
    op.drop_index("ix_turns_supersedes", table_name="turns")
