"""`homeport drift baseline`: what a model is asked from now on, found on the model itself."""

import asyncio
import secrets
import time
from pathlib import Path
from random import SystemRandom
from typing import Annotated, Any

import msgspec
import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from homeport import bootstrap
from homeport.cli.context import Context, Json, check_text
from homeport.cli.progress import CountProgress
from homeport.drift.baselines import Baseline, archive_of
from homeport.drift.border import WANTED
from homeport.drift.candidates import candidates
from homeport.drift.picks import REPEATS
from homeport.drift.search import AT_ONCE, Found, Method, Search
from homeport.inspection.visible import visible_line

Name = Annotated[str, typer.Argument(callback=check_text, help="A model, as callers of the gateway name it.")]
Via = Annotated[
    str, typer.Option(callback=check_text, help="Ask this provider or engine directly, not through the gateway.")
]
_STEADY_REPEATS = 3
_CANDIDATES = 1_000
_SHOWN = 60


def register(app: typer.Typer) -> None:
    app.command("baseline")(baseline)


def baseline(
    context: typer.Context,
    name: Name,
    via: Via = "",
    wanted: Annotated[int, typer.Option("--probes", min=5, max=200, help="How many border inputs to find.")] = WANTED,
    repeats: Annotated[
        int, typer.Option(min=0, max=100, help="How often each is asked in a batch; 0 for what suits the model.")
    ] = 0,
    method: Annotated[Method | None, typer.Option(help="How to find them; left out, what the model tells.")] = None,
    count: Annotated[int, typer.Option("--candidates", min=40, max=20_000, help="Prompts to try.")] = _CANDIDATES,
    prompts: Annotated[Path | None, typer.Option(help="A file of prompts to try, one a line.")] = None,
    minutes: Annotated[float, typer.Option(min=0.1, max=600, help="Look for nearer ones no longer than this.")] = 8.0,
    at_once: Annotated[int, typer.Option(min=1, max=64, help="Questions in work at a time.")] = AT_ONCE,
    json: Json = False,
) -> None:
    """Find the questions on which a model is nearly undecided: those that it is asked from now on.

    What was recorded of it before is moved aside. Where its answers are drawn at a temperature that cannot be
    changed, it gets questions with many answers instead.

    Example: homeport drift baseline auto
    """
    state: Context = context.obj
    tried = candidates(count, secrets.randbits(32), prompts)
    progress = None if json else CountProgress(state.console)
    began = time.monotonic()
    end = began + 60 * minutes
    totals: dict[str, int] = {}

    def told(done: int, of: int) -> None:
        if progress is not None and totals.setdefault("of", of) >= done:
            progress.advance(done)

    async def find() -> Found:
        async with bootstrap.open_prober(state.settings, state.home, name, via) as respond:
            search = Search(respond, lambda: time.monotonic() > end, told, SystemRandom(), at_once)
            return await search.find(tried, wanted, method)

    if progress is not None:
        progress.start(f"Asking {name}", len(tried) + 9 * wanted)
    try:
        found = asyncio.run(find())
    finally:
        if progress is not None:
            progress.finish()
    made = _baseline(name, via, found, repeats)
    archive_of(state.home.drift, name).begin(made)
    plain = _plain(made, found, time.monotonic() - began)
    if json:
        state.print_json(plain)
    else:
        _show(state, made, plain)


def _baseline(name: str, via: str, found: Found, repeats: int) -> Baseline:
    times = repeats or (_STEADY_REPEATS if found.steady else REPEATS)
    each = found.input_tokens / found.asked if found.asked else 0.0
    return Baseline(
        name=name,
        made_at=time.time_ns(),
        via=via,
        method=found.method,
        steady=found.steady,
        probes=found.probes,
        repeats=times,
        seed=secrets.token_hex(16),
        batch_tokens=round(times * sum(each + probe.tokens for probe in found.probes)),
    )


def _plain(made: Baseline, found: Found, seconds: float) -> dict[str, Any]:
    return {
        "model": made.name,
        "method": made.method.value,
        "steady": made.steady,
        "asked": found.asked,
        "input_tokens": found.input_tokens,
        "output_tokens": found.output_tokens,
        "seconds": round(seconds, 1),
        "repeats": made.repeats,
        "tokens_a_batch": made.batch_tokens,
        "probes": [msgspec.to_builtins(probe) for probe in made.probes],
    }


def _show(state: Context, made: Baseline, plain: dict[str, Any]) -> None:
    table = Table("probe", "prompt", "says", box=box.SIMPLE_HEAD)
    table.add_column("margin", justify="right")
    for probe in made.probes:
        told = "-" if probe.margin is None else f"{probe.margin:.4f}"
        table.add_row(probe.name, *(escape(visible_line(text, _SHOWN)) for text in (probe.prompt, probe.answer)), told)
    state.console.print(table)
    used = plain["input_tokens"] + plain["output_tokens"]
    state.console.print(
        f"{len(made.probes)} probes by {made.method.value}, of {plain['asked']:,} questions with {used:,} tokens, "
        f"in {plain['seconds']:.0f} s",
        markup=False,
    )
    steady = "the same each time" if made.steady else "not the same each time"
    state.console.print(f"asked again, the answers are {steady}; so each probe is asked {made.repeats} times a batch")
    state.console.print(f"a batch a day costs about {made.batch_tokens:,} tokens")
