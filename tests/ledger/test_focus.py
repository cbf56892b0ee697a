"""The FOCUS export: what FOCUS 1.2 asks of each column holds, and a pool's lines are its bill."""

import csv
import re
import tempfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from homeport.core.events import RequestFinished
from homeport.core.money import NANO_PER_USD
from homeport.ledger import focus
from homeport.ledger.engine_report import hour_bill, pool_costs
from homeport.ledger.export import export
from homeport.storage.engine_hours import HOUR_NS, Pool, note_presence, read_hours
from tests.ledger.requests import SECOND, failed, ledger, request

START = 472_222 * HOUR_NS
Line = Mapping[str, str]

MANDATORY = {
    *("BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory"),
    *("ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost", "EffectiveCost"),
    *("InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName"),
    *("ServiceCategory", "ServiceName"),
}
"""Always there and, for usage that corrects nothing, never null (BillingAccountName and ChargeClass may be)."""
NEVER_NULL = MANDATORY | {
    *("BillingAccountType", "ChargeFrequency", "ConsumedQuantity", "ConsumedUnit", "PricingCategory"),
    *("ServiceSubcategory", "SkuId", "SkuMeter"),
}
NOT_NULL_FOR_USAGE = {"ContractedUnitPrice", "ListUnitPrice", "SkuPriceId"}
"""Whoever has these columns must fill them for all usage; a blended line cannot."""
ALLOWED = {
    "ChargeCategory": {"Usage", "Purchase", "Tax", "Credit", "Adjustment"},
    "ChargeClass": {"", "Correction"},
    "ChargeFrequency": {"One-Time", "Recurring", "Usage-Based"},
    "PricingCategory": {"Standard", "Dynamic", "Committed", "Other"},
    "CapacityReservationStatus": {"", "Used", "Unused"},
    "ServiceCategory": {"AI and Machine Learning"},
    "ServiceSubcategory": {"Generative AI"},
}
TOGETHER = (
    ("ResourceId", "ResourceType"),
    ("SubAccountId", "SubAccountName"),
    ("SubAccountId", "SubAccountType"),
    ("CapacityReservationId", "CapacityReservationStatus"),
    ("SkuId", "SkuMeter"),
)
"""Both null or neither."""
COSTS = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")


def asked(at: int, **changes: object) -> RequestFinished:
    plain = {"upstream": "own", "local": True, "cached_input_tokens": 0, "engine_ns": SECOND}
    return request(START + at, **{**plain, **changes})


def exported(engine: Engine, **period: int) -> list[dict[str, str]]:
    with tempfile.TemporaryDirectory() as name:
        out = Path(name, "focus.csv")
        export(engine, "focus", out, replace=False, **period)
        with out.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


def nano(line: Line, column: str = "EffectiveCost") -> int:
    return int(Decimal(line[column]) * NANO_PER_USD)


def check(line: Line) -> None:
    """The requirements of FOCUS 1.2 that a line can meet or miss by itself."""
    assert line.keys() >= MANDATORY | {"BillingAccountName", "ChargeClass"}
    assert [name for name in NEVER_NULL if not line[name]] == []
    assert line.keys() & NOT_NULL_FOR_USAGE == set()
    assert all(line[name] in allowed for name, allowed in ALLOWED.items())
    assert all(bool(line[one]) == bool(other) for one, name in TOGETHER for other in (line[name],))
    assert len({line[name] for name in COSTS}) == 1, "no unit price: all costs match the billed one"
    assert all(re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", line[name]) for name in (*COSTS, "PricingQuantity"))
    moments = [line[f"{span}Period{edge}"] for span in ("Billing", "Charge") for edge in ("Start", "End")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:00:00Z", moment) for moment in moments)
    assert moments[0] <= moments[2] < moments[3] <= moments[1]
    assert not line["ResourceName"] or line["ResourceName"] != line["ResourceId"]
    tags = msgspec.json.decode(line["Tags"], type=dict[str, str])
    assert all(name.startswith("homeport:") for name in tags)
    assert all(re.fullmatch(r"(x_)?[A-Z][A-Za-z]+", name) for name in line)


def test_every_kind_of_line_is_what_the_specification_asks() -> None:
    engine = ledger(
        asked(0),
        asked(HOUR_NS, cost=0),
        request(START, upstream="openai", local=False),
        failed(START, upstream="", project="acme/search"),
        request(START, cost=-5, surface="correction", local=False, upstream="openai"),
    )
    note_presence(engine, [Pool(engine="own", hourly=3_600, slots=2)], START, START + HOUR_NS)
    lines = exported(engine)
    assert len(lines) == 6
    assert list(lines[0]) == list(focus.COLUMNS)
    for line in lines:
        check(line)


@pytest.mark.parametrize("column", ["SkuId", "ServiceName", "SubAccountType", "ConsumedUnit"])
def test_the_check_can_fail(column: str) -> None:
    [line] = exported(ledger(asked(0)))
    check(line)
    with pytest.raises(AssertionError):
        check({**line, column: ""})


def test_the_idle_line() -> None:
    engine = ledger(*(asked(place * SECOND, input_tokens=100, output_tokens=0) for place in range(40)))
    note_presence(engine, [Pool(engine="own", hourly=3_600_000_000, slots=2)], START, START + HOUR_NS // 2)
    used, idle = exported(engine)
    # Half an hour at 3.60 dollars; 40 of the 3,600 seconds of its two slots were worked.
    assert (used["EffectiveCost"], idle["EffectiveCost"]) == ("0.020000000", "1.780000000")
    assert used["x_LedgerCost"] == "0.000000280"
    assert (used["CapacityReservationStatus"], idle["CapacityReservationStatus"]) == ("Used", "Unused")
    assert idle["CapacityReservationId"] == idle["ResourceId"] == idle["ProviderName"] == "own"
    assert (idle["ConsumedQuantity"], idle["ConsumedUnit"]) == ("0.494444444", "Hours")
    assert (idle["ChargeDescription"], idle["ChargeFrequency"]) == ("idle time of engine pool own", "Recurring")
    assert (idle["SubAccountId"], idle["x_Requests"], idle["x_OutputTokens"], idle["x_Outcome"]) == ("", "0", "0", "")


def test_an_hour_without_a_bill_costs_what_the_ledger_says() -> None:
    engine = ledger(asked(0, cost=9), asked(HOUR_NS, cost=9))
    note_presence(engine, [Pool(engine="own", hourly=3_600_000, slots=1)], START, START + HOUR_NS)
    used, idle, unbilled = exported(engine)
    assert (nano(used) + nano(idle), nano(unbilled), unbilled["CapacityReservationId"]) == (3_600_000, 9, "")
    assert [nano(line) for line in exported(engine, since_ns=START + 1)] == [9]
    assert sum(nano(line) for line in exported(engine, until_ns=START + 1)) == 3_600_000


def test_a_provider_with_a_pools_name_is_not_paid_from_its_bill() -> None:
    engine = ledger(asked(0), asked(1, local=False, cost=5, target="remote"))
    note_presence(engine, [Pool(engine="own", hourly=3_600_000, slots=1)], START, START + HOUR_NS)
    by_model = {line["ResourceId"]: line for line in exported(engine)}
    assert (nano(by_model["remote"]), by_model["remote"]["CapacityReservationId"]) == (5, "")
    assert sum(nano(line) for name, line in by_model.items() if name != "remote") == 3_600_000


asks = st.builds(
    asked,
    st.integers(0, 3 * HOUR_NS - 1),
    upstream=st.sampled_from(["own", "own", "two", "gone"]),
    project=st.sampled_from(["a", "b"]),
    cost=st.integers(0, 10**9),
    input_tokens=st.integers(0, 10**6),
    output_tokens=st.integers(0, 10**5),
    engine_ns=st.integers(0, 10**11),
)
pools = st.lists(
    st.tuples(st.sampled_from(["own", "two"]), st.integers(0, 10**12), st.integers(1, 4), st.integers(1, 3 * HOUR_NS)),
    max_size=3,
)


@settings(max_examples=60)
@given(st.lists(asks, max_size=25), pools)
def test_requests_and_idle_of_a_pool_are_its_bill(
    events: list[RequestFinished], billed: list[tuple[str, int, int, int]]
) -> None:
    """To the nano-dollar, each hour and altogether; and the same idle cost as `homeport cost --engines` tells."""
    engine = ledger(*events)
    for name, hourly, slots, span in billed:
        note_presence(engine, [Pool(engine=name, hourly=hourly, slots=slots)], START, START + span)
    lines = exported(engine)
    of_bills: dict[tuple[str, str], int] = {}
    for line in lines:
        check(line)
        if line["CapacityReservationId"]:
            key = (line["CapacityReservationId"], line["ChargePeriodStart"])
            of_bills[key] = of_bills.get(key, 0) + nano(line)
    bills = {(hour.engine, focus.written(hour.hour)): hour_bill(hour) for hour in read_hours(engine)}
    assert of_bills == {key: bill for key, bill in bills.items() if bill or key in of_bills}
    for pool in pool_costs(engine):
        mine = [line for line in lines if line["CapacityReservationId"] == pool.engine]
        assert sum(nano(line) for line in mine) == pool.bill
        assert sum(nano(line) for line in mine if line["CapacityReservationStatus"] == "Unused") == pool.idle
    assert sum(int(line["x_Requests"]) for line in lines) == len(events)
    assert sum(nano(line, "x_LedgerCost") for line in lines) == sum(event.cost for event in events)
