"""Private data never leaves home, whatever the catalogue, the key, the header, the name and the failures."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.core.errors import BadAnswer, ConnectFailed, StreamCut, UpstreamRefused, UpstreamTimeout
from homeport.core.types import DataClass, Key, Surface, Target
from tests.fakes.house import ALL, CHAT, OPEN, House, target
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.upstream import spoken, vectors, whole

NAMES = ["a", "b", "c", "d"]
TIERS = ["home", "away"]
FAULTS: list[Exception] = [
    ConnectFailed("x"),
    UpstreamTimeout("x"),
    BadAnswer("x"),
    StreamCut("x"),
    UpstreamRefused("x", status=429, retryable=True, code="upstream_rate_limited"),
    UpstreamRefused("x", status=400, retryable=False),
    RuntimeError("x"),
]
HEADERS = [None, "private", "open", "PRIVATE ", "Open", "", "secret", "private, open"]

targets = st.lists(
    st.builds(
        target,
        st.sampled_from(NAMES),
        tier=st.sampled_from(TIERS),
        local=st.booleans(),
        surfaces=st.sampled_from([ALL, frozenset({Surface.CHAT})]),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda target: target.name,
)
keys = st.builds(
    Key,
    id=st.just("key_1"),
    name=st.just("k"),
    data_class=st.sampled_from(DataClass),
    models=st.frozensets(st.sampled_from(NAMES), max_size=2),
    tiers=st.frozensets(st.sampled_from(TIERS), max_size=1),
)
bodies = st.sampled_from([CHAT, {**CHAT, "stream": True}, {"input": "x"}])
fates = st.lists(st.sampled_from([*FAULTS, None]), min_size=4, max_size=4)


def arrange(house: House, fates: list[Exception | None], body: dict[str, Any]) -> None:
    good = vectors() if "input" in body else spoken("a") if body.get("stream") else whole()
    for upstream, fate in zip(house.upstreams.values(), fates, strict=False):
        upstream.script(*([fate] if fate else []), good)


def called(house: House, placed: list[Target]) -> list[Target]:
    """The targets that were called; each upstream knows which target a call was for."""
    calls = [call.target for upstream in house.upstreams.values() for call in upstream.calls]
    assert all(target in placed for target in calls)
    return calls


@given(
    placed=targets,
    key=keys,
    header=st.sampled_from(HEADERS),
    model=st.sampled_from(["auto", "alias", *TIERS, *NAMES]),
    body=bodies,
    fates=fates,
    down=st.sets(st.sampled_from(NAMES)),
    restarting=st.sets(st.sampled_from(NAMES)),
)
@settings(max_examples=300)
def test_private_data_never_leaves_home(
    placed: list[Target],
    key: Key,
    header: str | None,
    model: str,
    body: dict[str, Any],
    fates: list[Exception | None],
    down: set[str],
    restarting: set[str],
) -> None:
    house = House(*placed, aliases={"alias": "away"}, keys=FixedKeyRing({OPEN: key}))
    house.health.down = {f"at-{name}" for name in down}
    house.health.restarting = {f"at-{name}" for name in restarting}
    arrange(house, fates, body)
    surface = "embeddings" if "input" in body else "chat/completions"
    sent = [] if header is None else [("x-homeport-data-class", header)]
    caller = asyncio.run(house.ask({**body, "model": model}, surface=surface, headers=sent))

    private = key.data_class is DataClass.PRIVATE or (header or "").strip().lower() not in {"", "open"}
    calls = called(house, placed)
    assert caller.finished
    assert len(house.recorder.events) == 1
    assert not (private and [target for target in calls if not target.local])
    assert all(target.name in key.models or not key.models for target in calls)
    assert all(target.tier in key.tiers or not key.tiers for target in calls)
    event = house.event
    assert event.target == "" or not private or event.local
    if key.data_class is DataClass.PRIVATE:
        assert event.data_class == "private"


@given(key=keys, header=st.text(st.characters(codec="latin-1"), max_size=12))
def test_a_header_never_opens_a_private_key(key: Key, header: str) -> None:
    house = House(target("a", tier="home"), keys=FixedKeyRing({OPEN: key}))
    house.upstreams["a"].script(whole())
    asyncio.run(house.ask(headers=[("x-homeport-data-class", header)]))
    if key.data_class is DataClass.PRIVATE:
        assert house.calls() == []


async def test_of_two_headers_neither_wins() -> None:
    """A proxy in between may add its own; the caller's `private` must not be lost to it."""
    for values in (["private", "open"], ["open", "private"]):
        house = House(target("a"))
        house.upstreams["a"].script(whole())
        caller = await house.ask(headers=[("x-homeport-data-class", value) for value in values])
        assert (caller.status, caller.error["code"]) == (400, "invalid_data_class")
        assert house.calls() == []
