"""What a machine costs an hour, all parts added."""

from typing import Any

import pytest
from pydantic import ValidationError

from homeport.config.schema import EngineSettings


def bill(**fields: Any) -> int:
    return EngineSettings.model_validate({"engine": "llamacpp", "hourly_cost_usd": "0", **fields}).hourly_bill


def test_rent_alone() -> None:
    assert bill(hourly_cost_usd="2.50") == 2_500_000_000


def test_a_machine_that_was_bought() -> None:
    # 26,280 / 26,280 h + 700 W x 1.4 x 0.25 a kWh + 0.50 = 1 + 0.245 + 0.50 dollars an hour.
    parts = {"purchase_usd": "26280", "lifetime_hours": 26_280, "power_watts": 700, "pue": "1.4", "usd_per_kwh": "0.25"}
    assert bill(**parts, staff_usd_per_hour="0.50") == 1_745_000_000


def test_it_is_rounded_once_half_up() -> None:
    assert bill(purchase_usd="0.000000001", lifetime_hours=2) == 1
    assert bill(purchase_usd="0.000000001", lifetime_hours=3) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"purchase_usd": "1000"},
        {"lifetime_hours": 1000},
        {"power_watts": 100},
        {"usd_per_kwh": "0.2"},
        {"pue": "0.9"},
        {"pue": "11"},
        {"pue": "NaN"},
        {"power_watts": -1, "usd_per_kwh": "0.2"},
        {"purchase_usd": "1", "lifetime_hours": 0},
        {"staff_usd_per_hour": "-1"},
        {"staff_usd_per_hour": 0.5},
        {"hourly_cost_usd": None},
    ],
)
def test_what_is_no_machine(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        bill(**fields)
