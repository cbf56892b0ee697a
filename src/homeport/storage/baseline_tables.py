"""The tables of what routes are compared with, a part of the schema in tables.py.

A baseline has no copy of what was said: its cases are ids of requests, and what was forgotten or is not kept any more
cannot be asked again.
"""

from sqlalchemy import BigInteger, Column, Float, Index, Integer, String, Table

from homeport.storage.tables import metadata

quality_baselines = Table(
    "quality_baselines",
    metadata,
    Column("tier", String(160), primary_key=True),
    Column("target", String(160), primary_key=True),
    Column("since", BigInteger, primary_key=True, comment="start of its first day; nanoseconds since the epoch"),
    Column("until", BigInteger, nullable=False, comment="end of its last day"),
    Column("epoch", String(16), nullable=False, comment="of the judge; empty: nothing is judged"),
)

baseline_cases = Table(
    "baseline_cases",
    metadata,
    Column("request_id", String(40), primary_key=True),
    Column("since", BigInteger, primary_key=True, comment="of the baseline"),
    Column("tier", String(160), nullable=False),
    Column("target", String(160), nullable=False),
    Column("place", Integer, nullable=False, comment="the order in which they are asked again"),
    Column("before", Float, nullable=False, comment="the judge's score of its answer, from 0 to 1"),
    Column("check_at", BigInteger, nullable=True, comment="of the check that asked it again; NULL: not yet"),
    Column("now", Float, nullable=True, comment="the judge's score of the new answer; NULL: there is none"),
    Column("why", String(64), nullable=False, comment="why there is no new score"),
    Column("asked_as", String(40), nullable=False, comment="the id of the request that asked it again"),
    Column("cost", BigInteger, nullable=False, comment="nano-dollars, of the answer and of its grade"),
    Index("baseline_cases_by_route", "tier", "target", "since", "place"),
)
