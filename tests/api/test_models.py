"""The list of models is what a key may name."""

from typing import Any

import pytest

from homeport.api.models import listing
from homeport.core.types import Key, Surface
from homeport.routing.eligibility import Catalogue
from tests.fakes.house import MID, NARROW, OWN, TOP, House, target

CATALOGUE = Catalogue([OWN, MID, TOP], {"gpt": "top", "default": "auto", "house": "home"})


def models(**key: Any) -> dict[str, dict[str, Any]]:
    listed: list[dict[str, Any]] = listing(CATALOGUE, Key(id="k", name="k", **key), 1_700_000_000)
    names = [model["id"] for model in listed]
    assert len(set(names)) == len(names)
    return {model["id"]: model for model in listed}


def test_everything() -> None:
    assert list(models()) == ["auto", "home", "mid", "top", "own", "gpt", "default", "house"]


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ({"tiers": frozenset({"home"})}, {"auto", "home", "own", "default", "house"}),
        ({"models": frozenset({"top"})}, {"auto", "top", "gpt", "default"}),
        ({"models": frozenset({"gone"})}, set()),
    ],
)
def test_a_key_sees_what_it_may_use(key: dict[str, Any], names: set[str]) -> None:
    assert set(models(**key)) == names


def test_what_is_said_of_a_model() -> None:
    assert models()["own"] == {
        "id": "own",
        "object": "model",
        "created": 1_700_000_000,
        "owned_by": "at-own",
        "homeport": {"tiers": ["home"], "local": True, "surfaces": sorted(Surface)},
    }


def test_what_is_said_of_a_group() -> None:
    auto = models()["auto"]
    assert (auto["owned_by"], auto["homeport"]["tiers"]) == ("homeport", ["home", "mid", "top"])
    assert auto["homeport"]["local"] is False
    assert models()["gpt"] == {**models()["top"], "id": "gpt"}


def test_surfaces_of_a_group_are_those_of_any() -> None:
    chat, embed = frozenset({Surface.CHAT}), frozenset({Surface.EMBEDDING})
    catalogue = Catalogue([target("a", tier="t", surfaces=chat), target("b", tier="t", surfaces=embed)], {})
    listed: list[Any] = listing(catalogue, Key(id="k", name="k"), 0)
    surfaces = {model["id"]: model["homeport"]["surfaces"] for model in listed}
    assert surfaces == {"auto": [*chat, *embed], "t": [*chat, *embed], "a": [*chat], "b": [*embed]}


async def test_over_http() -> None:
    house = House(OWN, MID, aliases={"gpt": "mid"})
    everything, some = await house.get("/v1/models"), await house.get("/v1/models", token=NARROW)
    assert everything.json["object"] == "list"
    assert [model["id"] for model in everything.json["data"]] == ["auto", "home", "mid", "own", "gpt"]
    assert [model["id"] for model in some.json["data"]] == ["auto", "home", "own"]
    assert everything.json["data"][0]["created"] == house.clock.wall // 1_000_000_000
