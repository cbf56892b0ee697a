"""The tables of what the judge and people think of outputs, a part of the schema in tables.py.

Which outputs they look at is in `scored_outputs`. What a judge wrote beside its grade is not kept.
"""

from sqlalchemy import BigInteger, Column, Float, Index, Integer, String, Table, Text

from homeport.storage.tables import metadata

judge_epochs = Table(
    "judge_epochs",
    metadata,
    Column("epoch", String(16), primary_key=True, comment="digest of the judge's model, rubric and prompt"),
    Column("began_at", BigInteger, nullable=False, comment="nanoseconds since the epoch"),
    Column("model", String(160), nullable=False, comment="the route that is asked, with its revision"),
    Column("rubric", String(80), nullable=False),
    Column("rubric_version", Integer, nullable=False),
)

judgements = Table(
    "judgements",
    metadata,
    Column("request_id", String(40), primary_key=True),
    Column("epoch", String(16), primary_key=True),
    Column("judged_at", BigInteger, nullable=False, comment="nanoseconds since the epoch"),
    Column("score", Float, nullable=True, comment="from 0 to 1; NULL: it was asked, and gave no verdict"),
    Column("label", String(32), nullable=False, comment="its word, or why there is no verdict"),
    Column("judge_request_id", String(40), nullable=False),
    Column("cost", BigInteger, nullable=False, comment="nano-dollars"),
    Index("judgements_by_time", "judged_at"),
)

labels = Table(
    "labels",
    metadata,
    Column("request_id", String(40), primary_key=True),
    Column("reviewer", String(160), primary_key=True, comment="the name of a user of the console"),
    Column("labelled_at", BigInteger, nullable=False, comment="nanoseconds since the epoch"),
    Column("rating", Integer, nullable=False, comment="from 1, useless, to 5, as good as can be"),
    Column("seconds", Float, nullable=True, comment="that it was looked at; NULL: nobody counted"),
    Column("note", Text, nullable=False),
    Index("labels_by_time", "labelled_at"),
    Index("labels_by_reviewer", "reviewer", "labelled_at"),
)

review_claims = Table(
    "review_claims",
    metadata,
    Column("request_id", String(40), primary_key=True),
    Column("reviewer", String(160), primary_key=True),
    Column("until", BigInteger, nullable=False, comment="nanoseconds since the epoch; so long it is theirs"),
    Index("review_claims_by_reviewer", "reviewer", "until"),
)
