"""Which price holds: the owner's own, then our tables, then genai-prices' data. Past requests keep theirs."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from fractions import Fraction

import msgspec

from homeport.config.prices import STALE_DAYS, PriceSettings
from homeport.config.schema import ProviderSettings, Settings, TargetSettings
from homeport.core.errors import ConfigError
from homeport.core.types import Price, TokenPrice
from homeport.ledger.genai import api_price, newest_price
from homeport.ledger.price_files import PriceTable, dollars_for, read_tables, written_line, written_price
from homeport.ledger.pricing import with_tier

# Adapters of one API each -> its name at genai-prices. Azure is missing: owners name its deployments as they like.
_LISTED = {
    "anthropic": "anthropic",
    "fireworks": "fireworks",
    "gemini": "google",
    "openai": "openai",
    "replicate": "replicate",
    "together": "together",
}


class Stale(msgspec.Struct, frozen=True, kw_only=True):
    """Something that nobody has looked at for long; `since` is the last day that somebody did."""

    subject: str
    since: date
    mend: str


class PriceBook:
    """The prices of a configuration, on any day.

    Args:
        tables: our own; read from the package where they are left out.
    """

    def __init__(self, settings: Settings, tables: tuple[PriceTable, ...] | None = None) -> None:
        self._settings = settings
        self._tables = read_tables() if tables is None else tables

    def of_target(self, target: TargetSettings, at: datetime) -> Price | None:
        """The price of a remote target: the one that it names, else the list price of its model, if it has one.

        Raises:
            ConfigError: price_unknown, for a reference or a service tier that was written; currency_unknown.
        """
        provider = self._settings.providers[target.upstream]
        reference = target.price or _default_reference(provider, target)
        if reference is None:
            return None
        try:
            price = self.find(reference, at, discount_of(provider, at.astimezone(UTC).date()))
        except ConfigError as error:
            if target.price is not None or error.code != "price_unknown":
                raise
            return None
        return _in_its_tier(price, target)

    def find(self, reference: str, at: datetime, discount: Fraction = Fraction(0)) -> Price:
        """The price of "provider:model" at a time.

        Args:
            discount: the part that a contract takes off list prices; what is written in `prices` is what is paid.

        Raises:
            ConfigError: price_unknown, currency_unknown.
        """
        day = at.astimezone(UTC).date()
        own = written_line(reference, self._settings.prices, day)
        if own is not None:
            return self._written(f"homeport.yaml:{reference}", own, day, Fraction(1))
        listed = written_line(reference, (line for table in self._tables for line in table.prices), day)
        if listed is not None:
            return self._written(f"homeport:{reference}", listed, day, 1 - discount)
        return api_price(reference, at, 1 - discount)

    def _written(self, source: str, line: PriceSettings, day: date, factor: Fraction) -> Price:
        worth = dollars_for(line.currency, self._settings.currencies, day)
        return written_price(source, line, worth * factor)

    def stale(self, today: date) -> Iterable[Stale]:
        """Prices and exchange rates that nobody has looked at for more than `STALE_DAYS`."""
        return (one for one in self._looked_at(today) if (today - one.since).days > STALE_DAYS)

    def _looked_at(self, today: date) -> Iterable[Stale]:
        newest = newest_price(today)
        if newest is not None:
            yield Stale(subject="genai-prices", since=newest, mend="upgrade the package genai-prices")
        for table in self._tables:
            yield Stale(subject=table.source, since=table.checked, mend="upgrade homeport, or write `prices`")
        for line in self._settings.prices:
            holds = line == written_line(line.model, self._settings.prices, today)
            if holds and line.checked is not None:
                yield Stale(subject=line.model, since=line.checked, mend="compare it with its source, renew `checked`")
        for code in sorted({rate.code for rate in self._settings.currencies}):
            begun = [rate.since for rate in self._settings.currencies if rate.code == code and rate.since <= today]
            if begun:
                yield Stale(subject=f"the rate of {code}", since=max(begun), mend="add the rate of today")


def discount_of(provider: ProviderSettings, at: date) -> Fraction:
    """The part that is off the list prices of a provider's models on a day: 0.125 for 12.5 %."""
    begun = [discount for discount in provider.discounts if discount.since <= at]
    newest = max(begun, key=lambda discount: discount.since, default=None)
    return Fraction(newest.percent) / 100 if newest else Fraction(0)


def _default_reference(provider: ProviderSettings, target: TargetSettings) -> str | None:
    listed = _LISTED.get(provider.provider)
    return f"{listed}:{target.model}" if listed else None


def _in_its_tier(price: Price, target: TargetSettings) -> Price:
    if target.service_tier is None:
        return price
    found = with_tier(price, target.service_tier)
    if found is None:
        known = ", ".join(name for name, _ in price.tiers) if isinstance(price, TokenPrice) else ""
        raise ConfigError(
            f"{price.source} has no price for the service tier {target.service_tier!r}",
            code="price_unknown",
            hint=f"it has: {known}" if known else "write `service_tiers` in `prices`",
        )
    return found
