"""Leases: how long a learner's sandbox has, and why it ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("lesson", sa.String(160), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("active", sa.Double, nullable=False),
        sa.Column("noted", sa.Double, nullable=False),
        sa.Column("idle_left", sa.Double, nullable=True),
        sa.Column("limit_left", sa.Double, nullable=True),
        sa.Column("extended", sa.Integer, nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("ended", sa.Double, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_leases"),
        sa.ForeignKeyConstraint(["owner"], ["learners.id"], name="fk_leases_owner", ondelete="CASCADE"),
    )
    op.create_index("ix_leases_owner", "leases", ["owner"])
