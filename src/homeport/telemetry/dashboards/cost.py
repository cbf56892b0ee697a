"""Where the money goes, and what is saved of it."""

from homeport.telemetry.dashboards.panel import HERE, Dashboard, Panel, Query, Row, Unit, View, number, total

_COST, _TOKENS = "homeport_cost_nanodollars_total", "homeport_tokens_total"
_SAVED = "homeport_cache_saved_nanodollars_total"
_USED = (
    f"max by (budget) (homeport_budget_spent_usd{{{HERE}}}) / max by (budget) (homeport_budget_limit_usd{{{HERE}}} > 0)"
)
_ANSWERED = total("homeport_requests_total", 'outcome="completed"', by="tier, model")


def _spent(span: str, metric: str = _COST, by: str = "") -> str:
    return f"sum{f' by ({by})' if by else ''} (increase({metric}{{{HERE}}}[{span}])) / 1e9"


def _tokens_each(kind: str) -> Query:
    tokens = total(_TOKENS, f'type="{kind}"', by="tier, model")
    return Query(f"{tokens} / {_ANSWERED}", f"{{{{model}}}} {kind}")


_SUMS = (
    number("Last hour", "What answers cost.", _spent("1h"), Unit.DOLLARS),
    number("Last 24 hours", "What answers cost.", _spent("24h"), Unit.DOLLARS),
    number("Last 7 days", "What answers cost.", _spent("7d"), Unit.DOLLARS),
    number("Last 30 days", "What answers cost.", _spent("30d"), Unit.DOLLARS),
    number("Saved by the cache", "What kept answers would have cost in 24 hours.", _spent("24h", _SAVED), Unit.DOLLARS),
    number(
        "A month at this rate",
        "Thirty times the last 24 hours; `homeport forecast` knows weekdays and growth.",
        f"30 * {_spent('24h')}",
        Unit.DOLLARS,
    ),
)

_SPLIT = (
    Panel(
        title="Dollars an hour by tier",
        what="Own engines cost by the hour of their machines.",
        queries=(Query(f"{total(_COST, by='tier')} * 3600 / 1e9", "{{tier}}"),),
        unit=Unit.DOLLARS,
        stacked=True,
    ),
    Panel(
        title="Dollars an hour by model",
        what="Which models the money goes to.",
        queries=(Query(f"{total(_COST, by='tier, model')} * 3600 / 1e9", "{{tier}} {{model}}"),),
        unit=Unit.DOLLARS,
        stacked=True,
    ),
    Panel(
        title="An answer costs",
        what="Dollars for an answered request, by model.",
        queries=(Query(f"{total(_COST, by='tier, model')} / 1e9 / {_ANSWERED}", "{{tier}} {{model}}"),),
        unit=Unit.DOLLARS,
    ),
    Panel(
        title="Tokens by kind",
        what="Cached input, and input that was written to a cache, are parts of input.",
        queries=(Query(total(_TOKENS, by="type"), "{{type}}"),),
        unit=Unit.TOKENS_PER_SECOND,
    ),
    Panel(
        title="Tokens of an answer",
        what="Input and output, by model; a jump without a new prompt is worth a look.",
        queries=(_tokens_each("input"), _tokens_each("output")),
    ),
)

_BUDGETS = (
    Panel(
        title="Budgets",
        what="Part of each that is used, in its own window; the tightest 200.",
        queries=(Query(_USED, "{{budget}}"),),
        view=View.BARS,
        unit=Unit.SHARE,
        warn=0.8,
        alarm=1.0,
    ),
    Panel(
        title="Requests refused for want of money",
        what="By budget.",
        queries=(Query(total("homeport_budget_refused_total", by="budget"), "{{budget}}"),),
        unit=Unit.PER_SECOND,
    ),
    Panel(
        title="Loops that were stopped",
        what="Agents that went round in circles: what repeated, and what was done.",
        queries=(Query(total("homeport_loop_signals_total", by="signal, level"), "{{signal}} {{level}}"),),
        unit=Unit.PER_SECOND,
    ),
)

COST = Dashboard(
    slug="cost",
    title="Homeport: cost",
    what="Where the money goes, and how the budgets stand. The ledger (`homeport cost`) is what lasts.",
    rows=(
        Row(title="Sums", panels=_SUMS),
        Row(title="Where it goes", panels=_SPLIT),
        Row(title="Bounds", panels=_BUDGETS),
    ),
)
