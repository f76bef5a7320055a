"""What goes on in a class's room: raised hands, consent, what applies to everybody; recordings; the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("members", sa.Column("hand", sa.Double))
    op.add_column("members", sa.Column("question", sa.String(300), nullable=False, server_default=""))
    op.add_column("members", sa.Column("consented", sa.Double))
    op.add_column("classes", sa.Column("room", sa.JSON, nullable=False, server_default="{}"))
    op.add_column("classes", sa.Column("limits", sa.JSON, nullable=False, server_default="{}"))
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("class", sa.String(24), nullable=False),
        sa.Column("title", sa.String(160), nullable=False),
        sa.Column("account", sa.String(24), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("act", sa.String(32), nullable=False),
        sa.Column("member", sa.String(24), nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_class", "audit", ["class"])
    op.create_table(
        "recordings",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("class", sa.String(24), nullable=False),
        sa.Column("member", sa.String(24), nullable=False),
        sa.Column("session", sa.String(16), nullable=False),
        sa.Column("begun", sa.Double, nullable=False),
        sa.Column("ended", sa.Double),
        sa.Column("bytes", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recordings"),
        sa.ForeignKeyConstraint(["class"], ["classes.id"], name="fk_recordings_class", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["member"], ["members.id"], name="fk_recordings_member", ondelete="CASCADE"),
    )
    op.create_index("ix_recordings_class", "recordings", ["class"])
    op.create_index("ix_recordings_member", "recordings", ["member"])
