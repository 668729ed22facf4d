"""What a question was edited to while it was answered, and questions that the clock asks"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("turns", sa.Column("edited_question", sa.Text(), nullable=True))
    op.create_table(
        "scheduled_questions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("days", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("at", sa.Time(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paused", sa.Text(), nullable=True),
        sa.Column("is_pause_told", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("said", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scheduled_questions")),
        sa.UniqueConstraint("team", "channel", "n", name=op.f("uq_scheduled_questions_team_channel_n")),
    )
    op.create_index(
        op.f("ix_scheduled_questions_next_at"),
        "scheduled_questions",
        ["next_at"],
        postgresql_where=sa.text("paused IS NULL"),
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_scheduled_questions_next_at"), table_name="scheduled_questions")
    op.drop_table("scheduled_questions")
    op.drop_column("turns", "edited_question")
