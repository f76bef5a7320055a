"""Classes, who learns in them, who runs them, and instructors' accounts with the browsers that are signed in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("password", sa.String(255), nullable=False),
        sa.Column("admin", sa.Boolean, nullable=False),
        sa.Column("made", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
    )
    op.create_index("uq_accounts_key", "accounts", ["key"], unique=True)
    op.create_table(
        "signins",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("account", sa.String(24), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(200), nullable=False),
        sa.Column("made", sa.Double, nullable=False),
        sa.Column("seen", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_signins"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_signins_account", ondelete="CASCADE"),
    )
    op.create_index("uq_signins_hash", "signins", ["hash"], unique=True)
    op.create_index("ix_signins_account", "signins", ["account"])
    op.create_table(
        "classes",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("title", sa.String(160), nullable=False),
        sa.Column("lessons", sa.JSON, nullable=False),
        sa.Column("code", sa.String(16), nullable=False),
        sa.Column("seats", sa.Integer, nullable=False),
        sa.Column("opens", sa.Double),
        sa.Column("closes", sa.Double),
        sa.Column("closed", sa.Boolean, nullable=False),
        sa.Column("archived", sa.Boolean, nullable=False),
        sa.Column("made", sa.Double, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_classes"),
    )
    op.create_index("uq_classes_code", "classes", ["code"], unique=True)
    op.create_table(
        "staff",
        sa.Column("class", sa.String(24), nullable=False),
        sa.Column("account", sa.String(24), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("class", "account", name="pk_staff"),
        sa.ForeignKeyConstraint(["class"], ["classes.id"], name="fk_staff_class", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_staff_account", ondelete="CASCADE"),
    )
    op.create_index("ix_staff_account", "staff", ["account"])
    op.create_table(
        "members",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("class", sa.String(24), nullable=False),
        sa.Column("learner", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("joined", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_members"),
        sa.ForeignKeyConstraint(["class"], ["classes.id"], name="fk_members_class", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["learner"], ["learners.id"], name="fk_members_learner", ondelete="CASCADE"),
    )
    op.create_index("uq_members_learner", "members", ["class", "learner"], unique=True)
    op.create_index("uq_members_key", "members", ["class", "key"], unique=True)
    op.create_index("ix_members_learner", "members", ["learner"])
