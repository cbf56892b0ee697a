from collections import Counter
from typing import Any

import msgspec
import pytest

from homeport.core.errors import UpstreamError
from homeport.core.types import Target, Usage
from tests.fakes.house import CHAT, MID, OWN, TOP, House
from tests.fakes.upstream import whole


def replicas(of: Target, count: int) -> list[Target]:
    return [msgspec.structs.replace(of, upstream=f"{of.upstream}-{number}") for number in range(count)]


def house_of(*targets: Target) -> House:
    house = House(*targets)
    for target in targets:
        house.upstreams[target.name].script(whole())
    return house


def asked(house: House, target: Target) -> list[str]:
    return [call.target.upstream for call in house.upstreams[target.name].calls]


def turns(number: int, count: int) -> dict[str, Any]:
    told = [{"role": "user", "content": f"{number} is the number of this conversation"}]
    for turn in range(count - 1):
        told += [{"role": "assistant", "content": "yes"}, {"role": "user", "content": f"and {turn}"}]
    return {**CHAT, "messages": told}


@pytest.mark.parametrize("kind", [OWN, MID])
async def test_replicas_share_the_requests_of_one_name(kind: Target) -> None:
    one, two = replicas(kind, 2)
    house = house_of(one, two)
    for number in range(40):
        assert (await house.ask({**turns(number, 1), "model": one.name})).status == 200
    assert set(asked(house, one)) == {one.upstream, two.upstream}


async def test_of_two_remote_ones_the_one_with_less_work() -> None:
    one, two = replicas(MID, 2)
    house = house_of(one, two)
    house.deployments.of(one).outstanding = 500
    for number in range(20):
        await house.ask({**turns(number, 1), "model": one.name})
    assert set(asked(house, one)) == {two.upstream}


async def test_the_busiest_of_many_remote_ones_is_never_first() -> None:
    targets = replicas(MID, 5)
    house = house_of(*targets)
    for number, target in enumerate(targets):
        house.deployments.of(target).outstanding = 100 * number
    for number in range(200):
        await house.ask({**turns(number, 1), "model": MID.name})
    assert set(asked(house, MID)) == {target.upstream for target in targets[:4]}


async def test_a_conversation_goes_on_where_it_was_served() -> None:
    """Also where its first turn could not be served by the replica that was chosen."""
    targets = replicas(OWN, 4)
    house = house_of(*targets)
    await house.ask({**turns(7, 1), "model": OWN.name})
    home = asked(house, OWN)[0]
    house.health.down.add(home)
    await house.ask({**turns(7, 2), "model": OWN.name})
    stand_in = asked(house, OWN)[1]
    house.health.down.clear()
    await house.ask({**turns(7, 3), "model": OWN.name})
    assert stand_in != home
    assert asked(house, OWN)[2] == stand_in


async def test_a_conversation_that_was_forgotten_moves_to_where_there_is_room() -> None:
    """The engine says so itself: of the later turn it had nothing in its cache."""
    targets = [msgspec.structs.replace(target, slots=1) for target in replicas(OWN, 2)]
    house = House(*targets)
    told = Usage(input_tokens=100, cached_input_tokens=0, output_tokens=5)
    house.upstreams[OWN.name].script(whole(usage=told))
    house.health.down.add(targets[1].upstream)
    for number, turn in ((1, 1), (2, 1), (1, 2), (2, 1)):
        await house.ask({**turns(number, turn), "model": OWN.name})
    house.health.down.clear()
    await house.ask({**turns(1, 3), "model": OWN.name})
    assert asked(house, OWN) == [targets[0].upstream] * 4 + [targets[1].upstream]


async def test_what_failed_is_not_at_work() -> None:
    """A replica all whose slots are at work comes last, so one that keeps what failed would not be asked again."""
    one, two = replicas(OWN, 2)
    house = House(one, two)
    house.upstreams[OWN.name].script(UpstreamError("it is busy"), whole())
    for number in range(6):
        assert (await house.ask({**turns(number, 1), "model": OWN.name})).status == 200
    first, second = asked(house, OWN)[:2]
    assert first != second
    assert asked(house, OWN)[2:] == [first, second, first, second, first]


async def test_but_not_at_any_price() -> None:
    targets = replicas(OWN, 2)
    house = house_of(*targets)
    await house.ask({**turns(7, 1), "model": OWN.name})
    home = next(target for target in targets if target.upstream == asked(house, OWN)[0])
    house.deployments.of(home).outstanding += 50_000
    await house.ask({**turns(7, 2), "model": OWN.name})
    assert asked(house, OWN)[1] != home.upstream


async def test_what_has_no_beginning_is_spread_by_load() -> None:
    one, two = replicas(OWN, 2)
    house = house_of(one, two)
    house.upstreams[one.name].script(whole())
    house.deployments.of(one).outstanding = 500
    for _ in range(8):
        await house.ask({"model": one.name, "query": "x", "documents": ["y"]}, surface="rerank")
    assert set(asked(house, one)) == {two.upstream}


async def test_only_replicas_change_places() -> None:
    """The order of the configuration holds between models."""
    house = house_of(TOP, *replicas(OWN, 3))
    for number in range(8):
        await house.ask(turns(number, 1))
    assert asked(house, OWN) == []


async def test_replicas_of_one_engine_with_two_models_are_two() -> None:
    one = msgspec.structs.replace(OWN, model="own-a")
    two = msgspec.structs.replace(OWN, model="own-b")
    house = house_of(one, two)
    for number in range(20):
        await house.ask({**turns(number, 1), "model": one.name})
    assert set(Counter(call.target.model for call in house.upstreams[one.name].calls)) == {"own-a", "own-b"}
