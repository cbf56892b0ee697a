"""The tables of the cache, a part of the schema in tables.py.

Whatever other processes must hear of has a number. Numbers are given by whoever is the only writer and come from
one row, so they are committed in their order: a process that has read up to the number in that row has missed nothing.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, Text

from homeport.storage.tables import metadata

cache_sequence = Table(
    "cache_sequence",
    metadata,
    Column("id", Integer, primary_key=True, comment="1: there is one row"),
    Column("number", BigInteger, nullable=False, comment="the last that was given"),
)

cache_entries = Table(
    "cache_entries",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, comment="nanoseconds since the epoch"),
    Column("created_at", BigInteger, nullable=False),
    Column("partition", LargeBinary(16), nullable=False),
    Column("prompt", LargeBinary(16), nullable=False),
    Column("tenant", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("upstream", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("surface", String(32), nullable=False),
    Column("streamed", Boolean, nullable=False),
    Column("usage", Text, nullable=False, comment="JSON object"),
    Column("elapsed_ns", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False, comment="bytes, as it is in memory"),
    Column("cost", BigInteger, nullable=False, comment="nano-dollars"),
    Column("text", LargeBinary, nullable=False, comment="UTF-8; a text column has no NUL"),
    Column("vector", LargeBinary, nullable=False, comment="little-endian float16"),
    Index("cache_entries_by_number", "number", unique=True),
    Index("cache_entries_by_expiry", "expires_at"),
    Index("cache_entries_by_tenant", "tenant", "target", "partition", "expires_at", "size"),
)

cache_bodies = Table(
    "cache_bodies",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("body", LargeBinary, nullable=False, comment="zlib"),
)
"""Apart, so that a process that starts reads the cards of all entries without passing over their answers."""

cache_tags = Table(
    "cache_tags",
    metadata,
    Column("tag", String(160), primary_key=True),
    Column("id", LargeBinary(16), primary_key=True),
    Index("cache_tags_by_id", "id"),
)

cache_removals = Table(
    "cache_removals",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False, comment="nobody has the entry any more"),
    Index("cache_removals_by_number", "number"),
)

cache_purges = Table(
    "cache_purges",
    metadata,
    Column("number", BigInteger, primary_key=True),
    Column("at", BigInteger, nullable=False, comment="what was made before is not put in any more"),
    Column("criteria", Text, nullable=False, comment="JSON object"),
)

cache_aliases = Table(
    "cache_aliases",
    metadata,
    Column("asked", LargeBinary(16), primary_key=True),
    Column("answered", LargeBinary(16), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("cache_aliases_by_answer", "answered"),
    Index("cache_aliases_by_number", "number"),
)

cache_bars = Table(
    "cache_bars",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False, comment="nanoseconds since the epoch"),
    Index("cache_bars_by_number", "number"),
)

cache_partitions = Table(
    "cache_partitions",
    metadata,
    Column("partition", LargeBinary(16), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False, comment="when it was last said"),
    Column("checked", BigInteger, nullable=False),
    Column("wrong", BigInteger, nullable=False),
    Column("off", BigInteger, nullable=False, comment="when it switched itself off; 0: it answers"),
    Index("cache_partitions_by_number", "number"),
)
