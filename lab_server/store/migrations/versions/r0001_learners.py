"""Learners and their progress."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "learners",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("made", sa.Double, nullable=False),
        sa.Column("seen", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_learners"),
    )
    op.create_table(
        "progress",
        sa.Column("learner", sa.String(64), nullable=False),
        sa.Column("lesson", sa.String(160), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("item", sa.String(160), nullable=False),
        sa.Column("outcome", sa.SmallInteger, nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.Column("first", sa.Double, nullable=False),
        sa.Column("last", sa.Double, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("learner", "lesson", "kind", "item", name="pk_progress"),
        sa.ForeignKeyConstraint(["learner"], ["learners.id"], name="fk_progress_learner", ondelete="CASCADE"),
    )
