"""The tables of what outputs scored, a part of the schema in tables.py.

`scored_outputs` has a row for each output, `scores` one for each output and metric. Pages read the sums of hours
and of days, `score_hours`, `score_days` and `sample_hours`, which are kept in the transaction that adds the rows.
"""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, String, Table, text

from homeport.storage.tables import metadata

scored_outputs = Table(
    "scored_outputs",
    metadata,
    Column("request_id", String(40), primary_key=True),
    Column("started_at", BigInteger, nullable=False, comment="nanoseconds since the epoch"),
    Column("scored_at", BigInteger, nullable=False, comment="nanoseconds since the epoch"),
    Column("project", String(160), nullable=False),
    Column("tier", String(160), nullable=False),
    Column("target", String(160), nullable=False),
    Column("data_class", String(16), nullable=False),
    Column("kept", Boolean, nullable=False, comment="what was said was kept, so it was read"),
    Column("low", Boolean, nullable=False, comment="drawn more often, see evaluation/sampling.py"),
    Column("draw", Float, nullable=False, comment="the same for what is drawn together"),
    Column("judge_probability", Float, nullable=False),
    Column("human_probability", Float, nullable=False),
    Column("for_judge", Boolean, nullable=False),
    Column("for_human", Boolean, nullable=False),
    Column("home", String(12), nullable=False, server_default="", comment="the state folder whose output it is"),
    Column("labelled", Integer, nullable=False, server_default="0", comment="how many labels it has"),
    Column("judged_in", String(16), nullable=False, server_default="", comment="the last epoch that judged it"),
    Index("scored_outputs_by_time", "started_at"),
    Index("scored_outputs_for_judge", "started_at", sqlite_where=text("for_judge"), postgresql_where=text("for_judge")),
    # With all that is asked of what waits, so that the rows themselves are not read.
    Index(
        "scored_outputs_for_people",
        *("started_at", "request_id", "draw", "human_probability", "labelled", "kept", "for_human"),
        sqlite_where=text("for_human"),
        postgresql_where=text("for_human"),
    ),
    Index(
        "scored_outputs_to_judge",
        *("home", "judged_in", "draw", "request_id", "started_at", "for_judge"),
        sqlite_where=text("for_judge"),
        postgresql_where=text("for_judge"),
    ),
)

OPINIONS = frozenset({"labelled", "judged_in"})
"""Columns that follow from labels and judgements: an output that is scored again keeps them."""

scores = Table(
    "scores",
    metadata,
    Column("request_id", String(40), primary_key=True),
    Column("metric", String(40), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("value", Float, nullable=False, comment="in the metric's unit"),
    Column("passed", Boolean, nullable=True, comment="NULL: it was measured only"),
    Column("label", String(32), nullable=False),
    Column("why", String(200), nullable=False, comment="never in the words of the answer"),
)


def _sums_of_scores(name: str, span: str) -> Table:
    return Table(
        name,
        metadata,
        Column("start", BigInteger, primary_key=True, comment=f"of the {span}; nanoseconds since the epoch"),
        Column("tier", String(160), primary_key=True),
        Column("target", String(160), primary_key=True),
        Column("metric", String(40), primary_key=True),
        Column("version", Integer, primary_key=True),
        Column("outputs", BigInteger, nullable=False, comment="that have a score"),
        Column("judged", BigInteger, nullable=False, comment="of these, those that passed or failed"),
        Column("failed", BigInteger, nullable=False),
        Column("total", Float, nullable=False, comment="of the values"),
        Column("squares", Float, nullable=False, comment="of the values"),
    )


score_hours = _sums_of_scores("score_hours", "hour")
score_days = _sums_of_scores("score_days", "day in UTC")

sample_hours = Table(
    "sample_hours",
    metadata,
    Column("start", BigInteger, primary_key=True, comment="of the hour; nanoseconds since the epoch"),
    Column("tier", String(160), primary_key=True),
    Column("target", String(160), primary_key=True),
    Column("outputs", BigInteger, nullable=False),
    Column("kept", BigInteger, nullable=False),
    Column("low", BigInteger, nullable=False),
    Column("broken", BigInteger, nullable=False, comment="of which a metric failed to say anything"),
    Column("for_judge", BigInteger, nullable=False),
    Column("for_human", BigInteger, nullable=False),
)

scoring_cursors = Table(
    "scoring_cursors",
    metadata,
    Column("home", String(12), primary_key=True, comment="the state folder whose outputs are scored"),
    Column("project", String(160), primary_key=True),
    Column("sequence", BigInteger, nullable=False, comment="the last place in the project's chain that was looked at"),
)
