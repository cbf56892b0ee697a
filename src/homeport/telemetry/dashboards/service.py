"""Whether what is promised is kept: objectives, error budgets, times by model."""

from homeport.telemetry.dashboards.panel import HERE, Dashboard, Panel, Query, Row, Unit, View, quantile, total
from homeport.telemetry.rules.requests import model_failures

_NAME = "{{objective}} {{indicator}}"
_OF_MODEL = "{{tier}} {{model}}"


def _of(metric: str, matchers: str = "") -> str:
    """Every gateway of a state folder shows the same."""
    return f"max by (objective, indicator) (homeport_slo_{metric}{{{HERE}{matchers}}})"


def _burn(window: str) -> Query:
    return Query(_of("burn_rate", f', window="{window}"'), f"{_NAME} {window}")


_PROMISED = (
    Panel(
        title="Error budget left",
        what="1 is all of it, 0 none; below 0 more than all is spent.",
        queries=(Query(_of("error_budget_remaining_ratio"), _NAME),),
        view=View.BARS,
        unit=Unit.SHARE,
        warn=0.5,
        alarm=0.1,
        least=None,
    ),
    Panel(
        title="Kept",
        what="Share of the valid requests that were good, over the objective's window, and what is promised.",
        queries=(Query(_of("ratio"), f"{_NAME} kept"), Query(_of("target_ratio"), f"{_NAME} promised")),
        unit=Unit.SHARE,
    ),
    Panel(
        title="Burn rate",
        what="1 uses up the budget in its window. Alerts: 14.4 over an hour, 6 over six hours, 1 over three days.",
        queries=tuple(_burn(window) for window in ("1h", "6h", "3d")),
        warn=1,
        alarm=14.4,
    ),
    Panel(
        title="Good and bad requests",
        what="Of the objective's window.",
        queries=(
            Query(
                f"max by (objective, indicator, result) (homeport_slo_requests{{{HERE}}})", f"{_NAME} {{{{result}}}}"
            ),
        ),
    ),
)

_TIMES = (
    Panel(
        title="Time to the last byte, p95",
        what="By model, with examples whose trace can be looked at.",
        queries=(Query(quantile(0.95, "homeport_request_duration_seconds", by="tier, model"), _OF_MODEL, True),),
        unit=Unit.SECONDS,
    ),
    Panel(
        title="Time to a stream's first token, p95",
        what="By model.",
        queries=(Query(quantile(0.95, "homeport_time_to_first_token_seconds", by="tier, model"), _OF_MODEL, True),),
        unit=Unit.SECONDS,
    ),
    Panel(
        title="Time to the first byte, p95",
        what="By model; for a whole answer the same as to the last.",
        queries=(Query(quantile(0.95, "homeport_time_to_first_byte_seconds", by="tier, model"), _OF_MODEL),),
        unit=Unit.SECONDS,
    ),
    Panel(
        title="Failed, by model",
        what="Part of its calls that failed or broke off; retries and failovers hide them from callers.",
        queries=(Query(model_failures("[$__rate_interval]", f"{HERE}, "), "{{model}}"),),
        unit=Unit.SHARE,
        warn=0.01,
        alarm=0.05,
    ),
)

_HOUSE = (
    Panel(
        title="Alerts that fire",
        what="Of the rules beside this dashboard.",
        queries=(Query('ALERTS{alertname=~"Homeport.*", alertstate="firing"}'),),
        view=View.TABLE,
    ),
    Panel(
        title="Alerts of the last day",
        what="That Homeport raised itself, by kind; `homeport alerts list` has them.",
        queries=(Query(f"max by (kind, severity) (homeport_alerts{{{HERE}}})", "{{kind}} {{severity}}"),),
    ),
    Panel(
        title="Incidents",
        what="Quality that fell, models that changed, prompts that drifted; `homeport incidents list` has them.",
        queries=(Query(f"max by (kind, state) (homeport_incidents{{{HERE}}})", "{{kind}} {{state}}"),),
    ),
    Panel(
        title="Not as usual",
        what="Models, keys or all traffic, by what was measured; `homeport status` says each in one sentence.",
        queries=(Query(f"max by (level, measure) (homeport_unusual{{{HERE}}})", "{{level}} {{measure}}"),),
    ),
    Panel(
        title="Spans",
        what="Requests whose spans were sent, dropped because too many waited, or lost on the way.",
        queries=(
            Query(f"max by (result) (rate(homeport_traced_requests_total{{{HERE}}}[$__rate_interval]))", "{{result}}"),
        ),
        unit=Unit.PER_SECOND,
    ),
    Panel(
        title="Configurations",
        what="Changed ones that were adopted, and those that were refused.",
        queries=(Query(total("homeport_config_reloads_total", by="result"), "{{result}}"),),
    ),
    Panel(
        title="Tasks",
        what="Of the event loop; they grow with requests in progress, and not without.",
        queries=(Query(f"sum by (instance) (homeport_tasks{{{HERE}}})", "{{instance}}"),),
    ),
)

SERVICE = Dashboard(
    slug="service",
    title="Homeport: quality of service",
    what="Whether what is promised is kept: objectives and error budgets, and times and failures by model.",
    rows=(
        Row(title="Objectives", panels=_PROMISED),
        Row(title="Models", panels=_TIMES),
        Row(title="House", panels=_HOUSE),
    ),
)
