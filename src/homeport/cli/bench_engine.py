"""`homeport bench engine`: how fast an engine is on this machine, kept as its profile."""

import re
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer
from rich import box
from rich.table import Table

from homeport.bootstrap.engine_api import Engine
from homeport.cli.context import Context, Json
from homeport.config.home import Home
from homeport.core.errors import ConfigError
from homeport.engines.base import Fingerprint
from homeport.engines.speed import Speed, measure

_MOST = 256


class EngineProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of an engine, as it is kept.

    Attributes:
        measured_at: a time in RFC 3339, in UTC.
        prompt_words, tokens: of each request: words that were read, tokens that were written.
    """

    engine: str
    fingerprint: Fingerprint | None
    measured_at: str
    prompt_words: int
    tokens: int
    speeds: tuple[Speed, ...]


def register(app: typer.Typer) -> None:
    app.command()(engine)


def engine(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="An engine of homeport.yaml, or an adapter such as llamacpp.")],
    package: Annotated[str, typer.Option(help="The package to load; left out, the engine's own.")] = "",
    concurrency: Annotated[str, typer.Option(help="Requests at once, such as 1,2,4.")] = "1,2,4",
    prompt_words: Annotated[int, typer.Option(min=1, max=100_000, help="Words of each prompt.")] = 256,
    tokens: Annotated[int, typer.Option(min=2, max=100_000, help="Tokens of each answer.")] = 32,
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="Rounds of each; medians are told.")] = 3,
    json: Json = False,
) -> None:
    """How fast an engine reads and writes, by requests at once. It is started apart from a running `homeport up`.

    The figures are kept in profiles/NAME.json of the state folder.

    Example: homeport bench engine smollm2 --concurrency 1,2,4,8
    """
    state: Context = context.obj
    loads = parse_concurrency(concurrency)
    with Engine(name, config=state.explicit_config).load(package or None) as running:
        measure(
            running.client, running.model, 1, prompt_words=8, tokens=4, rounds=1, seed=1
        )  # the first is never typical
        speeds = [
            measure(running.client, running.model, load, prompt_words=prompt_words, tokens=tokens, rounds=rounds)
            for load in loads
        ]
        fingerprint = running.endpoint.fingerprint
    profile = EngineProfile(
        engine=name,
        fingerprint=fingerprint,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        prompt_words=prompt_words,
        tokens=tokens,
        speeds=tuple(speeds),
    )
    keep(state.home, profile)
    if json:
        state.print_json(profile)
    else:
        state.console.print(_table(profile))


def parse_concurrency(text: str) -> list[int]:
    """Whole numbers with commas. Raises ConfigError."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and 0 < int(part[:9]) <= _MOST for part in parts):
        raise ConfigError(
            f"{ascii(text)[:80]} are not numbers from 1 to {_MOST}",
            code="concurrency_invalid",
            hint="write them with commas: --concurrency 1,2,4",
        )
    return sorted({int(part) for part in parts})


def keep(home: Home, profile: EngineProfile) -> None:
    """Write it where what plans capacity finds it; whole or not at all."""
    home.profiles.mkdir(mode=0o700, exist_ok=True)
    name = re.sub(r"[^A-Za-z0-9._-]", "_", profile.engine)
    place, draft = home.profiles / f"{name}.json", home.profiles / f"{name}.draft"
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(profile), indent=2) + b"\n")
    draft.replace(place)


def _table(profile: EngineProfile) -> Table:
    build = profile.fingerprint.build if profile.fingerprint else ""
    table = Table(title=f"{profile.engine} ({build or 'unknown build'})", box=box.SIMPLE)
    for column in ("at once", "reads tokens/s", "writes tokens/s", "each caller", "first token"):
        table.add_column(column, justify="right")
    for speed in profile.speeds:
        table.add_row(
            str(speed.concurrency),
            f"{speed.prefill_tokens_per_s:.0f}",
            f"{speed.decode_tokens_per_s:.1f}",
            f"{speed.answer_tokens_per_s:.1f}",
            f"{speed.ttft_ms:.0f} ms",
        )
    return table
