"""A conversation stays on the tier that answered it, through the whole request path."""

from typing import Any

from homeport.core.errors import ConnectFailed, UpstreamRefused
from homeport.core.types import Key
from homeport.pipeline.sessions import Numbers
from homeport.routing.policies import cascade, complexity, static
from homeport.routing.policies.base import PolicySetup
from tests.fakes.house import KEYS, MID, OWN, TOP, House
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.router import router
from tests.fakes.upstream import spoken, whole

OTHER = "hp-other-token"


def house(kind: Any = complexity, **options: Any) -> House:
    setup = PolicySetup(options=options, tiers=("home", "mid", "top"), router=router())
    keys = FixedKeyRing({**KEYS, OTHER: Key(id="key_other", name="other")})
    return House(OWN, MID, TOP, policy=kind.create(setup), keys=keys)


def chat(*said: str, **more: Any) -> dict[str, Any]:
    roles = ("user", "assistant")
    messages = [{"role": roles[place % 2], "content": text} for place, text in enumerate(said)]
    return {"model": "auto", "messages": messages, **more}


async def ask(house: House, body: dict[str, Any], **request: Any) -> str:
    for upstream in house.upstreams.values():
        upstream.script(spoken("Yes.") if body.get("stream") else whole())
    caller = await house.ask(body, **request)
    for upstream in house.upstreams.values():
        upstream.script()
    assert caller.status == 200
    return caller.headers["x-homeport-reason"]


async def test_a_later_turn_that_would_be_elsewhere_stays() -> None:
    here = house()
    first = ("x" * 60,)
    assert await ask(here, chat(*first)) == "complexity:home"
    second = (*first, "Yes.", "y" * 10)
    assert await ask(here, chat("z" * 60, *second[1:])) == "complexity:mid", "another conversation"
    assert await ask(here, chat(*second)) == "session:home"
    third = (*second, "Yes.", "z" * 20)
    assert await ask(here, chat(*third)) == "complexity:mid", "beyond the margin"
    assert await ask(here, chat(*third, "Yes.", "!")) == "session:mid"


async def test_streams_count_and_keys_do_not_share() -> None:
    here = house()
    assert await ask(here, chat("x" * 80, stream=True)) == "complexity:mid"
    later = chat("x" * 80, "Yes.", "y" * 13)
    assert await ask(here, later, token=OTHER) == "complexity:top"
    assert await ask(here, later) == "session:mid"


async def test_who_answered_in_the_place_of_another_keeps_the_conversation_of_a_cascade() -> None:
    here = house(cascade)
    here.upstreams["own"].script(UpstreamRefused("broken", status=500, retryable=True))
    here.upstreams["mid"].script(whole())
    caller = await here.ask(chat("x"))
    assert caller.headers["x-homeport-tier"] == "mid"
    assert await ask(here, chat("x", "Yes.", "y")) == "session:mid"


async def test_an_answer_that_failed_is_nobodys_conversation() -> None:
    here = house()
    for upstream in here.upstreams.values():
        upstream.script(ConnectFailed("down"))
    assert (await here.ask(chat("x" * 60))).status == 503
    assert here.sessions.noted == {}


async def test_static_remembers_nothing() -> None:
    here = house(static)
    assert await ask(here, chat("x")) == "static:home"
    assert here.sessions.noted == {}


def test_numbers_are_the_same_everywhere_and_of_tiers_that_are_there() -> None:
    numbers = Numbers(["home", "top"])
    assert numbers.of("home") == Numbers([]).of("home") != numbers.of("top")
    assert [numbers.tier(numbers.of(tier)) for tier in ("home", "top", "gone")] == ["home", "top", ""]
    assert numbers.tier(0) == ""
