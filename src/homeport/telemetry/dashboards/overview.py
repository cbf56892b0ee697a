"""Is it well, how fast is it, and what does it cost?"""

from homeport.telemetry.dashboards.panel import (
    HERE,
    Dashboard,
    Panel,
    Query,
    Row,
    Unit,
    number,
    quantile,
    quantiles,
    total,
)

_REQUESTS, _COST = "homeport_requests_total", "homeport_cost_nanodollars_total"
_DURATION, _FIRST_TOKEN = "homeport_request_duration_seconds", "homeport_time_to_first_token_seconds"
_ALL = total(_REQUESTS)
_ANSWERED = total(_REQUESTS, 'outcome="completed"')
_FAILED = total(_REQUESTS, 'outcome="failed"')
_ENDED = total(_REQUESTS, 'outcome=~"completed|failed"')

_NOW = (
    number("Requests a second", "Requests that ended, of every outcome.", _ALL, Unit.PER_SECOND),
    number(
        "Failed",
        "Part of the requests that could be answered and were not.",
        f"({_FAILED} or vector(0)) / {_ENDED}",
        Unit.SHARE,
        warn=0.01,
        alarm=0.05,
    ),
    number("p95", "Request to last byte.", quantile(0.95, _DURATION), Unit.SECONDS),
    number("p95 of first tokens", "Request to a stream's first byte.", quantile(0.95, _FIRST_TOKEN), Unit.SECONDS),
    number(
        "Spent in 24 hours",
        "What the answers of the last day cost, those of own engines included.",
        f"sum(increase({_COST}{{{HERE}}}[24h])) / 1e9",
        Unit.DOLLARS,
    ),
    number("An answer costs", "Dollars for an answered request.", f"{total(_COST)} / 1e9 / {_ANSWERED}", Unit.DOLLARS),
)

_TRAFFIC = (
    Panel(
        title="Requests by outcome",
        what="Rejected ones are the caller's fault, failed ones are ours or an upstream's.",
        queries=(Query(total(_REQUESTS, by="outcome"), "{{outcome}}"),),
        unit=Unit.PER_SECOND,
        stacked=True,
    ),
    Panel(
        title="Answers by tier",
        what="Which tier answered: how traffic is split.",
        queries=(Query(total(_REQUESTS, 'outcome="completed"', by="tier"), "{{tier}}"),),
        unit=Unit.PER_SECOND,
        stacked=True,
    ),
    Panel(
        title="Time to the last byte",
        what="Of all answers, with examples whose trace can be looked at.",
        queries=quantiles(_DURATION),
        unit=Unit.SECONDS,
    ),
    Panel(
        title="Time to the first token",
        what="Of all streams.",
        queries=quantiles(_FIRST_TOKEN),
        unit=Unit.SECONDS,
    ),
)

_WRONG = (
    Panel(
        title="Errors by code",
        what="docs/reference/errors.md says what each means and what to do.",
        queries=(Query(total("homeport_errors_total", by="code"), "{{code}}"),),
        unit=Unit.PER_SECOND,
        stacked=True,
    ),
    Panel(
        title="Calls of upstreams that gave no answer",
        what="By model and code; retries and failovers hide them from callers.",
        queries=(
            Query(total("homeport_upstream_attempts_total", 'error!=""', by="model, error"), "{{model}} {{error}}"),
        ),
        unit=Unit.PER_SECOND,
        stacked=True,
    ),
    Panel(
        title="Refused before they had a key",
        what="Without a key, or with a wrong one.",
        queries=(Query(total("homeport_refused_total", by="code"), "{{code}}"),),
        unit=Unit.PER_SECOND,
    ),
    Panel(
        title="In progress",
        what="Requests that are being answered, and connections to upstreams.",
        queries=(
            Query(f"sum(homeport_requests_in_flight{{{HERE}}})", "requests"),
            Query(f"sum(homeport_upstream_connections{{{HERE}}})", "connections"),
        ),
    ),
)

OVERVIEW = Dashboard(
    slug="overview",
    title="Homeport: overview",
    what="Traffic, failures, times and money of the chosen gateways.",
    rows=(
        Row(title="Now", panels=_NOW),
        Row(title="Traffic", panels=_TRAFFIC),
        Row(title="What goes wrong", panels=_WRONG),
    ),
)
