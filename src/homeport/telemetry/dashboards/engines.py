"""Own engines: what Homeport sees of them, and what they tell of themselves."""

from homeport.telemetry.dashboards.panel import HERE, Dashboard, Panel, Query, Row, Unit, View, quantile, total

_NAME = "{{upstream}}"
_READ, _CACHED = (
    total("homeport_tokens_total", f'type="{kind}"', by="tier, model") for kind in ("input", "cached_input")
)


def _told(title: str, what: str, record: str, unit: Unit = Unit.COUNT, stacked: bool = False) -> Panel:
    """What engines tell of themselves, under the name that the recording rules give it."""
    query = Query(f"sum by (upstream) ({record}{{{HERE}}})", _NAME)
    return Panel(title=title, what=what, queries=(query,), unit=unit, stacked=stacked)


_HEALTH = (
    Panel(
        title="Answers its health check",
        what="1 while it does.",
        queries=(Query(f"min by (upstream) (homeport_upstream_ready{{{HERE}}})", _NAME),),
        view=View.BARS,
        unit=Unit.YES_NO,
        width=8,
        warn=1,
        alarm=0.5,
    ),
    Panel(
        title="Places",
        what="Requests that an engine may work on at once, and those that it works on.",
        queries=(
            Query(f"sum by (upstream) (homeport_engine_places{{{HERE}}})", "{{upstream}} places"),
            Query(f"sum by (upstream) (homeport_engine_in_use{{{HERE}}})", "{{upstream}} in use"),
        ),
        width=8,
    ),
    Panel(
        title="Waiting at the gateway",
        what="Requests that have no place yet.",
        queries=(Query(f"sum by (upstream) (homeport_engine_waiting{{{HERE}}})", _NAME),),
        width=8,
    ),
    Panel(
        title="Wait for a place",
        what="p95 of the requests that got one.",
        queries=(Query(quantile(0.95, "homeport_engine_queue_wait_seconds", by="upstream"), _NAME),),
        unit=Unit.SECONDS,
    ),
    Panel(
        title="Time to the first token",
        what="p95 as callers of streams see it, the wait for a place included.",
        queries=(Query(quantile(0.95, "homeport_engine_time_to_first_token_seconds", by="pool"), "{{pool}}"),),
        unit=Unit.SECONDS,
    ),
)

_WORK = (
    _told("Tokens read", "Of prompts.", "homeport:engine_tokens_read:rate5m", Unit.TOKENS_PER_SECOND, stacked=True),
    _told(
        "Tokens written", "Of answers.", "homeport:engine_tokens_written:rate5m", Unit.TOKENS_PER_SECOND, stacked=True
    ),
    _told("Requests it works on", "As it says itself.", "homeport:engine_requests_running"),
    _told(
        "Requests in its own queue",
        "Behind the gateway's; short where admission is on.",
        "homeport:engine_requests_waiting",
    ),
)

_MEMORY = (
    _told(
        "Memory for what it has read",
        "Part that is used; vLLM tells it.",
        "homeport:engine_kv_cache_used:ratio",
        Unit.SHARE,
    ),
    _told(
        "Found in the prefix cache",
        "Part of the tokens of prompts that it had read before; vLLM tells it.",
        "homeport:engine_prefix_cache_hit:ratio5m",
        Unit.SHARE,
    ),
    Panel(
        title="First token, as the engine sees it",
        what="p95, without the wait at the gateway; vLLM tells it.",
        queries=(
            Query(
                f'max by (upstream) (homeport:engine_time_to_first_token_seconds:p95_5m{{{HERE}, seen_from="engine"}})',
                _NAME,
            ),
        ),
        unit=Unit.SECONDS,
    ),
    Panel(
        title="Prompts that were cached, by model",
        what="Cached input of all input, of every tier.",
        queries=(Query(f"{_CACHED} / {_READ}", "{{tier}} {{model}}"),),
        unit=Unit.SHARE,
    ),
)

ENGINES = Dashboard(
    slug="engines",
    title="Homeport: engines",
    what="Own engines, at the gateway and inside; the inside needs the job homeport-engines and the recording rules.",
    rows=(
        Row(title="At the gateway", panels=_HEALTH),
        Row(title="Work", panels=_WORK),
        Row(title="Memory and first tokens", panels=_MEMORY),
    ),
)
