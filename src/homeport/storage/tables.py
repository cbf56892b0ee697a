"""The schema, once, for SQLite and PostgreSQL. `migrations/` brings a database to it."""

from collections.abc import Iterator, Mapping

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

SCHEMA_HEAD = "0025"
"""The newest migration; a database that says so needs no work (and no Alembic import) at start."""

metadata = MetaData()

WHERE_NAMED: Mapping[str, str] = {
    "outcome": "outcome <> 'completed'",
    "status": "status >= 400",
    "error": "error <> ''",
    "cache": "cache <> ''",
    "end_user": "end_user <> ''",
    "trace_id": "trace_id <> ''",
}
"""Columns whose index leaves most rows out, and which rows it has: a query must say so in these words to use it."""

STEPS: Mapping[str, int] = {"cost": 100_000, "latency_ns": 100_000_000}
"""Columns that are looked for by how large they are, and how wide the steps are that their index knows.

An index of the values themselves would have each new row at another place: at a million rows that is a page of it read
and written twice for each row. Rows of a step stand in the order of time, so new ones go where the last ones went."""


def step_of(name: str) -> str:
    """The step that a row is on, in SQL: a query must say it in these words to use its index."""
    return f"({name} / {STEPS[name]})"


def indexes_to_look_by() -> Iterator[Index]:
    """Of `requests`: for each thing that requests are looked for by, see storage/request_list.py."""
    for name in ("project", "reason"):  # looked for by how they begin
        yield Index(f"requests_by_{name}", name, "started_at", postgresql_ops={name: "text_pattern_ops"})
    for name in ("target", "model", "tier"):
        yield Index(f"requests_by_{name}", name, "started_at")
    for name in STEPS:
        yield Index(f"requests_by_{name}", text(step_of(name)), "started_at")
    for name, rows in WHERE_NAMED.items():
        yield Index(f"requests_by_{name}", name, "started_at", sqlite_where=text(rows), postgresql_where=text(rows))


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
    Column("cache_write_tokens", BigInteger, nullable=False, comment="a subset of the input", server_default="0"),
    Column("project", String(160), nullable=False, comment="organisation/team/project", server_default="default"),
    Column("end_user", String(160), nullable=False, server_default=""),
    Column("trace_id", String(160), nullable=False, server_default=""),
    Column("batch", Boolean, nullable=False, server_default=false()),
    Column("holder", String(40), nullable=False, comment="the process that answered", server_default=""),
    Column("engine_ns", BigInteger, nullable=False, comment="an own engine's own timing", server_default="0"),
    Column("baseline_cost", BigInteger, nullable=False, comment="nano-dollars; 0: not known", server_default="0"),
    Column(
        "cache", String(16), nullable=False, comment="how the cache answered, see core/events.py", server_default=""
    ),
    Column("saved_cost", BigInteger, nullable=False, comment="nano-dollars; of a hit", server_default="0"),
    Column("cache_entry", String(32), nullable=False, comment="the entry that answered", server_default=""),
    Column("sequence", BigInteger, nullable=False, comment="place in the chain of the project", server_default="0"),
    Column("hash", String(64), nullable=False, comment="see storage/chain.py", server_default=""),
    Index("requests_by_time", "started_at"),
    Index("requests_by_key", "key_id", "started_at"),
    Index("requests_by_chain", "project", "sequence", unique=True),
    *indexes_to_look_by(),
)

ledger_heads = Table(
    "ledger_heads",
    metadata,
    Column("project", String(160), primary_key=True),
    Column("sequence", BigInteger, nullable=False, comment="rows in the chain of the project"),
    Column("hash", String(64), nullable=False, comment="of the last of them"),
)


def _rollups(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("cell", String(32), primary_key=True, comment="hash of the columns down to outcome"),
        Column("span", BigInteger, nullable=False, comment="nanoseconds: an hour or a day"),
        Column("start", BigInteger, nullable=False, comment="nanoseconds since the epoch"),
        Column("project", String(160), nullable=False),
        Column("key_id", String(40), nullable=False),
        Column("target", String(160), nullable=False),
        Column("tier", String(160), nullable=False),
        Column("upstream", String(160), nullable=False),
        Column("surface", String(32), nullable=False),
        Column("route", String(160), nullable=False, comment="the reason's first word"),
        Column("outcome", String(16), nullable=False),
        Column("requests", BigInteger, nullable=False),
        Column("input_tokens", BigInteger, nullable=False),
        Column("cached_input_tokens", BigInteger, nullable=False),
        Column("cache_write_tokens", BigInteger, nullable=False),
        Column("output_tokens", BigInteger, nullable=False),
        Column("reasoning_tokens", BigInteger, nullable=False),
        Column("cost", BigInteger, nullable=False, comment="nano-dollars"),
        Column("local_cost", BigInteger, nullable=False, comment="the part of the cost that own engines have"),
        Column("latency_ns", BigInteger, nullable=False),
        Column("ttft_ns", BigInteger, nullable=False),
        Column("ttft_requests", BigInteger, nullable=False, comment="requests with a first byte"),
        Column("costs", Text, nullable=False, comment="histogram of the costs, see core/histogram.py"),
        Column("baseline_cost", BigInteger, nullable=False, comment="of requests that have one", server_default="0"),
        Column("compared_cost", BigInteger, nullable=False, comment="what these requests cost", server_default="0"),
        Column("cache_asked", BigInteger, nullable=False, comment="requests that looked there", server_default="0"),
        Column("cache_hits", BigInteger, nullable=False, comment="requests that it answered", server_default="0"),
        Column("saved_cost", BigInteger, nullable=False, comment="what these would have cost", server_default="0"),
        Index(f"{name}_by_time", "span", "start"),
        Index(f"{name}_by_key", "key_id", "span", "start"),
    )


rollups = _rollups("rollups")
"""Of hours."""

day_rollups = _rollups("day_rollups")
"""Of days, apart: a month is read from them, and there is a day's cell for some ten of hours."""

decisions = Table(
    "decisions",
    metadata,
    Column("request_id", String(40), primary_key=True),
    Column("started_at", BigInteger, nullable=False, comment="nanoseconds since the epoch"),
    Column("ended_at", BigInteger, nullable=False),
    Column("decided", String(160), nullable=False, comment="the tier that the policy chose"),
    Column("propensity", Float, nullable=False),
    Column("router_version", Integer, nullable=False),
    Column("score", Float, nullable=True),
    Column("explored", Boolean, nullable=False),
    Column("escalation", String(64), nullable=False),
    Column("prompt_id", String(32), nullable=False, comment="of the whole conversation"),
    Column("follows", String(32), nullable=False, comment="of the conversation a turn before"),
    Column("reask", Boolean, nullable=False),
    Column("features", LargeBinary, nullable=False, comment="what a router is fitted on"),
    Index("decisions_by_time", "started_at"),
    Index("decisions_by_prompt", "prompt_id", "started_at"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("request_id", String(40), primary_key=True),
    Column("source", String(64), primary_key=True),
    Column("score", Float, nullable=False, comment="-1 to 1"),
    Column("comment", Text, nullable=False),
    Column("key_id", String(40), nullable=False, comment="who said it; empty: Homeport itself"),
    Column("at", BigInteger, nullable=False, comment="nanoseconds since the epoch"),
    Index("feedback_by_time", "at"),
)

engine_hours = Table(
    "engine_hours",
    metadata,
    Column("engine", String(160), primary_key=True),
    Column("hour", BigInteger, primary_key=True, comment="its start; nanoseconds since the epoch"),
    Column("hourly", BigInteger, nullable=False, comment="nano-dollars that the whole hour costs"),
    Column("slots", BigInteger, nullable=False, comment="requests that the pool works on at once"),
    Column("since", BigInteger, nullable=False, comment="when the pool was first seen in the hour"),
    Column("until", BigInteger, nullable=False, comment="when it was last seen in the hour"),
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
    Column("data_class", String(32), nullable=False),
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
    Column("project", String(160), nullable=False, comment="organisation/team/project", server_default="default"),
)

files = Table(
    "files",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("key_id", String(40), nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("filename", String(255), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("data_class", String(16), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("files_by_key", "key_id", "created_at"),
    Index("files_by_expiry", "expires_at"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("key_id", String(40), nullable=False),
    Column("endpoint", String(64), nullable=False),
    Column("input_file_id", String(40), nullable=False),
    Column("output_file_id", String(40), nullable=True),
    Column("error_file_id", String(40), nullable=True),
    Column("output_seconds", BigInteger, nullable=True, comment="how long the output files are kept"),
    Column("data_class", String(16), nullable=False),
    Column("metadata", Text, nullable=False, comment="JSON object or null"),
    Column("errors", Text, nullable=False, comment="JSON array of what is wrong with the input"),
    Column("status", String(16), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("in_progress_at", BigInteger, nullable=True),
    Column("finalizing_at", BigInteger, nullable=True),
    Column("completed_at", BigInteger, nullable=True),
    Column("failed_at", BigInteger, nullable=True),
    Column("expired_at", BigInteger, nullable=True),
    Column("cancelling_at", BigInteger, nullable=True),
    Column("cancelled_at", BigInteger, nullable=True),
    Column("total", BigInteger, nullable=False, comment="lines"),
    Column("completed", BigInteger, nullable=False, comment="lines that were answered"),
    Column("failed", BigInteger, nullable=False, comment="lines that ended in an error"),
    Column("input_tokens", BigInteger, nullable=False),
    Column("cached_input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False, comment="nano-dollars"),
    Index("batches_by_key", "key_id", "created_at"),
    Index("batches_by_status", "status"),
)

budgets = Table(
    "budgets",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(160), nullable=False),
    Column("kind", String(16), nullable=False, comment="all, project, key, user or trace"),
    Column("scope", String(160), nullable=False),
    Column("window", String(16), nullable=False, comment="hour, day, month or total"),
    Column("limit", BigInteger, nullable=False, comment="nano-dollars"),
    Column("thresholds", Text, nullable=False, comment="JSON array of percentages"),
    Column("action", String(16), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("removed_at", BigInteger, nullable=True),
    Index(
        "budgets_by_name",
        "name",
        unique=True,
        sqlite_where=text("removed_at IS NULL"),
        postgresql_where=text("removed_at IS NULL"),
    ),
)

budget_accounts = Table(
    "budget_accounts",
    metadata,
    Column("budget_id", String(40), primary_key=True),
    Column("instance", String(160), primary_key=True, comment="user or trace, where each has its own; else empty"),
    Column("reached_at", BigInteger, nullable=False, comment="a time in the latest slice it was used in"),
)

budget_slices = Table(
    "budget_slices",
    metadata,
    Column("budget_id", String(40), primary_key=True),
    Column("instance", String(160), primary_key=True),
    Column("start", BigInteger, primary_key=True, comment="nanoseconds since the epoch"),
    Column("spent", BigInteger, nullable=False, comment="nano-dollars"),
)

leases = Table(
    "leases",
    metadata,
    Column("budget_id", String(40), primary_key=True),
    Column("instance", String(160), primary_key=True),
    Column("holder", String(40), primary_key=True, comment="one start of one process"),
    Column("amount", BigInteger, nullable=False, comment="nano-dollars leased, neither settled nor given back"),
    Column("settled_total", BigInteger, nullable=False, comment="what the holder ever reported as spent"),
    Column("opened_at", BigInteger, nullable=False, comment="the holder's first trade"),
    Column("seen_at", BigInteger, nullable=False, comment="its last one"),
    Column("wanted_at", BigInteger, nullable=True, comment="when it last got less than it needed, and still does"),
    Index("leases_by_holder", "holder"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", String(40), primary_key=True, comment="follows from dedupe_key and the time"),
    Column("kind", String(40), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("dedupe_key", String(200), nullable=False, comment="the same for what is told once in its window"),
    Column("at", BigInteger, nullable=False, comment="nanoseconds since the epoch"),
    Column("summary", Text, nullable=False),
    Column("data", Text, nullable=False, comment="JSON object"),
    Index("alerts_by_key", "dedupe_key", "at"),
    Index("alerts_by_time", "at"),
)

alert_deliveries = Table(
    "alert_deliveries",
    metadata,
    Column("alert_id", String(40), primary_key=True),
    Column("webhook", String(128), primary_key=True, comment="its name in the configuration"),
    Column("state", String(16), nullable=False, comment="waiting, delivered or failed"),
    Column("tries", Integer, nullable=False),
    Column("next_try_at", BigInteger, nullable=False),
    Column("give_up_at", BigInteger, nullable=False),
    Column("delivered_at", BigInteger, nullable=True),
    Column("error", Text, nullable=False, comment="why the last try failed"),
    Index("alert_deliveries_due", "webhook", "state", "next_try_at"),
)
