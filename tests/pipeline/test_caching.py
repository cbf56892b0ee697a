"""The cache on the request path, with a scripted world around it."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from homeport.config.cache import CacheRouteSettings, CacheSettings
from homeport.core.caching import Sharing
from homeport.core.errors import UpstreamRefused
from homeport.core.events import RequestFinished
from homeport.core.types import Completion, Frame, Outcome
from homeport.pipeline.flights import Flight, Landing
from tests.fakes.entries import MemoryEntries
from tests.fakes.house import CHAT, MID, NARROW, OPEN, PRIVATE, STREAM, House
from tests.fakes.upstream import DONE, USAGE, Hang
from tests.fakes.wire import Caller

EXACT = CacheSettings(exact=True)


def whole(text: str = "The third.", finish: str = "stop") -> Completion:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "mid-1", "choices": [choice]}
    told = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    return Completion(body=json.dumps({**body, "usage": told}).encode(), usage=USAGE)


def chunk(delta: dict[str, Any], finish: str | None = None) -> Frame:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "mid-1", "choices": [choice]}
    return Frame(data=b"data: " + json.dumps(body).encode() + b"\n\n", events=int("content" in delta))


USED = Frame(
    data=b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"mid-1","choices":[],'
    b'"usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100}}\n\n',
    usage=USAGE,
    closing=True,
    usage_only=True,
)
SPOKEN = (chunk({"role": "assistant", "content": "The "}), chunk({"content": "third."}), chunk({}, "stop"), USED, DONE)


def house(settings: CacheSettings = EXACT, **more: Any) -> House:
    made = House(MID, cache=settings, max_in_flight=200, **more)
    made.upstreams["mid"].script(whole())
    return made


def text_of(caller: Caller) -> str:
    if not caller.body.startswith(b"data:"):
        return str(json.loads(caller.body)["choices"][0]["message"]["content"])
    events = [event.removeprefix("data: ") for event in caller.body.decode().split("\n\n") if event]
    chunks = [json.loads(event) for event in events if event.startswith("{")]
    return "".join(one["choices"][0]["delta"].get("content") or "" for one in chunks if one.get("choices"))


async def test_the_very_same_request_is_answered_once_upstream() -> None:
    home = house()
    first, second = await home.ask(), await home.ask()
    assert home.calls() == ["mid"]
    assert text_of(first) == text_of(second) == "The third."
    assert (first.headers["x-homeport-cache"], second.headers["x-homeport-cache"]) == ("miss", "hit")
    assert second.headers["x-homeport-cost"] == "0.000000000"
    assert second.headers["x-homeport-model"] == "mid"
    assert json.loads(first.body)["id"] != json.loads(second.body)["id"]


async def test_a_hit_costs_nothing_and_says_what_it_saved() -> None:
    home = house()
    await home.ask()
    await home.ask()
    made, kept = home.recorder.events
    assert made.cost > 0
    assert (kept.cost, kept.saved_cost, kept.cache) == (0, made.cost, "hit")
    assert (kept.input_tokens, kept.output_tokens, kept.baseline_cost) == (0, 0, 0)
    assert (made.saved_cost, made.cache) == (0, "miss")


@pytest.mark.parametrize(("first", "second"), [(CHAT, STREAM), (STREAM, CHAT), (STREAM, STREAM)])
async def test_a_stream_and_a_whole_answer_stand_in_for_each_other(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    home = house()
    home.upstreams["mid"].script(SPOKEN if first is STREAM else whole())
    made, kept = await home.ask(first), await home.ask(second)
    assert home.calls() == ["mid"]
    assert text_of(made) == text_of(kept) == "The third."
    assert kept.headers["x-homeport-cache"] == "hit"
    assert kept.headers["content-type"].startswith("text/event-stream" if second is STREAM else "application/json")
    if second is STREAM:
        assert kept.body.endswith(b"data: [DONE]\n\n")


async def test_nothing_is_kept_unless_it_is_switched_on() -> None:
    home = house(CacheSettings())
    await home.ask()
    again = await home.ask()
    assert home.calls() == ["mid", "mid"]
    assert "x-homeport-cache" not in again.headers


async def test_a_route_is_cached_and_others_are_not() -> None:
    home = house(CacheSettings(routes=(CacheRouteSettings(name="mid alone", models=("mid",), exact=True),)))
    for model in ("mid", "mid", "auto", "auto"):
        await home.ask({**CHAT, "model": model})
    assert home.calls() == ["mid"] * 3


async def test_an_answer_dies_when_its_time_is_over_however_often_it_was_given() -> None:
    home = house(CacheSettings(exact=True, ttl_seconds=60))
    await home.ask()
    home.clock.advance(40 * 10**9)
    young = await home.ask()
    assert young.headers["age"] == "40"
    home.clock.advance(30 * 10**9)
    old = await home.ask()
    assert old.headers["x-homeport-cache"] == "miss"
    assert home.calls() == ["mid", "mid"]


@pytest.mark.parametrize(
    ("control", "calls", "after"),
    [
        ("no-cache", 2, "hit"),
        ("no-store", 2, "hit"),
        ("max-age=10", 2, "hit"),
        ("max-age=100", 1, "hit"),
        ("max-age=nonsense", 2, "hit"),
        ("max-age=9999999999999999999999", 1, "hit"),
        ("max-age=" + "9" * 5_000, 1, "hit"),
        ("only-if-cached", 1, "hit"),
        ("Foo, bar=1", 1, "hit"),
        ("NO-CACHE", 2, "hit"),
    ],
)
async def test_a_caller_says_how_old_an_answer_may_be(control: str, calls: int, after: str) -> None:
    home = house()
    await home.ask()
    home.clock.advance(50 * 10**9)
    await home.ask(headers=[("cache-control", control)])
    assert len(home.calls()) == calls
    assert (await home.ask()).headers["x-homeport-cache"] == after


async def test_what_is_not_to_be_kept_is_not() -> None:
    home = house()
    await home.ask(headers=[("cache-control", "no-store")])
    assert (await home.ask()).headers["x-homeport-cache"] == "miss"


async def test_only_a_kept_answer_or_none() -> None:
    home = house()
    refused = await home.ask(headers=[("cache-control", "only-if-cached")])
    assert (refused.status, json.loads(refused.body)["error"]["code"]) == (504, "not_cached")
    assert refused.headers["x-should-retry"] == "false"
    assert home.calls() == []


@pytest.mark.parametrize(
    ("settings", "more", "told"),
    [
        (CacheSettings(exact=True), {"temperature": 1}, "bypass:sampled"),
        (CacheSettings(), {}, None),
        (CacheSettings(routes=(CacheRouteSettings(name="r", models=("auto",), exact=True),)), {}, None),
    ],
)
async def test_what_is_never_kept_is_not_made_either(
    settings: CacheSettings, more: dict[str, object], told: str | None
) -> None:
    home = house(settings)
    refused = await home.ask({**CHAT, "model": "mid", **more}, headers=[("cache-control", "only-if-cached")])
    assert (refused.status, json.loads(refused.body)["error"]["code"]) == (504, "not_cached")
    assert refused.headers.get("x-homeport-cache") == told
    assert home.calls() == []


@pytest.mark.parametrize("tags", ["a b", "ü", "," * 3 + "x" * 65, ",".join(f"t{n}" for n in range(17)), "-a"])
async def test_tags_that_are_none_are_refused(tags: str) -> None:
    home = house()
    refused = await home.ask(headers=[("x-homeport-cache-tags", tags)])
    assert (refused.status, json.loads(refused.body)["error"]["code"]) == (400, "cache_tags_invalid")


async def test_a_corpus_that_is_none_is_refused() -> None:
    refused = await house().ask(headers=[("x-homeport-corpus", "x" * 129)])
    assert json.loads(refused.body)["error"]["code"] == "cache_corpus_invalid"


async def test_another_corpus_is_another_request() -> None:
    home = house()
    for corpus in ("1", "1", "2"):
        await home.ask(headers=[("x-homeport-corpus", corpus)])
    assert len(home.calls()) == 2


async def test_keys_do_not_share_unless_they_are_told_to() -> None:
    home = house()
    await home.ask(token=OPEN)
    await home.ask(token=NARROW)
    shared = house(CacheSettings(exact=True, share=Sharing.EVERYONE))
    await shared.ask(token=OPEN)
    await shared.ask(token=OPEN)
    assert len(shared.calls()) == 1


async def test_one_of_many_who_ask_the_same_is_sent_and_all_are_answered() -> None:
    home = house()
    opened = asyncio.Event()
    home.upstreams["mid"].script(whole())
    inner = home.upstreams["mid"].complete

    async def late(call: Any) -> Completion:
        await opened.wait()
        return await inner(call)

    home.upstreams["mid"].complete = late  # type: ignore[method-assign]  # a slow one, for this test alone
    asking = [asyncio.create_task(home.ask()) for _ in range(100)]
    await asyncio.sleep(0.05)
    opened.set()
    answers = await asyncio.gather(*asking)
    assert home.calls() == ["mid"]
    assert sorted(one.headers["x-homeport-cache"] for one in answers) == ["hit"] * 99 + ["miss"]
    assert {text_of(one) for one in answers} == {"The third."}


async def test_who_waits_for_one_who_leaves_asks_himself() -> None:
    home = house()
    home.upstreams["mid"].script(Hang(), whole())
    gone = asyncio.create_task(home.ask())
    await home.upstreams["mid"].hanging.wait()
    waiting = [asyncio.create_task(home.ask()) for _ in range(5)]
    await asyncio.sleep(0.01)
    assert home.calls() == ["mid"]
    gone.cancel()
    answers = await asyncio.gather(*waiting)
    assert home.calls() == ["mid", "mid"]
    assert [one.status for one in answers] == [200] * 5


async def test_who_waits_for_a_failure_asks_at_once() -> None:
    home = house()
    opened = asyncio.Event()
    failing = 0

    async def fail(call: Any) -> Completion:
        nonlocal failing
        failing += 1
        await opened.wait()
        raise UpstreamRefused("no", status=400, retryable=False)

    home.upstreams["mid"].complete = fail  # type: ignore[method-assign]  # one that fails late
    asking = [asyncio.create_task(home.ask()) for _ in range(6)]
    await asyncio.sleep(0.02)
    assert failing == 1
    opened.set()
    answers = await asyncio.gather(*asking)
    assert failing == 6, "one after the other would have waited for each other"
    assert {one.status for one in answers} == {400}


@pytest.mark.parametrize("answer", [whole(finish="length"), whole(finish="content_filter"), whole("")])
async def test_what_did_not_come_to_its_end_is_not_kept(answer: Completion) -> None:
    home = house()
    home.upstreams["mid"].script(answer)
    await home.ask()
    assert (await home.ask()).headers["x-homeport-cache"] == "miss"


async def test_a_stream_that_broke_is_not_kept() -> None:
    home = house()
    home.upstreams["mid"].script([*SPOKEN[:2], RuntimeError("gone")], SPOKEN)
    await home.ask(STREAM)
    again = await home.ask(STREAM)
    assert again.headers["x-homeport-cache"] == "miss"
    assert text_of(again) == "The third."


async def test_an_answer_that_is_too_long_is_not_kept() -> None:
    home = house(CacheSettings(exact=True, max_entry_bytes=1024))
    home.upstreams["mid"].script(whole("x" * 2000))
    await home.ask()
    assert (await home.ask()).headers["x-homeport-cache"] == "miss"


async def test_a_request_for_variety_is_not_cached_and_says_so() -> None:
    home = house()
    body = {**CHAT, "temperature": 0.7}
    await home.ask(body)
    assert (await home.ask(body)).headers["x-homeport-cache"] == "bypass:sampled"
    assert len(home.calls()) == 2


async def test_private_answers_are_kept_for_their_key_alone_and_never_stored() -> None:
    entries = MemoryEntries()
    home = House(cache=CacheSettings(exact=True, share=Sharing.EVERYONE), entries=entries)
    home.upstreams["own"].script(whole())
    await home.ask(token=PRIVATE)
    again = await home.ask(token=PRIVATE)
    assert again.headers["x-homeport-cache"] == "hit"
    assert home.cache.library is not None
    await home.cache.library.exchange_news()
    assert entries.kept == {}


async def test_a_cancelled_request_leaves_no_flight() -> None:
    home = house()
    home.upstreams["mid"].script(Hang())
    asking = asyncio.create_task(home.ask())
    await home.upstreams["mid"].hanging.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert home.recorder.events[0].outcome is Outcome.CANCELLED
    assert len(home.cache.flights) == 0


async def test_a_hit_tells_the_tokens_of_the_answer_that_it_gives() -> None:
    home = house()
    home.upstreams["mid"].script([frame for frame in SPOKEN if not frame.usage_only])
    asked = {**STREAM, "stream_options": {"include_usage": True}}
    for _ in range(2):
        answer = await home.ask(asked)
        told = [json.loads(line[6:]) for line in answer.body.decode().split("\n") if line.startswith("data: {")]
        assert [one["usage"]["prompt_tokens"] > 0 for one in told if one.get("usage")] == [True]
    assert home.calls() == ["mid"]


async def test_a_request_that_cannot_be_settled_leaves_no_flight() -> None:
    class Broken:
        def observe(self, event: RequestFinished) -> None:
            raise RuntimeError("a defect")

    home = house()
    stages = home.pipeline._stages
    home.pipeline._stages = msgspec.structs.replace(stages, observers=(Broken(),))
    assert (await home.ask()).status == 500
    assert len(home.cache.flights) == 0


async def test_a_cache_that_fails_is_one_that_has_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    home = house()
    await home.ask()

    def fail(*_: object, **__: object) -> bytes:
        raise ValueError("what is kept is odd")

    monkeypatch.setattr("homeport.protocols.replay.base.ToldReplay.renamed", fail)
    again = await home.ask()
    assert (again.status, again.headers["x-homeport-cache"]) == (200, "miss")
    assert len(home.cache.flights) == 0


async def test_who_waits_for_one_who_is_slow_has_time_left_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    home = house()
    home.upstreams["mid"].script(Hang(), whole())
    slow = asyncio.create_task(home.ask())
    await home.upstreams["mid"].hanging.wait()

    async def land_late(_: Flight, seconds: float) -> Landing:
        home.clock.advance(round(seconds * 1e9))
        return Landing.UNFIT

    monkeypatch.setattr(Flight, "landing", land_late)
    assert (await home.ask(headers=[("x-homeport-timeout", "20")])).status == 200
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)
