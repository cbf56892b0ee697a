"""`homeport bench loops`: recorded agents through the loop guard."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from homeport.cli.context import Context, Json
from homeport.config.loops import LoopSettings
from homeport.core.errors import ConfigError
from homeport.core.money import Nano, charge, format_usd
from homeport.core.types import TokenPrice
from homeport.ledger.genai import api_price
from homeport.ledger.loops.recordings import MOST_BYTES, read_recordings
from homeport.ledger.loops.replay import Outcome, Priced, replay

_OTHERWISE = "openai:gpt-4o"


def register(app: typer.Typer) -> None:
    app.command()(loops)


def loops(
    context: typer.Context,
    trace: Annotated[list[Path], typer.Option(help="A recording: an OpenTelemetry trace, or turns as JSON lines.")],
    replays: Annotated[int, typer.Option(min=1, max=10_000, help="How often each is run, a little different.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the differences.")] = 0,
    json: Json = False,
) -> None:
    """Replay recorded agents and say which the loop guard would stop, at which call and why.

    The file is a trace with gen_ai.* attributes ({trace_id, spans} or OTLP's JSON), or JSON lines of
    {conversation_id, turn, role, content}. Thresholds are those of the defaults.

    Example: homeport bench loops --trace agent.json --replays 20
    """
    state: Context = context.obj
    priced = _prices(datetime.now(UTC))
    told = []
    for path in trace:
        outcomes = replay(read_recordings(_read(path), str(path)), replays, seed, priced, LoopSettings())
        told.append(_plain(path, replays, outcomes))
        if not json:
            _show(state, path, replays, outcomes)
    if json:
        state.print_json(told[0] if len(told) == 1 else told)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}", code="recording_invalid", hint="--trace names a file"
        ) from error


def _prices(now: datetime) -> Priced:
    """List prices; a model that has none is priced as gpt-4o."""

    @cache
    def price_of(model: str) -> TokenPrice:
        try:
            return api_price(f"openai:{model}" if ":" not in model else model, now)
        except ConfigError:
            return api_price(_OTHERWISE, now)

    def priced(model: str, asked: int, told: int) -> Nano:
        price = price_of(model or _OTHERWISE)
        return charge(((asked, price.input), (told, price.output)))

    return priced


def _plain(path: Path, replays: int, outcomes: list[Outcome]) -> dict[str, Any]:
    runs = replays * len(outcomes)
    stops = [
        {
            "trace": stop.trace,
            "replay": stop.replay,
            "call": stop.call,
            "level": stop.level,
            "signal": stop.signal,
            "what": stop.what,
            "cost_usd": format_usd(stop.cost),
        }
        for outcome in outcomes
        for stop in outcome.stops
    ]
    return {
        "file": str(path),
        "replays": replays,
        "traces": len(outcomes),
        "calls": sum(outcome.calls for outcome in outcomes),
        "warned": sum(outcome.warned for outcome in outcomes),
        "stops": stops,
        "stop_rate": len(stops) / runs,
        "false_stop_rate": len(stops) / runs,
        "cost_usd": format_usd(sum(outcome.cost for outcome in outcomes)),
    }


def _show(state: Context, path: Path, replays: int, outcomes: list[Outcome]) -> None:
    table = Table(title=f"{path}: {replays} replays each", box=box.SIMPLE_HEAD, title_justify="left")
    for name in ("trace", "calls", "warned", "stopped", "at call"):
        table.add_column(name, justify="left" if name == "trace" else "right")
    table.add_column("why", overflow="fold")
    for outcome in outcomes:
        stops = outcome.stops
        calls = sorted({stop.call for stop in stops})
        shown = "" if not calls else str(calls[0]) if len(calls) == 1 else f"{calls[0]}-{calls[-1]}"
        why = stops[0].what if stops else ""
        table.add_row(outcome.name, str(outcome.calls), str(outcome.warned), str(len(stops)), shown, why)
    state.console.print(table, markup=False)
    stopped, runs = sum(len(outcome.stops) for outcome in outcomes), replays * len(outcomes)
    cost = format_usd(sum(outcome.cost for outcome in outcomes))
    state.console.print(f"{stopped} of {runs} replays stopped ({stopped / runs:.1%}); ${cost}", markup=False)
