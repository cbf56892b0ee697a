"""What kept answers save, and whether they are right."""

from homeport.telemetry.dashboards.panel import HERE, Dashboard, Panel, Query, Row, Unit, number, quantile, total

_ASKED, _ERRANDS = "homeport_cache_requests_total", "homeport_cache_errands_total"
_SAVED = "homeport_cache_saved_nanodollars_total"
_HITS = total(_ASKED, 'kind!="miss"')
_CHECKED = total(_ERRANDS, 'kind="check", result=~"right|wrong"')
_WRONG = total(_ERRANDS, 'kind="check", result="wrong"')
_LOOKUP = "homeport_cache_lookup_seconds"

_NOW = (
    number("Hit rate", "Part of the requests that asked it.", f"({_HITS} or vector(0)) / {total(_ASKED)}", Unit.SHARE),
    number(
        "Saved in 24 hours",
        "What kept answers would have cost.",
        f"sum(increase({_SAVED}{{{HERE}}}[24h])) / 1e9",
        Unit.DOLLARS,
    ),
    number("Entries", "That the gateways know.", f"max(homeport_cache_entries{{{HERE}}})", Unit.COUNT),
    number("Memory", "Of answers that a process holds.", f"max(homeport_cache_memory_bytes{{{HERE}}})", Unit.BYTES),
    number("Lookup", "p95 until it is known what is kept.", quantile(0.95, _LOOKUP), Unit.SECONDS),
    number(
        "Wrong",
        "Part of the answers that were checked in the background.",
        f"({_WRONG} or vector(0)) / {_CHECKED}",
        Unit.SHARE,
        warn=0.01,
        alarm=0.02,
    ),
)

_USE = (
    Panel(
        title="Requests that asked it",
        what="A hit is the same question, semantic one that means the same.",
        queries=(Query(total(_ASKED, by="kind"), "{{kind}}"),),
        unit=Unit.PER_SECOND,
        stacked=True,
    ),
    Panel(
        title="Passed by",
        what="Requests of cached routes that it had nothing to do with, by reason.",
        queries=(Query(total("homeport_cache_bypassed_total", by="reason"), "{{reason}}"),),
        unit=Unit.PER_SECOND,
        stacked=True,
    ),
    Panel(
        title="Dollars saved an hour",
        what="In no cost.",
        queries=(Query(f"{total(_SAVED)} * 3600 / 1e9"),),
        unit=Unit.DOLLARS,
    ),
    Panel(
        title="Checked and judged",
        what="What it asked in the background, and what came of it.",
        queries=(Query(total(_ERRANDS, by="kind, result"), "{{kind}} {{result}}"),),
        unit=Unit.PER_SECOND,
    ),
)

_SIZE = (
    Panel(
        title="Kept",
        what="Bytes of all entries, and of those that a process holds.",
        queries=(
            Query(f"max(homeport_cache_bytes{{{HERE}}})", "all"),
            Query(f"max by (instance) (homeport_cache_memory_bytes{{{HERE}}})", "held at {{instance}}"),
        ),
        unit=Unit.BYTES,
    ),
    Panel(
        title="Flights",
        what="Requests upstream for whose answers others wait.",
        queries=(Query(f"sum(homeport_cache_flights{{{HERE}}})"),),
    ),
)

CACHE = Dashboard(
    slug="cache",
    title="Homeport: cache",
    what="What kept answers save, and whether they are right.",
    rows=(
        Row(title="Now", panels=_NOW),
        Row(title="Use", panels=_USE),
        Row(title="Size", panels=_SIZE),
    ),
)
