"""`homeport prices`: which price holds, on which day, and where it is from."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Annotated

import msgspec
import typer
from rich import box
from rich.table import Table

from homeport.cli.context import Context, Json
from homeport.config.prices import read_day
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError
from homeport.core.money import format_usd
from homeport.core.types import MachinePrice, Price, TokenPrice
from homeport.ledger.price_book import PriceBook

_PER_PIECE = ("request", "image", "search")
_RATES = tuple(name for name in TokenPrice.__struct_fields__ if name not in {"source", "above", "tiers"})
_PICO_PER_MTOK = Decimal(1_000_000)
_PICO_PER_USD = Decimal(10**12)


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """What a model costs; `price` is None where nothing is known."""

    name: str
    price: Price | None


def register(app: typer.Typer) -> None:
    app.command()(prices)


def prices(
    context: typer.Context,
    model: Annotated[
        str | None, typer.Argument(help="One model: its name here, or a reference such as openai:gpt-5.4.")
    ] = None,
    at: Annotated[str | None, typer.Option(help="On this day (UTC), such as 2026-10-01. Left out: now.")] = None,
    json: Json = False,
) -> None:
    """The prices that hold, and where they are from. Past requests keep the price they were answered at.

    Example: homeport prices openai:gpt-5.4 --at 2026-10-01
    """
    state: Context = context.obj
    when = _time(at)
    listed = list(_listed(state.settings, model, when))
    if json:
        found = [{"model": one.name, **_plain(one.price)} for one in listed]
        state.print_json({"at": when.date().isoformat(), "prices": found})
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("model", overflow="fold")
    for heading in ("in $/Mtok", "cached", "out"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("besides", overflow="fold")
    table.add_column("from", overflow="fold")
    for one in listed:
        table.add_row(one.name, *_cells(one.price), one.price.source if one.price else "no price is known")
    state.console.print(table)


def _time(at: str | None) -> datetime:
    # The end of a day would be as right as its beginning: prices change at midnight.
    if at is None:
        return datetime.now(UTC)
    try:
        return datetime.combine(read_day(at), time(), UTC)
    except ValueError:
        raise ConfigError(f"{at[:64]!r} is not a day", code="day_invalid", hint="write it as 2026-10-01") from None


def _listed(settings: Settings, model: str | None, when: datetime) -> Iterator[Listed]:
    book, known = PriceBook(settings), False
    for target in (target for tier in settings.tiers for target in tier.targets):
        if model is not None and target.public_name != model:
            continue
        known = True
        if target.engine is not None:
            hourly = settings.engines[target.engine].hourly_bill
            yield Listed(name=target.public_name, price=MachinePrice(source=f"hourly:{target.engine}", hourly=hourly))
        else:
            yield Listed(name=target.public_name, price=book.of_target(target, when))
    if model is not None and not known:
        yield Listed(name=model, price=book.find(model, when))


def _plain(price: Price | None) -> Mapping[str, object]:
    if price is None:
        return {"source": None}
    if isinstance(price, MachinePrice):
        return {"source": price.source, "usd_per_hour": format_usd(price.hourly), "slots": price.slots}
    above = [{"above_input_tokens": start, **_rates(longer)} for start, longer in price.above]
    tiers = {name: _plain(tier) for name, tier in price.tiers}
    return {
        "source": price.source,
        **_rates(price),
        **({"above": above} if above else {}),
        **({"service_tiers": tiers} if tiers else {}),
    }


def _rates(price: TokenPrice) -> Mapping[str, str]:
    """Each rate in dollars, for a million tokens or for a piece, exactly."""
    known = {name: rate for name in _RATES if (rate := getattr(price, name)) is not None}
    told = {name: rate for name, rate in known.items() if rate or name not in _PER_PIECE}
    return {_name(name): _usd(name, rate) for name, rate in told.items()}


def _name(rate: str) -> str:
    return f"usd_per_{rate}" if rate in _PER_PIECE else f"{rate}_usd_per_mtok"


def _usd(name: str, rate: int) -> str:
    usd = Decimal(rate) / (_PICO_PER_USD if name in _PER_PIECE else _PICO_PER_MTOK)
    return f"{usd.normalize():f}"


def _cells(price: Price | None) -> tuple[str, str, str, str]:
    if not isinstance(price, TokenPrice):
        return "-", "-", "-", f"{format_usd(price.hourly)} $ an hour" if price else ""
    main = tuple(_usd(name, getattr(price, name)) for name in ("input", "cached_input", "output"))
    rest = [f"{name.replace('_', ' ')} {_usd(name, rate)}" for name in _RATES[3:] if (rate := getattr(price, name))]
    rest += [f"above {start:,} in: {_usd('input', longer.input)}" for start, longer in price.above]
    rest += [f"{name}: {_usd('input', tier.input)}" for name, tier in price.tiers]
    return main[0], main[1], main[2], ", ".join(rest)
