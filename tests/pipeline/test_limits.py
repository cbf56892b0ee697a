"""Rate limits on the request path: what is refused, what is told, and that everything is given back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.types import Key, Outcome, RateLimits, Usage
from homeport.pipeline.limits import written
from homeport.storage.ratelimits import SharedLimiter
from tests.fakes.clock import ManualClock
from tests.fakes.house import CHAT, EMBED, MID, OPEN, STREAM, House
from tests.fakes.house import KEYS as FREE
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.upstream import Hang, spoken, whole

SECOND = 1_000_000_000
LIMITED = {
    "requests": RateLimits(requests_per_minute=2),
    "tokens": RateLimits(tokens_per_minute=100),
    "concurrent": RateLimits(concurrent_requests=1),
    "both": RateLimits(requests_per_minute=60, tokens_per_minute=6_000),
}
KEYS = FREE | {name: Key(id=f"key_{name}", name=name, limits=limits) for name, limits in LIMITED.items()}


class Place:
    """A house whose keys have limits, at a time that a test sets."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.limiter = SharedLimiter(folder, self.clock.monotonic_ns)
        self.house = House(MID, keys=FixedKeyRing(KEYS), limiter=self.limiter)
        self.upstream = self.house.upstreams["mid"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.limiter.close()


async def test_requests_a_minute(place: Place) -> None:
    place.upstream.script(whole(), whole(), whole())
    assert [(await place.house.ask(token="requests")).status for _ in range(2)] == [200, 200]
    refused = await place.house.ask(token="requests")
    assert (refused.status, refused.error["code"], refused.error["type"]) == (
        429,
        "rate_limit_exceeded",
        "rate_limit_error",
    )
    assert refused.error["rate_limit"] == {"kind": "requests", "limit": 2, "used": 2, "reset_seconds": 60.0}
    assert (refused.headers["retry-after"], refused.headers["retry-after-ms"]) == ("30", "30000")
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.headers["x-ratelimit-reset-requests"] == "1m0s"
    place.clock.advance(30 * SECOND)
    assert (await place.house.ask(token="requests")).status == 200
    assert len(place.house.calls()) == 3
    last = place.house.recorder.events[2]
    assert (last.outcome, last.status, last.error) == (Outcome.REJECTED, 429, "rate_limit_exceeded")


@pytest.mark.parametrize("body", [CHAT, STREAM])
async def test_every_answer_says_what_is_left(place: Place, body: dict[str, Any]) -> None:
    place.upstream.script(whole() if body is CHAT else spoken("a"))
    answer = await place.house.ask({**body, "max_tokens": 92}, token="both")
    assert {name: value for name, value in answer.headers.items() if name.startswith("x-ratelimit")} == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "6000",
        "x-ratelimit-remaining-tokens": "5900",
        "x-ratelimit-reset-tokens": "1s",
    }


async def test_a_key_without_limits_is_told_of_none(place: Place) -> None:
    place.upstream.script(whole())
    answer = await place.house.ask(token=OPEN)
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


async def test_tokens_are_those_of_the_answer_once_it_is_known(place: Place) -> None:
    asking = {**CHAT, "max_tokens": 90}
    place.upstream.script(whole(usage=Usage(input_tokens=8, output_tokens=2)), whole())
    assert (await place.house.ask(asking, token="tokens")).status == 200
    again = await place.house.ask(asking, token="tokens")
    assert (again.status, again.error["rate_limit"]["kind"]) == (429, "tokens")
    assert again.error["rate_limit"]["used"] == 10
    assert (await place.house.ask({**CHAT, "max_tokens": 82}, token="tokens")).status == 200


async def test_tokens_beyond_what_was_expected(place: Place) -> None:
    place.upstream.script(whole(usage=Usage(input_tokens=8, output_tokens=192)))
    assert (await place.house.ask(token="tokens")).status == 200
    refused = await place.house.ask(token="tokens")
    assert (refused.status, refused.headers["retry-after"]) == (429, "61")


async def test_a_prompt_that_can_never_be_let_in(place: Place) -> None:
    huge = {**CHAT, "messages": [{"role": "user", "content": "x" * 404}]}
    refused = await place.house.ask(huge, token="tokens")
    assert (refused.status, refused.headers["x-should-retry"]) == (429, "false")
    assert "retry-after" not in refused.headers
    assert place.house.calls() == []
    place.upstream.script(whole())
    assert (await place.house.ask({**CHAT, "max_tokens": 10**6}, token="tokens")).status == 200


async def test_a_refusal_comes_before_the_body_is_read(place: Place) -> None:
    place.upstream.script(whole(), whole())
    for _ in range(2):
        await place.house.ask(token="requests")
    assert (await place.house.ask(b"{", token="requests", more=True)).status == 429


async def test_what_fails_gives_its_place_back(place: Place) -> None:
    place.upstream.script(whole(), spoken("a"))
    for body in (b"not json", {**CHAT, "model": "nope"}, CHAT, STREAM):
        assert (await place.house.ask(body, token="concurrent")).status in (200, 400, 404)


async def test_one_at_a_time_until_the_caller_leaves(place: Place) -> None:
    place.upstream.script(Hang(), whole())
    first = place.house.caller(token="concurrent")
    running = first.start(place.house.app)
    await place.upstream.hanging.wait()
    refused = await place.house.ask(token="concurrent")
    assert (refused.status, refused.error["rate_limit"]["kind"]) == (429, "concurrent")
    assert refused.headers["retry-after"] == "1"
    first.leave()
    await running
    assert (await place.house.ask(token="concurrent")).status == 200


@pytest.mark.parametrize("sent", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize(("n", "left"), [(None, 5982), (3, 5962)])
async def test_the_longest_answer_is_expected(place: Place, sent: str, n: int | None, left: int) -> None:
    place.upstream.script(whole())
    answer = await place.house.ask({**CHAT, sent: 10, "n": n}, token="both")
    assert answer.headers["x-ratelimit-remaining-tokens"] == str(left)


async def test_embeddings_have_a_prompt_alone(place: Place) -> None:
    place.upstream.script(whole())
    answer = await place.house.ask(EMBED, surface="embeddings", token="both")
    assert answer.headers["x-ratelimit-remaining-tokens"] == "5992"


SPANS = [
    (0, "0ms"),
    (1, "1ms"),
    (17_000_000, "17ms"),
    (999_000_001, "1s"),
    (1_200_000_000, "1.2s"),
    (1_020_000_000, "1.02s"),
    (60_000_000_000, "1m0s"),
    (360_000_000_000, "6m0s"),
    (3_603_000_000_000, "1h0m3s"),
    (86_400_000_000_000, "24h0m0s"),
]


@pytest.mark.parametrize(("nanoseconds", "text"), SPANS)
def test_spans(nanoseconds: int, text: str) -> None:
    assert written(nanoseconds) == text


@given(st.integers(0, 10**15))
def test_a_span_is_never_written_shorter(nanoseconds: int) -> None:
    text = written(nanoseconds)
    if text.endswith("ms"):
        milliseconds = int(text.removesuffix("ms"))
    else:
        hours, _, rest = text.rpartition("h")
        minutes, _, seconds = rest.rpartition("m")
        whole_part, _, fraction = seconds.removesuffix("s").partition(".")
        milliseconds = (int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(whole_part)) * 1000
        milliseconds += int(fraction.ljust(3, "0")) if fraction else 0
    assert milliseconds == -(-nanoseconds // 1_000_000)
