"""What a machine of your own costs an hour: rent, or purchase, power and the people who keep it."""

from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from homeport.config.fields import Dollars, Whole
from homeport.config.prices import Amount
from homeport.config.section import Section
from homeport.core.money import NANO_PER_USD, Nano, amount_of

_WATTS_PER_KW = 1_000


def _check_pue(pue: Decimal) -> Decimal:
    if not 1 <= pue <= 10:
        raise ValueError("should be from 1 to 10: all power of the building over that of its machines")
    return pue


class MachineSettings(Section):
    """What a pool's machines cost an hour, all parts added."""

    hourly_cost: Dollars = Field(
        alias="hourly_cost_usd",
        description='What one hour of the machine costs, an exact decimal such as "0.05": its rent. '
        "Write 0 to count it as free, or where you bought it and write the rest below.",
    )
    purchase: Dollars = Field(default=Nano(0), alias="purchase_usd", description="What it was bought for.")
    lifetime_hours: Whole | None = Field(
        default=None, ge=1, le=1_000_000, description="Hours over which the purchase is spread; three years are 26280."
    )
    power_watts: Whole = Field(default=0, ge=0, le=10_000_000, description="What it draws, on average, in watts.")
    pue: Annotated[Amount, AfterValidator(_check_pue)] = Field(
        default=Decimal(1), description="Power usage effectiveness: what cooling and the rest add; 1 adds nothing."
    )
    kwh: Amount = Field(default=Decimal(0), alias="usd_per_kwh", description="What a kilowatt-hour costs, in dollars.")
    staff: Dollars = Field(
        default=Nano(0), alias="staff_usd_per_hour", description="Its share of the people who keep it, an hour."
    )
    paid_while_down: bool = Field(
        default=False,
        description="The machine costs this also while Homeport does not run: the hours between two runs are billed, "
        "as idle. Leave it false for a machine that is given back, or switched off, with Homeport.",
    )

    @model_validator(mode="after")
    def _spread(self) -> "MachineSettings":
        if (self.purchase > 0) != (self.lifetime_hours is not None):
            raise ValueError("write both purchase_usd and lifetime_hours, or neither")
        if (self.power_watts > 0) != (self.kwh > 0):
            raise ValueError("write both power_watts and usd_per_kwh, or neither")
        return self

    @property
    def hourly_bill(self) -> Nano:
        """All of it, in nano-dollars an hour, rounded half up once."""
        bought = Fraction(self.purchase, NANO_PER_USD * (self.lifetime_hours or 1))
        power = Fraction(self.power_watts, _WATTS_PER_KW) * Fraction(self.pue) * Fraction(self.kwh)
        return amount_of(Fraction(self.hourly_cost + self.staff, NANO_PER_USD) + bought + power)
