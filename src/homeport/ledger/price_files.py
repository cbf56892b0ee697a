"""Our own price tables, `prices/*.yaml`: for what genai-prices lacks. Read at start, never on the request path."""

from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files

import msgspec
import yaml

from homeport.core.money import Nano, PicoRate, parse_usd, rate_per_million
from homeport.core.types import MachinePrice, Price, TokenPrice

_SECONDS_PER_HOUR = 3600


class PriceLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One price of one model, in dollars: per million tokens, or per second of work.

    Attributes:
        since: the day it begins to hold, in UTC; the latest one that has begun holds.
    """

    model: str
    since: str = msgspec.field(name="from")
    input_mtok_usd: str = ""
    cached_input_mtok_usd: str = ""
    output_mtok_usd: str = ""
    second_usd: str = ""


class PriceFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    provider: str
    prices: list[PriceLine]


def own_price(reference: str, at: datetime) -> Price | None:
    """Our price for "provider:model" on a day; None where we have none.

    A price per second is a machine's price: what a second costs, an hour costs 3600 times.
    """
    provider, _, model = reference.partition(":")
    lines = [line for table in read_files() if table.provider == provider for line in table.prices]
    begun = [line for line in lines if line.model == model and _begins(line) <= at]
    return _price(f"homeport:{reference}", max(begun, key=_begins)) if begun else None


def read_files() -> list[PriceFile]:
    """Every table that is shipped."""
    folder = files("homeport.ledger") / "prices"
    tables = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".yaml")), key=lambda entry: entry.name)
    return [msgspec.convert(yaml.safe_load(table.read_text(encoding="utf-8")), PriceFile) for table in tables]


def _begins(line: PriceLine) -> datetime:
    return datetime.fromisoformat(line.since).replace(tzinfo=UTC)


def _price(source: str, line: PriceLine) -> Price:
    if line.second_usd:
        return MachinePrice(source=source, hourly=Nano(parse_usd(line.second_usd) * _SECONDS_PER_HOUR))
    return TokenPrice(
        source=source,
        input=_rate(line.input_mtok_usd),
        cached_input=_rate(line.cached_input_mtok_usd or line.input_mtok_usd),
        output=_rate(line.output_mtok_usd),
    )


def _rate(usd: str) -> PicoRate:
    return rate_per_million(Decimal(usd))
