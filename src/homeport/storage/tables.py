"""The schema, once, for SQLite and PostgreSQL. `migrations/` brings a database to it."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, Text

SCHEMA_HEAD = "0002"
"""The newest migration; a database that says so needs no work (and no Alembic import) at start."""

metadata = MetaData()

requests = Table(
    "requests",
    metadata,
    Column("request_id", String(40), primary_key=True),
    Column("started_at", BigInteger, nullable=False, comment="nanoseconds since the epoch"),
    Column("key_id", String(40), nullable=False),
    Column("surface", String(32), nullable=False),
    Column("requested_model", String(160), nullable=False),
    Column("tier", String(160), nullable=False),
    Column("target", String(160), nullable=False),
    Column("upstream", String(160), nullable=False),
    Column("model", String(160), nullable=False),
    Column("local", Boolean, nullable=False),
    Column("data_class", String(16), nullable=False),
    Column("stream", Boolean, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("status", Integer, nullable=False),
    Column("error", String(64), nullable=False),
    Column("reason", String(160), nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("cached_input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("cost", BigInteger, nullable=False, comment="nano-dollars"),
    Column("price_source", String(160), nullable=False),
    Column("latency_ns", BigInteger, nullable=False),
    Column("ttft_ns", BigInteger, nullable=False),
    Column("attempts", Text, nullable=False, comment="JSON array of attempts"),
    Index("requests_by_time", "started_at"),
    Index("requests_by_key", "key_id", "started_at"),
)

journal_offsets = Table(
    "journal_offsets",
    metadata,
    Column("segment", String(80), primary_key=True),
    Column("offset", BigInteger, nullable=False, comment="bytes of the segment that are in the database"),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(160), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=True),
    Column("revoked_at", BigInteger, nullable=True),
    Column("data_class", String(16), nullable=False),
    Column("models", Text, nullable=False, comment="JSON array; empty means any"),
    Column("tiers", Text, nullable=False, comment="JSON array; empty means any"),
    Column("scopes", Text, nullable=False, comment="JSON array; empty means nothing"),
    Column("requests_per_minute", BigInteger, nullable=True, comment="NULL: not limited, as in the next two"),
    Column("tokens_per_minute", BigInteger, nullable=True),
    Column("concurrent_requests", BigInteger, nullable=True),
    Column("reserved_percent", Integer, nullable=False, comment="of server.max_in_flight"),
    Column("rotated_at", BigInteger, nullable=True),
    Column("previous_digest", String(64), nullable=True, comment="of the token before the last rotation"),
    Column("previous_until", BigInteger, nullable=True, comment="when that token ends"),
)
