"""Files for other programs: every row is in them, and none of them runs."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from homeport.ledger import focus
from homeport.ledger.export import export, safe_cell
from homeport.storage.rollups import HOUR
from homeport.storage.tables import requests
from tests.ledger.requests import NOW, add, request

FORMULA = '=HYPERLINK("http://evil.example","x")'


@pytest.fixture
def out(tmp_path: Path) -> Callable[[Engine, str], Path]:
    def write(engine: Engine, kind: str) -> Path:
        path = tmp_path / f"file.{kind}"
        assert export(engine, kind, path, replace=False) > 0
        return path

    return write


def rows(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_text_that_is_a_formula_is_not_one_in_a_spreadsheet(
    engine: Engine, out: Callable[[Engine, str], Path]
) -> None:
    add(engine, request(NOW, requested_model=FORMULA, end_user="@SUM(1)", cost=-5))
    [row] = rows(out(engine, "csv"))
    assert (row["requested_model"], row["end_user"], row["cost"]) == (f"'{FORMULA}", "'@SUM(1)", "-5")


@given(st.text(max_size=8))
def test_no_cell_starts_a_formula(text: str) -> None:
    cell = safe_cell(text)
    assert cell.removeprefix("'") == text.removeprefix("'")
    assert cell[:1] not in tuple("=+@\t\r\n")
    assert cell[:1] != "-" or float(cell) <= 0


def test_focus(engine: Engine, out: Callable[[Engine, str], Path]) -> None:
    add(engine, request(NOW, cost=5), request(NOW + 1, cost=7, input_tokens=1), request(NOW + HOUR, project="=1+1"))
    [one, two] = rows(out(engine, "focus"))
    assert list(one) == list(focus.COLUMNS)
    start = datetime.fromtimestamp(NOW // HOUR * 3600, UTC)
    assert one["ChargePeriodStart"] == f"{start:%Y-%m-%dT%H}:00:00Z"
    assert (one["BillingPeriodStart"], one["BillingPeriodEnd"]) == ("2023-11-01T00:00:00Z", "2023-12-01T00:00:00Z")
    assert (one["BilledCost"], one["EffectiveCost"], one["BillingCurrency"]) == ("0.000000012", "0.000000012", "USD")
    assert (one["ConsumedQuantity"], one["ConsumedUnit"], one["x_Requests"]) == ("21", "Tokens", "2")
    assert one["ServiceName"] == "Inference on own engines"
    assert (one["AvailabilityZone"], one["InvoiceId"]) == ("", "")
    assert two["SubAccountId"] == "'=1+1"
    assert msgspec.json.decode(one["Tags"])["homeport:key"] == "key_1"


def test_parquet_has_the_rows_with_their_types(engine: Engine, out: Callable[[Engine, str], Path]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    add(engine, request(NOW, requested_model=FORMULA), request(NOW + 1, cost=2**62))
    table = parquet.read_table(out(engine, "parquet"))
    assert table.column_names == [column.name for column in requests.columns]
    [one, two] = table.to_pylist()
    assert (one["requested_model"], one["local"], one["started_at"], two["cost"]) == (FORMULA, True, NOW, 2**62)
