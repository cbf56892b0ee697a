"""Prices that somebody wrote: our own tables, `prices/*.yaml`, and the section `prices` of homeport.yaml.

Read at start, never on the request path.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from importlib.resources import files

from msgspec import convert, structs
from pydantic import Field, ValidationError

from homeport.config.document import read
from homeport.config.prices import USD, CurrencySettings, Day, PriceSettings
from homeport.config.section import Section
from homeport.core.errors import ConfigError
from homeport.core.money import PicoRate, amount_of, rate_of
from homeport.core.types import MachinePrice, Price, TokenPrice

# Names in the file -> our rates, and how many units an amount is for.
_RATES = {
    "input_per_mtok": ("input", 1_000_000),
    "cached_input_per_mtok": ("cached_input", 1_000_000),
    "cache_write_per_mtok": ("cache_write", 1_000_000),
    "cache_write_1h_per_mtok": ("long_cache_write", 1_000_000),
    "audio_input_per_mtok": ("audio_input", 1_000_000),
    "cached_audio_input_per_mtok": ("cached_audio_input", 1_000_000),
    "image_input_per_mtok": ("image_input", 1_000_000),
    "output_per_mtok": ("output", 1_000_000),
    "audio_output_per_mtok": ("audio_output", 1_000_000),
    "image_output_per_mtok": ("image_output", 1_000_000),
    "per_request": ("request", 1),
    "per_image": ("image", 1),
    "per_search": ("search", 1),
}


class PriceTable(Section):
    """One of our own tables.

    Attributes:
        checked: the day on which somebody last compared it with its source.
    """

    source: str = Field(min_length=1)
    checked: Day
    prices: tuple[PriceSettings, ...]


def read_tables() -> tuple[PriceTable, ...]:
    """Every table that is shipped."""
    folder = files("homeport.ledger") / "prices"
    tables = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".yaml")), key=lambda entry: entry.name)
    return tuple(read_table(table.name, table.read_bytes()) for table in tables)


def read_table(name: str, data: bytes) -> PriceTable:
    """A table from a file's bytes. Raises ConfigError (price_table_invalid)."""
    document = read(data, name, {})
    try:
        return PriceTable.model_validate(document.data)
    except ValidationError as error:
        raise ConfigError(f"{name}: {error}", code="price_table_invalid") from error


def written_line(reference: str, lines: Iterable[PriceSettings], at: date) -> PriceSettings | None:
    """The line that holds for "provider:model" on a day (UTC); None where none has begun."""
    begun = [line for line in lines if line.model == reference and line.since <= at]
    return max(begun, key=lambda line: line.since, default=None)


def written_price(source: str, line: PriceSettings, factor: Fraction) -> Price:
    """A line as a price.

    A price per second is a machine's price: what a second costs, an hour costs 3600 times.

    Args:
        factor: dollars for one unit of the line's currency, less a discount.
    """
    if line.per_second is not None:
        return MachinePrice(source=source, hourly=amount_of(Fraction(line.per_second) * factor * 3600))
    if line.per_hour is not None:
        return MachinePrice(source=source, hourly=amount_of(Fraction(line.per_hour) * factor), slots=line.slots)
    plain = {"input_per_mtok": Decimal(0), "output_per_mtok": Decimal(0), **line.amounts()}
    base = _flat(source, plain, factor)
    above = tuple((step.input_tokens, _flat(source, {**plain, **step.amounts()}, factor)) for step in line.above)
    tiers = tuple(
        (name, _flat(f"{source}@{name}", {**plain, **rates.amounts()}, factor))
        for name, rates in line.service_tiers.items()
    )
    return structs.replace(base, above=above, tiers=tiers)


def dollars_for(code: str, currencies: Sequence[CurrencySettings], at: date) -> Fraction:
    """What one unit of a currency is worth on a day. Raises ConfigError (currency_unknown)."""
    if code == USD:
        return Fraction(1)
    begun = [rate for rate in currencies if rate.code == code and rate.since <= at]
    if not begun:
        hint = f"write it: currencies: [{{code: {code}, usd: ...}}]"
        raise ConfigError(f"no exchange rate of {code} holds on {at}", code="currency_unknown", hint=hint)
    return Fraction(max(begun, key=lambda rate: rate.since).value)


def _flat(source: str, amounts: Mapping[str, Decimal], factor: Fraction) -> TokenPrice:
    rates: dict[str, PicoRate] = {}
    for name, amount in amounts.items():
        rate, units = _RATES[name]
        rates[rate] = rate_of(amount, units, factor)
    rates.setdefault("cached_input", rates["input"])
    return convert({"source": source, **rates}, TokenPrice)
