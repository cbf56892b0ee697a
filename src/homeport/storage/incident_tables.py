"""The tables of incidents, a part of the schema in tables.py."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from homeport.storage.tables import metadata

incidents = Table(
    "incidents",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("subject", String(400), nullable=False),
    Column("open_key", String(64), nullable=True, unique=True, comment="of kind and subject; NULL: it is resolved"),
    Column("state", String(16), nullable=False),
    Column("opened_at", BigInteger, nullable=False, comment="nanoseconds since the epoch"),
    Column("seen_at", BigInteger, nullable=False, comment="nanoseconds since the epoch"),
    Column("resolved_at", BigInteger, nullable=True, comment="nanoseconds since the epoch"),
    Column("finding", Text, nullable=False, comment="core.incidents.Finding as JSON: the newest"),
    Index("incidents_by_time", "opened_at"),
)

incident_notes = Table(
    "incident_notes",
    metadata,
    Column("incident_id", String(40), primary_key=True),
    Column("number", Integer, primary_key=True, comment="from 1"),
    Column("at", BigInteger, nullable=False, comment="nanoseconds since the epoch"),
    Column("author", String(160), nullable=False, comment='"": Homeport itself'),
    Column("what", String(16), nullable=False),
    Column("text", Text, nullable=False),
)
