"""Values do not change, and a receipt says its cost in dollars."""

import msgspec
import pytest

from homeport.core import types
from homeport.core.money import Nano
from homeport.core.types import Attempt, Receipt

STRUCTS = [kind for kind in vars(types).values() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]


@pytest.mark.parametrize(
    "kind", [kind for kind in STRUCTS if kind is not msgspec.Struct], ids=lambda kind: kind.__name__
)
def test_every_value_is_frozen(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_config__.frozen


@pytest.mark.parametrize(("cost", "text"), [(None, ""), (Nano(0), "0.000000000"), (Nano(1_250_000), "0.001250000")])
def test_a_receipt_in_dollars(cost: Nano | None, text: str) -> None:
    assert Receipt(request_id="r", tier="t", model="m", reason="x", cost=cost).cost_usd == text


def test_an_attempt_that_is_not_traced_is_written_as_before_there_were_traces() -> None:
    written = msgspec.json.encode(Attempt(target="m", error="", started_ns=1, ended_ns=2))
    assert written == b'{"target":"m","error":"","started_ns":1,"ended_ns":2,"cost":0}'
    assert msgspec.json.decode(written, type=Attempt).span_id == ""
