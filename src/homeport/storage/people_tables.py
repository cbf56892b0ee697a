"""The tables of the console's users and of the audit log, a part of the schema in tables.py."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from homeport.storage.tables import metadata

users = Table(
    "users",
    metadata,
    Column("name", String(160), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("password", Text, nullable=False, comment="scrypt, see console/passwords.py; empty: signs in elsewhere"),
    Column("issuer", Text, nullable=False, comment="of the OpenID provider that knows the user; empty: a local user"),
    Column("created_at", BigInteger, nullable=False, comment="nanoseconds since the epoch"),
)

console_sessions = Table(
    "console_sessions",
    metadata,
    Column("digest", String(64), primary_key=True, comment="keyed hash of what the browser has"),
    Column("user_name", String(160), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False, comment="noted once a minute"),
    Column("address", String(64), nullable=False),
    Index("console_sessions_by_user", "user_name"),
)

audit = Table(
    "audit",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False, comment="place in the chain, from 1"),
    Column("at", BigInteger, nullable=False, comment="nanoseconds since the epoch"),
    Column("actor", String(160), nullable=False),
    Column("origin", String(16), nullable=False, comment="console, api, cli or system"),
    Column("role", String(16), nullable=False),
    Column("address", String(64), nullable=False),
    Column("action", String(64), nullable=False, comment="such as key.revoke"),
    Column("subject", String(160), nullable=False, comment="the id of what was changed"),
    Column("before", Text, nullable=False, comment="JSON object of what differs, without secrets"),
    Column("after", Text, nullable=False),
    Column("request_id", String(40), nullable=False),
    Column("hash", String(64), nullable=False, comment="see storage/chain.py"),
    Index("audit_by_time", "at"),
    Index("audit_by_actor", "actor", "sequence"),
    Index("audit_by_subject", "subject", "sequence"),
)

audit_ends = Table(
    "audit_ends",
    metadata,
    Column("id", Integer, primary_key=True, comment="1: there is one row"),
    Column("sequence", BigInteger, nullable=False, comment="of the newest row"),
    Column("hash", String(64), nullable=False, comment="of the newest row"),
    Column("pruned", BigInteger, nullable=False, comment="the last that retention removed; 0: none"),
    Column("pruned_hash", String(64), nullable=False, comment="of that row"),
)
