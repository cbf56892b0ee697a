import random
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.types import Target
from homeport.pipeline.balance import balanced
from tests.fakes.house import CHAT, MID, OWN, TOP, House
from tests.fakes.upstream import whole


def replicas(of: Target, count: int) -> list[Target]:
    return [msgspec.structs.replace(of, upstream=f"{of.upstream}-{number}") for number in range(count)]


def first_of(targets: list[Target], loads: dict[str, int], prefix: bytes = b"", seed: int = 1) -> str:
    return balanced(targets, lambda target: loads[target.upstream], prefix, random.Random(seed))[0].upstream


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=6), st.integers(0, 1000), st.booleans())
def test_everybody_stays_in(loads: list[int], seed: int, local: bool) -> None:
    targets = [TOP, *replicas(OWN if local else MID, len(loads)), TOP]
    by_name = dict(zip([target.upstream for target in targets[1:-1]], loads, strict=True)) | {TOP.upstream: 0}
    ordered = balanced(targets, lambda target: by_name[target.upstream], b"p", random.Random(seed))
    assert sorted(target.upstream for target in ordered) == sorted(target.upstream for target in targets)
    assert (ordered[0], ordered[-1]) == (TOP, TOP), "only replicas change places"


def test_of_two_the_one_with_less_work() -> None:
    targets = replicas(MID, 2)
    assert {first_of(targets, {"at-mid-0": 10, "at-mid-1": 500}, seed=seed) for seed in range(20)} == {"at-mid-0"}


def test_the_busiest_of_many_is_never_first() -> None:
    loads = {f"at-mid-{number}": number for number in range(5)}
    firsts = Counter(first_of(replicas(MID, 5), loads, seed=seed) for seed in range(400))
    assert "at-mid-4" not in firsts
    assert len(firsts) == 4


def test_own_engines_keep_a_conversation() -> None:
    targets, idle = replicas(OWN, 4), {f"at-own-{number}": 0 for number in range(4)}
    for prefix in (b"one", b"two", b"three"):
        assert len({first_of(targets, idle, prefix, seed) for seed in range(10)}) == 1
    assert len({first_of(targets, idle, b"%d" % number) for number in range(64)}) == 4


def test_but_not_at_any_price() -> None:
    targets, idle = replicas(OWN, 4), {f"at-own-{number}": 0 for number in range(4)}
    home = first_of(targets, idle, b"chat")
    assert first_of(targets, idle | {home: 4_000}, b"chat") == home
    assert first_of(targets, idle | {home: 50_000}, b"chat") != home


def test_a_replica_that_goes_moves_only_its_own_conversations() -> None:
    targets, idle = replicas(OWN, 4), {f"at-own-{number}": 0 for number in range(4)}
    prefixes = [b"%d" % number for number in range(100)]
    before = {prefix: first_of(targets, idle, prefix) for prefix in prefixes}
    after = {prefix: first_of(targets[:3], idle, prefix) for prefix in prefixes}
    assert all(after[prefix] == place for prefix, place in before.items() if place != "at-own-3")


@pytest.mark.parametrize("local", [False, True])
async def test_replicas_share_the_requests_of_one_name(local: bool) -> None:
    one, two = replicas(OWN if local else MID, 2)
    house = House(one, two)
    house.upstreams[one.name].script(whole())
    for number in range(40):
        prompt = {"role": "user", "content": f"{number} is the number of this conversation"}
        assert (await house.ask({**CHAT, "model": one.name, "messages": [prompt]})).status == 200
    asked = Counter(call.target.upstream for call in house.upstreams[one.name].calls)
    assert set(asked) == {one.upstream, two.upstream}
