"""GET /openapi.json tells all that is served, and nothing else; tests/e2e/test_openapi.py holds the gateway to it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homeport.api.operations import ADMIN, BATCHES, OPERATIONS, USAGE, Operation
from homeport.core.types import Surface
from tests.fakes.house import House

# The other paths have families of their own, and are asked for in tests/e2e/test_openapi.py.
OWN = [operation for operation in OPERATIONS if operation.tag not in (BATCHES, ADMIN, USAGE)]
ERRORS = (Path(__file__).parents[2] / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")


async def described(house: House) -> dict[str, Any]:
    caller = await house.get("/openapi.json", token=None)
    assert (caller.status, caller.headers["content-type"]) == (200, "application/json")
    return dict(caller.json)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (target for name, target in value.items() if name == "$ref")
        for inner in value.values():
            yield from references(inner)
    if isinstance(value, list):
        for inner in value:
            yield from references(inner)


async def test_every_surface_that_is_served_is_described() -> None:
    house = House()
    paths = (await described(house))["paths"]
    for surface in Surface:
        is_served = (await house.get(f"/v1/{surface}", method="DELETE")).status == 405
        assert is_served == (f"/v1/{surface}" in paths), surface


@pytest.mark.parametrize("operation", OWN, ids=lambda operation: operation.id)
async def test_what_is_described_is_served(operation: Operation) -> None:
    house = House()
    path = operation.path.replace("{model}", "auto")
    other = await house.get(path, method="PATCH")
    assert operation.method.upper() in other.headers["allow"]
    bare = await house.get(path, token=None, method=operation.method.upper())
    assert (bare.status == 401) != operation.is_public


async def test_every_reference_leads_somewhere() -> None:
    document = await described(House())
    schemas = document["components"]["schemas"]
    found = set(references(document))
    assert found <= {f"#/components/schemas/{name}" for name in schemas}
    assert not [name for name in schemas if not re.fullmatch(r"[A-Z][A-Za-z]+", name)], "names that clients can use"


async def test_ids_are_unique_and_codes_are_those_of_the_page() -> None:
    document = await described(House())
    told = [operation for path in document["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in told}) == len(told)
    errors = [answer for one in told for status, answer in one["responses"].items() if not status.startswith("2")]
    codes = {code for answer in errors for code in re.findall(r"`(\w+)`", answer["description"])}
    assert len(codes) > 10
    assert {code for code in codes if f"\n| `{code}` |" not in ERRORS} == set()


async def test_the_bounds_are_those_of_the_decoders() -> None:
    schemas = (await described(House()))["components"]["schemas"]
    assert schemas["ChatRequest"]["required"] == ["model", "messages"]
    assert {"type": "number", "minimum": 0, "maximum": 2} in schemas["ChatRequest"]["properties"]["temperature"][
        "anyOf"
    ]
    assert json.dumps(schemas["ResponseRequest"]).count("ResponseItem") == 1
