"""The replicas of an engine, step by step."""

from hypothesis import given
from hypothesis import strategies as st

from homeport.core.types import Surface
from homeport.engines.base import Endpoint
from homeport.engines.pool import Pool, Replica, Version, pool_of, pool_slots, replica_names

CHAT = frozenset({Surface.CHAT})


def replica(name: str, revision: str, slots: int = 1) -> Replica:
    endpoint = Endpoint(url=f"http://{name}/v1", api_key="", health_url="", surfaces=CHAT, slots=slots)
    return Replica(name=name, version=Version(digest=f"d-{revision}", revision=revision), endpoint=endpoint)


A, B = replica("own", "a"), replica("own-2", "b")


def test_a_swap_and_its_end() -> None:
    both = Pool(engine="own", serving=(A,)).replaced((B,))
    assert (both.serving, both.draining, both.version) == ((B,), (A,), B.version)
    assert {name: (one.pool, one.draining) for name, one in both.endpoints()} == {
        "own-2": ("own", False),
        "own": ("own", True),
    }
    assert both.lingers(A)
    done = both.without(["own"])
    assert (done.serving, done.draining, done.former) == ((B,), (), ("a",))


def test_a_rollback_calls_back_what_drains() -> None:
    pool = Pool(engine="own", serving=(A,)).replaced((B,))
    back = pool.replaced(pool.of_digest("d-a"))
    assert (back.serving, back.draining) == ((A,), (B,))
    again = back.without(["own-2"]).replaced((replica("own-3", "b"),))
    assert again.former == ("b",)
    assert again.without(["own"]).former == ("a",), "b is back"


def test_a_restart_lets_nobody_linger() -> None:
    pool = Pool(engine="own", serving=(A,)).replaced((replica("own-2", "a"),))
    assert not pool.lingers(A)
    assert pool.without(["own"]).former == ()


def test_out_of_service() -> None:
    pool = Pool(engine="own", serving=(A,)).drained()
    assert (pool.serving, pool.draining, pool.version) == ((), (A,), None)


def test_names() -> None:
    assert replica_names("own", 1, set(), first=True) == ("own",)
    assert replica_names("own", 2, {"own-2"}, first=True) == ("own-1", "own-3")
    assert replica_names("own", 1, {"own"}, first=False) == ("own-2",)
    assert replica_names("own", 2, {"own", "own-2"}, first=False) == ("own-3", "own-4")


@given(st.lists(st.integers(1, 4), min_size=1, max_size=8), st.sets(st.sampled_from(["own-1", "own-3", "own-7"])))
def test_no_name_is_given_twice(sizes: list[int], others: set[str]) -> None:
    taken = set(others)
    for number, size in enumerate(sizes):
        names = replica_names("own", size, taken, first=number == 0)
        assert len({*names}) == size
        assert not taken & {*names}
        taken |= {*names}


def test_the_slots_of_a_pool_are_those_that_serve() -> None:
    pool = Pool(engine="own", serving=(replica("own", "a", 4),)).replaced((replica("own-2", "b", 2),))
    endpoints = dict(pool.endpoints())
    other = {"other": replica("other", "x", 9).endpoint}
    assert pool_of("own", endpoints | other) == endpoints
    assert pool_of("other", endpoints | other) == other
    assert pool_slots(endpoints.values()) == 2
    assert pool_slots(dict(pool.drained().endpoints()).values()) == 6
    assert pool_slots([]) == 1
