"""`homeport drift probe`: ask an audited model a batch of its probes now."""

import asyncio
import time
from typing import Annotated

import typer

from homeport import bootstrap
from homeport.cli.context import Context, Json
from homeport.cli.drift_baseline import Name
from homeport.cli.progress import CountProgress
from homeport.core.errors import ConfigError
from homeport.drift.baselines import Archive, Asked, Baseline, archive_of, iso
from homeport.drift.live import ask_now, judged


def register(app: typer.Typer) -> None:
    app.command("probe")(probe)


def probe(
    context: typer.Context,
    name: Name,
    batches: Annotated[int, typer.Option(min=1, max=1_000, help="So many, one after the other.")] = 1,
    json: Json = False,
) -> None:
    """Ask a model its probes now, keep the answers as a batch, and say what they tell.

    Example: homeport drift probe auto
    """
    state: Context = context.obj
    archive, made = audited(state, name)
    progress = None if json else CountProgress(state.console)
    asked = asyncio.run(_ask(state, archive, made, batches, progress))
    told = judged(archive)
    assert told is not None
    newest = told["batches"][-1]
    answered = sum(not line.error for line in asked)
    tokens = sum(line.input_tokens + line.output_tokens for line in asked)
    if json:
        state.print_json({"model": name, "asked": len(asked), "answered": answered, "tokens": tokens, **newest})
        return
    state.console.print(f"{answered} of {len(asked)} questions were answered, with {tokens:,} tokens", markup=False)
    state.console.print(
        f"batch {newest['batch']}: {newest['verdict']}, evidence {newest['e_value']:,.1f}", markup=False
    )
    for warning in told["warnings"]:
        state.console.print(warning, markup=False)


def audited(state: Context, name: str) -> tuple[Archive, Baseline]:
    """A model's files. Raises ConfigError, baseline_missing."""
    archive = archive_of(state.home.drift, name)
    made = archive.read()
    if made is None:
        raise ConfigError(
            f"{name} has no baseline", code="baseline_missing", hint=f"make one: homeport drift baseline {name}"
        )
    return archive, made


async def _ask(
    state: Context, archive: Archive, made: Baseline, batches: int, progress: CountProgress | None
) -> list[Asked]:
    def told(done: int, of: int) -> None:
        if progress is not None:
            progress.advance(done)

    lines: list[Asked] = []
    async with bootstrap.open_prober(state.settings, state.home, made.name, made.via) as respond:
        for number in range(batches):
            if progress is not None:
                progress.start(f"Batch {number + 1} of {batches}", len(made.probes) * made.repeats)
            try:
                lines += await ask_now(archive, made, respond, iso(time.time_ns()), told)
            finally:
                if progress is not None:
                    progress.finish()
    return lines
