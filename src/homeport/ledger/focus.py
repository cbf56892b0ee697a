"""An hour's sums as a line of FOCUS, the FinOps Open Cost and Usage Specification, version 1.2.

https://focus.finops.org/focus-specification/v1-2/. Columns of our own begin with `x_`, as it asks.
What the ledger does not know (invoices, commitments, regions, list prices) is null, which is an empty cell.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from homeport.core.money import format_usd
from homeport.ledger.months import Month
from homeport.storage.rollups import HOUR

COLUMNS = (
    *("AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingAccountType"),
    *("BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass"),
    *("ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart"),
    *("ConsumedQuantity", "ConsumedUnit", "ContractedCost", "ContractedUnitPrice", "EffectiveCost"),
    *("InvoiceId", "InvoiceIssuerName", "ListCost", "ListUnitPrice", "PricingCategory", "PricingQuantity"),
    *("PricingUnit", "ProviderName", "PublisherName", "RegionId", "RegionName", "ResourceId", "ResourceName"),
    *("ResourceType", "ServiceCategory", "ServiceName", "ServiceSubcategory", "SkuId", "SkuMeter"),
    *("SkuPriceDetails", "SkuPriceId", "SubAccountId", "SubAccountName", "SubAccountType", "Tags"),
    *("x_Requests", "x_InputTokens", "x_CachedInputTokens", "x_CacheWriteTokens", "x_OutputTokens"),
    *("x_ReasoningTokens", "x_Outcome"),
)


def line(cell: Mapping[str, Any]) -> dict[str, Any]:
    """One hour of one project, key, model, route and outcome; a cell of `rollups` whose span is an hour.

    The unit is tokens: input and output together are consumed. Costs are exact, with nine decimals.
    """
    start, month = cell["start"], Month.at(cell["start"])
    cost = format_usd(cell["cost"])
    tokens = cell["input_tokens"] + cell["output_tokens"]
    local = cell["local_cost"] == cell["cost"] != 0
    told = {
        "BilledCost": cost,
        "BillingAccountId": "homeport",
        "BillingAccountName": "Homeport",
        "BillingAccountType": "Gateway",
        "BillingCurrency": "USD",
        "BillingPeriodEnd": _time(month.plus(1).start_ns),
        "BillingPeriodStart": _time(month.start_ns),
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{cell['surface']} of {cell['target'] or 'no model'}",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": _time(start + HOUR),
        "ChargePeriodStart": _time(start),
        "ConsumedQuantity": tokens,
        "ConsumedUnit": "Tokens",
        "ContractedCost": cost,
        "EffectiveCost": cost,
        "InvoiceIssuerName": cell["upstream"] or "homeport",
        "ListCost": cost,
        "PricingCategory": "Standard",
        "PricingQuantity": tokens,
        "PricingUnit": "Tokens",
        "ProviderName": cell["upstream"] or "homeport",
        "PublisherName": cell["upstream"] or "homeport",
        "ResourceId": cell["target"],
        "ResourceName": cell["target"],
        "ResourceType": "Model",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "Inference on own engines" if local else "Inference",
        "ServiceSubcategory": "Generative AI",
        "SkuId": f"{cell['upstream']}/{cell['target']}",
        "SkuMeter": "Tokens",
        "SubAccountId": cell["project"],
        "SubAccountName": cell["project"],
        "SubAccountType": "Project",
        "Tags": _json(
            {"key": cell["key_id"], "route": cell["route"], "surface": cell["surface"], "tier": cell["tier"]}
        ),
        "x_Requests": cell["requests"],
        "x_InputTokens": cell["input_tokens"],
        "x_CachedInputTokens": cell["cached_input_tokens"],
        "x_CacheWriteTokens": cell["cache_write_tokens"],
        "x_OutputTokens": cell["output_tokens"],
        "x_ReasoningTokens": cell["reasoning_tokens"],
        "x_Outcome": cell["outcome"],
    }
    return {name: told.get(name) for name in COLUMNS}


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _time(nanoseconds: int) -> str:
    return f"{datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"
