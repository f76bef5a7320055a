"""Resume codes: only what tells that a code is right, never the code."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "codes",
        sa.Column("learner", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("made", sa.Double, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("learner", name="pk_codes"),
        sa.ForeignKeyConstraint(["learner"], ["learners.id"], name="fk_codes_learner", ondelete="CASCADE"),
    )
    op.create_index("uq_codes_hash", "codes", ["hash"], unique=True)
