"""Charges as lines of FOCUS, the FinOps Open Cost and Usage Specification, version 1.2.

https://focus.finops.org/focus-specification/v1-2/. Columns of our own begin with `x_`, as it asks. What the ledger
does not know (invoices, regions) is null, which is an empty cell. Columns that must not be null and that a gateway
has nothing to say in are left out, as it allows: a line's tokens have several prices, so it has no unit price.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

from homeport.core.money import format_usd
from homeport.ledger.engine_lines import Charge, Idle
from homeport.ledger.months import Month
from homeport.storage.rollups import HOUR

COLUMNS = (
    *("AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingAccountType"),
    *("BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "CapacityReservationId"),
    *("CapacityReservationStatus", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency"),
    *("ChargePeriodEnd", "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit", "ContractedCost", "EffectiveCost"),
    *("InvoiceId", "InvoiceIssuerName", "ListCost", "PricingCategory", "PricingQuantity", "PricingUnit"),
    *("ProviderName", "PublisherName", "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType"),
    *("ServiceCategory", "ServiceName", "ServiceSubcategory", "SkuId", "SkuMeter"),
    *("SubAccountId", "SubAccountName", "SubAccountType", "Tags"),
    *("x_Requests", "x_InputTokens", "x_CachedInputTokens", "x_CacheWriteTokens", "x_OutputTokens"),
    *("x_ReasoningTokens", "x_Outcome", "x_LedgerCost"),
)
_COUNTS = {
    "x_Requests": "requests",
    "x_InputTokens": "input_tokens",
    "x_CachedInputTokens": "cached_input_tokens",
    "x_CacheWriteTokens": "cache_write_tokens",
    "x_OutputTokens": "output_tokens",
    "x_ReasoningTokens": "reasoning_tokens",
}
"""Column -> what it is called in the sums."""
_HOME = "homeport"
_OWN = "Inference on own engines"


def line(charge: Charge | Idle) -> dict[str, Any]:
    """One line: all of `COLUMNS`. Costs are exact, with nine decimals.

    The unit is tokens, input and output together; that of an idle line is the hours that stood idle.
    """
    told = _idle(charge) if isinstance(charge, Idle) else _used(charge)
    return {name: told.get(name) for name in COLUMNS}


def written(nanoseconds: int) -> str:
    """A time since the epoch as FOCUS writes it, in UTC."""
    return f"{datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _used(charge: Charge) -> dict[str, Any]:
    """One hour of one project, key, model, route and outcome."""
    cell, target = charge.cell, charge.cell["target"]
    tags = {"key": cell["key_id"], "route": cell["route"], "surface": cell["surface"], "tier": cell["tier"]}
    own = charge.pool or cell["local_cost"] == cell["cost"] != 0
    return {
        **_period(cell["start"]),
        **_cost(charge.cost),
        **_quantity(cell["input_tokens"] + cell["output_tokens"], "Tokens"),
        **_service(_OWN if own else "Inference", cell["upstream"] or _HOME),
        **_reservation(charge.pool, "Used"),
        "ChargeDescription": f"{cell['surface']} of {target or 'no model'}",
        "ChargeFrequency": "Usage-Based",
        "ResourceId": target or None,
        "ResourceType": "Model" if target else None,
        "SkuId": f"{cell['upstream'] or _HOME}/{target or 'none'}",
        "SkuMeter": "Tokens",
        "SubAccountId": cell["project"],
        "SubAccountName": cell["project"],
        "SubAccountType": "Project",
        "Tags": _tags(tags),
        **{name: cell[known] for name, known in _COUNTS.items()},
        "x_Outcome": cell["outcome"],
        "x_LedgerCost": format_usd(cell["cost"]),
    }


def _idle(idle: Idle) -> dict[str, Any]:
    """What stood idle of one hour of one engine pool. It is nobody's: no project, no request, no token."""
    return {
        **_period(idle.hour),
        **_cost(idle.cost),
        **_quantity(f"{idle.unused_ns / HOUR:.9f}", "Hours"),
        **_service(_OWN, idle.pool),
        **_reservation(idle.pool, "Unused"),
        "ChargeDescription": f"idle time of engine pool {idle.pool}",
        "ChargeFrequency": "Recurring",
        "ResourceId": idle.pool,
        "ResourceType": "Engine pool",
        "SkuId": f"{idle.pool}/idle",
        "SkuMeter": "Idle time",
        "Tags": _tags({}),
        **dict.fromkeys(_COUNTS, 0),
        "x_LedgerCost": format_usd(0),
    }


def _period(start: int) -> dict[str, Any]:
    month = Month.at(start)
    return {
        "BillingAccountId": _HOME,
        "BillingAccountName": "Homeport",
        "BillingAccountType": "Gateway",
        "BillingPeriodEnd": written(month.plus(1).start_ns),
        "BillingPeriodStart": written(month.start_ns),
        "ChargeCategory": "Usage",
        "ChargePeriodEnd": written(start + HOUR),
        "ChargePeriodStart": written(start),
    }


def _cost(amount: int) -> dict[str, Any]:
    """There is no discount that the ledger knows apart, so all four are what is paid."""
    costs = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")
    return {**dict.fromkeys(costs, format_usd(amount)), "BillingCurrency": "USD", "PricingCategory": "Standard"}


def _quantity(quantity: int | str, unit: str) -> dict[str, Any]:
    return {
        **dict.fromkeys(("ConsumedQuantity", "PricingQuantity"), quantity),
        **dict.fromkeys(("ConsumedUnit", "PricingUnit"), unit),
    }


def _service(name: str, provider: str) -> dict[str, Any]:
    return {
        **dict.fromkeys(("InvoiceIssuerName", "ProviderName", "PublisherName"), provider),
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": name,
        "ServiceSubcategory": "Generative AI",
    }


def _reservation(pool: str, status: str) -> dict[str, Any]:
    """An engine pool is capacity that is paid for, used or not."""
    return {"CapacityReservationId": pool, "CapacityReservationStatus": status} if pool else {}


def _tags(tags: dict[str, str]) -> str:
    """Our own names have a prefix, as the specification asks of tags that no user set."""
    return msgspec.json.encode({f"{_HOME}:{name}": value for name, value in tags.items()}).decode()
