"""The options of every command over requests: which of them."""

import time
from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any

import typer

from homeport.cli.context import check_text
from homeport.cli.spans import seconds_of
from homeport.core.errors import ConfigError
from homeport.core.money import parse_usd
from homeport.ledger.moments import moment_ns
from homeport.storage.request_filter import RequestFilter

_NS = 1_000_000_000
_MOST_USD = 9_000_000_000


def _word(help_: str, *names: str) -> typer.models.OptionInfo:
    info: typer.models.OptionInfo = typer.Option(*names, callback=check_text, help=help_)
    return info


Since = Annotated[str, _word("From 30m, 24h, 7d, ... ago, or from this day or time in UTC.")]
Until = Annotated[str, _word("To just before that long ago, or that day or time in UTC.")]
Key = Annotated[str, _word("Only of the key with this id.")]
Project = Annotated[str, _word("Only of this project and what is below it.")]
Target = Annotated[str, _word("Only what this model answered, by its public name.")]
Model = Annotated[str, _word("Only what this model answered, by its name upstream.")]
Tier = Annotated[str, _word("Only what this tier answered.")]
Route = Annotated[str, _word("Only with this reason, such as static:local.")]
Outcome = Annotated[str, _word("Only completed, rejected, failed or cancelled ones.")]
Status = Annotated[int, typer.Option(min=0, max=999, help="Only with this HTTP status.")]
Error = Annotated[str, _word("Only with this error code.")]
Cache = Annotated[str, _word("Only where the cache said miss, hit, semantic or alias.")]
User = Annotated[str, _word("Only of this end user.")]
Trace = Annotated[str, _word("Only of this trace.", "--trace")]
MinCost = Annotated[str, _word("Only from so many dollars up.", "--min-cost-usd")]
MinLatency = Annotated[float, typer.Option("--min-latency", min=0, max=1e6, help="Only from so many seconds up.")]


def read_wanted(
    *,
    since: Since = "",
    until: Until = "",
    key: Key = "",
    project: Project = "",
    target: Target = "",
    model: Model = "",
    tier: Tier = "",
    route: Route = "",
    outcome: Outcome = "",
    status: Status = 0,
    error: Error = "",
    cache: Cache = "",
    user: User = "",
    trace: Trace = "",
    min_cost: MinCost = "",
    min_latency: MinLatency = 0.0,
) -> RequestFilter:
    """What the options say. Raises ConfigError."""
    start, end = _moment(since, "since"), _moment(until, "until")
    if end and start >= end:
        raise ConfigError(
            "no time is between --since and --until", code="period_invalid", hint="--since before --until"
        )
    return RequestFilter(
        since=start,
        until=end,
        key_id=key,
        project=project,
        target=target,
        model=model,
        tier=tier,
        route=route,
        outcome=outcome,
        status=status,
        error=error,
        cache=cache,
        end_user=user,
        trace_id=trace,
        min_cost=_nano(min_cost),
        min_latency_ns=round(min_latency * _NS),
    )


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """The same command with the options of `read_wanted`, whose answer it gets as `wanted`."""
    own = [one for one in signature(command, eval_str=True).parameters.values() if one.name != "wanted"]
    options = [*signature(read_wanted, eval_str=True).parameters.values()]

    @wraps(command)
    def run(**given: Any) -> None:
        said = {option.name: given.pop(option.name) for option in options}
        command(**given, wanted=read_wanted(**said))

    parameters = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in (*own, *options)]
    vars(run)["__signature__"] = signature(command).replace(parameters=parameters)
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def _moment(text: str, name: str) -> int:
    """A span before now, or a moment; 0 where nothing is said."""
    seconds = seconds_of(text)
    if seconds is not None:
        return max(0, time.time_ns() - seconds * _NS)
    return moment_ns(text or None, name) or 0


def _nano(text: str) -> int:
    try:
        amount = parse_usd(text or "0")
    except ValueError as error:
        raise _no_amount(text) from error
    if not 0 <= amount <= _MOST_USD * _NS:
        raise _no_amount(text)
    return amount


def _no_amount(text: str) -> ConfigError:
    return ConfigError(
        f"{text[:64]!r} is not an amount of dollars", code="amount_invalid", hint="write --min-cost-usd 0.05"
    )
