"""Values do not change, and a receipt says its cost in dollars."""

import msgspec
import pytest

from homeport.core import types
from homeport.core.money import Nano
from homeport.core.types import Receipt

STRUCTS = [kind for kind in vars(types).values() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]


@pytest.mark.parametrize(
    "kind", [kind for kind in STRUCTS if kind is not msgspec.Struct], ids=lambda kind: kind.__name__
)
def test_every_value_is_frozen(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_config__.frozen


@pytest.mark.parametrize(("cost", "text"), [(None, ""), (Nano(0), "0.000000000"), (Nano(1_250_000), "0.001250000")])
def test_a_receipt_in_dollars(cost: Nano | None, text: str) -> None:
    assert Receipt(request_id="r", tier="t", model="m", reason="x", cost=cost).cost_usd == text
