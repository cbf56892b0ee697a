"""The tables of what prompts were like, a part of the schema in tables.py.

There is no text in them, and yet an embedding says something of what was asked: they are as private as the requests.
"""

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, String, Table

from homeport.storage.tables import metadata

input_features = Table(
    "input_features",
    metadata,
    Column("request_id", String(40), primary_key=True),
    Column("project", String(160), nullable=False),
    Column("day", String(10), nullable=False, comment="in UTC, as 2026-03-01"),
    Column("embedder", String(64), nullable=False, comment="vectors of two of them cannot be compared"),
    Column("digest", LargeBinary(8), nullable=False, comment="keyed hash of the text"),
    Column("vector", LargeBinary, nullable=False, comment="half-precision numbers, little-endian"),
    Column("words", LargeBinary, nullable=False, comment="keyed hashes, four bytes each"),
    Column("octaves", Float, nullable=False, comment="log2 of 1 + its characters"),
    Column("language", String(16), nullable=False),
    Column("form", String(16), nullable=False),
    Index("input_features_by_day", "project", "day"),
)

input_days = Table(
    "input_days",
    metadata,
    Column("home", String(12), primary_key=True),
    Column("project", String(160), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("looked_at", BigInteger, nullable=False, comment="nanoseconds since the epoch"),
    Column("prompts", Integer, nullable=False, comment="whose features were kept"),
)
