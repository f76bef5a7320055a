"""The tables, as they are after the last migration (a test compares them).

Knows columns. Doesn't know what is done with them. Times are seconds since the epoch.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)

learners = Table(
    "learners",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("made", Double, nullable=False),
    Column("seen", Double, nullable=False),
)

progress = Table(
    "progress",
    metadata,
    Column("learner", ForeignKey("learners.id", ondelete="CASCADE"), primary_key=True),
    Column("lesson", String(160), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("item", String(160), primary_key=True),
    Column("outcome", SmallInteger, nullable=False),
    Column("detail", JSON, nullable=False),
    Column("first", Double, nullable=False),
    Column("last", Double, nullable=False),
    Column("tries", Integer, nullable=False),
)

codes = Table(
    "codes",
    metadata,
    Column("learner", ForeignKey("learners.id", ondelete="CASCADE"), primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("made", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Index("uq_codes_hash", "hash", unique=True),
)

leases = Table(
    "leases",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", ForeignKey("learners.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("lesson", String(160), nullable=False),
    Column("state", String(16), nullable=False),
    Column("since", Double, nullable=False),
    Column("active", Double, nullable=False),
    Column("noted", Double, nullable=False),
    Column("idle_left", Double, nullable=True),
    Column("limit_left", Double, nullable=True),
    Column("extended", Integer, nullable=False),
    Column("reason", String(16), nullable=False),
    Column("ended", Double, nullable=True),
)

# Whoever signs in: `name` as it is told, `key` as it is looked up (names.key).
accounts = Table(
    "accounts",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("key", String(128), nullable=False),
    Column("password", String(255), nullable=False),
    Column("admin", Boolean, nullable=False),
    Column("made", Double, nullable=False),
    Index("uq_accounts_key", "key", unique=True),
)

# A browser that is signed in. `hash` is of what its cookie holds.
signins = Table(
    "signins",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("account", ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("agent", String(200), nullable=False),
    Column("made", Double, nullable=False),
    Column("seen", Double, nullable=False),
    Index("uq_signins_hash", "hash", unique=True),
    Index("ix_signins_account", "account"),
)

# What an account may sign in with beside its password: a public `key` of an authenticator, which knows it as `credential` (`hash` is of
# that). `count`: of its signatures, where it counts them.
passkeys = Table(
    "passkeys",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("account", ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("credential", LargeBinary, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("name", String(64), nullable=False),
    Column("made", Double, nullable=False),
    Column("used", Double),
    Index("uq_passkeys_hash", "hash", unique=True),
    Index("ix_passkeys_account", "account"),
)

# Who an account is at the provider with which it may sign in: `hash` is of the provider and of the name it has for the person (subject),
# null until the first sign-in. Until then it waits for one whose verified address is `email` (`key`: as it is compared).
identities = Table(
    "identities",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("account", ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("hash", String(64)),
    Column("email", String(254), nullable=False),
    Column("key", String(254), nullable=False),
    Column("made", Double, nullable=False),
    Column("used", Double),
    Index("uq_identities_hash", "hash", unique=True),
    Index("ix_identities_key", "key"),
    Index("ix_identities_account", "account"),
)

# `lessons`: ids, none for the whole course. `opens`, `closes`: null for no such time. `closed`: by hand. `room`: what applies to
# everybody in it now (conduct.py); `limits`: what its learners' sandboxes may.
classes = Table(
    "classes",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("title", String(160), nullable=False),
    Column("lessons", JSON, nullable=False),
    Column("code", String(16), nullable=False),
    Column("seats", Integer, nullable=False),
    Column("opens", Double),
    Column("closes", Double),
    Column("closed", Boolean, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("made", Double, nullable=False),
    Column("version", Integer, nullable=False),
    Column("room", JSON, nullable=False, server_default="{}"),
    Column("limits", JSON, nullable=False, server_default="{}"),
    Index("uq_classes_code", "code", unique=True),
)

# Who runs a class: accounts, each with a role.
staff = Table(
    "staff",
    metadata,
    Column("class", ForeignKey("classes.id", ondelete="CASCADE"), primary_key=True),
    Column("account", ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("since", Double, nullable=False),
    Index("ix_staff_account", "account"),
)

# Who learns in a class. `id` is how instructors name a member: a learner's own id is told to nobody. `hand`: raised since;
# `consented`: to being recorded, since.
members = Table(
    "members",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("class", ForeignKey("classes.id", ondelete="CASCADE"), nullable=False),
    Column("learner", ForeignKey("learners.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(64), nullable=False),
    Column("key", String(128), nullable=False),
    Column("joined", Double, nullable=False),
    Column("hand", Double),
    Column("question", String(300), nullable=False, server_default=""),
    Column("consented", Double),
    Index("uq_members_learner", "class", "learner", unique=True),
    Index("uq_members_key", "class", "key", unique=True),
    Index("ix_members_learner", "learner"),
)

# What those who run classes did to others: added to, never changed. It names what it is about, and outlives it.
audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("class", String(24), nullable=False),
    Column("title", String(160), nullable=False),
    Column("account", String(24), nullable=False),
    Column("name", String(64), nullable=False),
    Column("act", String(32), nullable=False),
    Column("member", String(24), nullable=False),
    Column("detail", JSON, nullable=False),
    Index("ix_audit_class", "class"),
)

# A terminal's recorded output; the bytes are in a file of its id.
recordings = Table(
    "recordings",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("class", ForeignKey("classes.id", ondelete="CASCADE"), nullable=False),
    Column("member", ForeignKey("members.id", ondelete="CASCADE"), nullable=False),
    Column("session", String(16), nullable=False),
    Column("begun", Double, nullable=False),
    Column("ended", Double),
    Column("bytes", Integer, nullable=False),
    Index("ix_recordings_class", "class"),
    Index("ix_recordings_member", "member"),
)
