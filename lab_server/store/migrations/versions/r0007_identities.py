"""Identities: who an account is at the provider with which it may sign in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("account", sa.String(24), nullable=False),
        sa.Column("hash", sa.String(64)),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("key", sa.String(254), nullable=False),
        sa.Column("made", sa.Double, nullable=False),
        sa.Column("used", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_identities"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_identities_account", ondelete="CASCADE"),
    )
    op.create_index("uq_identities_hash", "identities", ["hash"], unique=True)
    op.create_index("ix_identities_key", "identities", ["key"])
    op.create_index("ix_identities_account", "identities", ["account"])
