"""Every way a request ends: what the caller got, what the upstream saw, and the one record of it."""

from typing import Any

import msgspec
import pytest

from homeport.core.errors import (
    ConnectFailed,
    HomeportError,
    InternalError,
    StorageError,
    StreamCut,
    UpstreamRefused,
)
from homeport.core.routing import Decision, Question
from homeport.core.types import DataClass, Outcome, Target
from tests.fakes.house import CHAT, EMBED, MID, NARROW, OPEN, OWN, PRIVATE, PROMPT, STREAM, TOP, House, seen
from tests.fakes.upstream import DONE, USAGE, Hang, counted, said, spoken, vectors, whole

BOTH = pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
SURFACES: dict[str, dict[str, Any]] = {
    "chat/completions": CHAT,
    "completions": {"model": "auto", "prompt": PROMPT},
    "embeddings": EMBED,
}


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_whole_answer(surface: str) -> None:
    house = House(MID)
    house.upstreams["mid"].script(whole())
    caller = await house.ask({**SURFACES[surface], "unknown": {"kept": [1.50, None]}}, surface=surface)
    assert caller.status == 200
    assert caller.body == whole().body
    assert caller.headers == {
        "content-type": "application/json",
        "content-length": str(len(whole().body)),
        "x-homeport-request-id": house.event.request_id,
        "x-request-id": house.event.request_id,
        "x-homeport-tier": "mid",
        "x-homeport-model": "mid",
        "x-homeport-reason": "static:mid",
        "x-homeport-cost": "0.001250000",
    }
    assert seen(house.upstreams["mid"]) == {**SURFACES[surface], "unknown": {"kept": [1.50, None]}}


async def test_the_record_of_a_whole_answer() -> None:
    house = House(MID)
    house.upstreams["mid"].script(whole())
    await house.ask()
    event = house.event
    assert (event.outcome, event.status, event.error) == (Outcome.COMPLETED, 200, "")
    assert (event.key_id, event.surface, event.requested_model) == ("key_open", "chat/completions", "auto")
    assert (event.tier, event.target, event.upstream, event.model) == ("mid", "mid", "at-mid", "mid-1")
    assert (event.local, event.data_class, event.stream, event.estimated) == (False, "open", False, False)
    assert (event.input_tokens, event.cached_input_tokens) == (USAGE.input_tokens, USAGE.cached_input_tokens)
    assert (event.output_tokens, event.reasoning_tokens) == (USAGE.output_tokens, USAGE.reasoning_tokens)
    # 800 x 1,000,000 + 200 x 250,000 + 100 x 4,000,000 pico-dollars.
    assert (event.cost, event.price_source) == (1_250_000, "list")
    assert event.started_at == house.clock.wall
    assert [attempt.error for attempt in event.attempts] == [""]


async def test_times_are_those_of_the_clock() -> None:
    house = House(OWN)
    house.upstreams["own"].working = lambda: house.clock.advance(4_000_000_000)
    house.upstreams["own"].script(whole())
    caller = await house.ask()
    event = house.event
    assert (event.latency_ns, event.ttft_ns) == (4_000_000_000, 4_000_000_000)
    # An hour of this machine costs 0.36 USD and it has two slots: 4 s of one slot are 0.0002 USD.
    assert event.cost == 200_000
    assert caller.headers["x-homeport-cost"] == "0.000200000"


async def test_a_stream() -> None:
    house = House(MID)
    house.upstreams["mid"].script(spoken("Clause", " 9."))
    caller = await house.ask(STREAM)
    assert caller.status == 200
    assert caller.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "content-length" not in caller.headers
    assert "x-homeport-cost" not in caller.headers
    assert caller.headers["x-homeport-request-id"] == house.event.request_id
    assert caller.pieces == [
        said("Clause").data,
        said(" 9.").data,
        b": x-homeport-cost: 0.001250000\n\ndata: [DONE]\n\n",
    ]
    event = house.event
    assert (event.outcome, event.status, event.stream, event.cost) == (Outcome.COMPLETED, 200, True, 1_250_000)
    assert (event.input_tokens, event.output_tokens, event.estimated) == (1000, 100, False)


@BOTH
async def test_recorded_before_the_last_byte(body: dict[str, Any]) -> None:
    house = House(MID)
    house.upstreams["mid"].script(spoken("Clause", " 9.") if body is STREAM else whole())
    await house.ask(body)
    assert house.log.count("recorded") == house.log.count("last byte") == 1
    assert house.log.index("recorded") < house.log.index("last byte")


REJECTED: dict[str, tuple[dict[str, Any], int, str]] = {
    "not json": ({"body": b"{"}, 400, "invalid_json"),
    "wrong type": ({"body": {**CHAT, "temperature": "hot"}}, 400, "invalid_value"),
    "no such model": ({"body": {**CHAT, "model": "gone"}}, 404, "model_not_found"),
    "not permitted": ({"body": {**CHAT, "model": "mid"}, "token": NARROW}, 403, "model_not_permitted"),
    "data class": ({"headers": [("x-homeport-data-class", "secret")]}, 400, "invalid_data_class"),
    "too large": ({"body": b"x" * 100_001}, 413, "request_too_large"),
}


@pytest.mark.parametrize("case", REJECTED)
async def test_rejected(case: str) -> None:
    request, status, code = REJECTED[case]
    house = House(OWN, MID)
    caller = await house.ask(**request)
    assert (caller.status, caller.error["code"]) == (status, code)
    assert caller.error["request_id"] == house.event.request_id == caller.headers["x-homeport-request-id"]
    event = house.event
    assert (event.outcome, event.status, event.error) == (Outcome.REJECTED, status, code)
    assert (event.target, event.cost, event.input_tokens, event.attempts) == ("", 0, 0, ())
    assert house.calls() == []
    assert house.log == ["recorded", "first byte", "last byte"]


async def test_a_rejected_request_keeps_its_data_class() -> None:
    """A ledger that calls a private key's request open would mislead whoever audits it."""
    house = House(OWN)
    await house.ask(b"{", token=PRIVATE)
    assert house.event.data_class == DataClass.PRIVATE


async def test_no_model_for_a_surface() -> None:
    house = House(msgspec.structs.replace(TOP, surfaces=frozenset()))
    caller = await house.ask()
    assert (caller.status, caller.error["code"], caller.error["param"]) == (400, "surface_not_supported", "model")
    assert house.event.outcome is Outcome.REJECTED


@pytest.mark.parametrize("token", [None, "", "hp-unknown", "hp-open-token2", OPEN.upper()])
async def test_unauthenticated_requests_leave_no_record(token: str | None) -> None:
    house = House(MID)
    caller = await house.ask(token=token)
    assert caller.status == 401
    assert caller.error["code"] == ("invalid_api_key" if token else "missing_api_key")
    assert caller.headers["www-authenticate"] == "Bearer"
    assert (house.recorder.events, house.observed.events, house.calls()) == ([], [], [])
    assert b'homeport_refused_total{code="' + caller.error["code"].encode() + b'"} 1.0' in house.metrics.page()


async def test_an_unauthenticated_body_is_not_read() -> None:
    house = House(MID)
    caller = house.caller(b"x" * 1_000_000, token=None, more=True)
    await caller.call(house.app)
    assert caller.status == 401


FAILURES: dict[str, tuple[Exception, int, str]] = {
    "refused": (UpstreamRefused("too long", status=400, retryable=False, code="upstream_rejected_request"), 400, ""),
    "unprocessable": (UpstreamRefused("no", status=422, retryable=False, code="upstream_rejected_request"), 422, ""),
    "odd refusal": (UpstreamRefused("no", status=500, retryable=False, code="upstream_rejected_request"), 400, ""),
    "unreachable": (ConnectFailed("refused"), 503, "upstream_unavailable"),
    "defect": (RuntimeError("a secret detail"), 500, "internal_error"),
}


@BOTH
@pytest.mark.parametrize("case", FAILURES)
async def test_failed(case: str, body: dict[str, Any]) -> None:
    error, status, code = FAILURES[case]
    house = House(MID)
    house.upstreams["mid"].script(error)
    caller = await house.ask(body)
    expected = code or "upstream_rejected_request"
    assert (caller.status, caller.error["code"]) == (status, expected)
    assert "secret detail" not in caller.body.decode()
    assert caller.headers["content-type"] == "application/json"
    event = house.event
    outcome = Outcome.REJECTED if expected == "upstream_rejected_request" else Outcome.FAILED
    assert (event.outcome, event.status, event.error) == (outcome, status, expected)
    assert len(house.upstreams["mid"].calls) == 1
    assert house.log == ["recorded", "first byte", "last byte"]
    if case != "defect":
        assert (event.target, event.cost, event.input_tokens) == ("", 0, 0)


@BOTH
async def test_a_full_journal_stops_a_request_before_it_is_sent(body: dict[str, Any]) -> None:
    house = House(MID)
    house.recorder.full = True
    caller = await house.ask(body)
    assert (caller.status, caller.error["code"], caller.error["type"]) == (503, "journal_full", "server_error")
    assert caller.headers["retry-after"] == "1"
    assert (house.calls(), house.recorder.events) == ([], [])


async def test_what_cannot_be_recorded_is_not_answered() -> None:
    house = House(MID)
    house.upstreams["mid"].script(whole("the answer"))
    house.recorder.broken = StorageError("the disk is gone", code="journal_unwritable")
    caller = await house.ask()
    assert (caller.status, caller.error["code"]) == (503, "journal_unwritable")
    assert b"the answer" not in caller.body
    assert "x-homeport-cost" not in caller.headers


async def test_observers_are_told_of_the_failure_to_record() -> None:
    house = House(MID)
    house.upstreams["mid"].working = lambda: house.clock.advance(9)
    house.upstreams["mid"].script(whole())
    house.recorder.broken = StorageError("the disk is gone", code="journal_unwritable")
    await house.ask()
    [event] = house.observed.events
    assert (event.outcome, event.status, event.error) == (Outcome.FAILED, 503, "journal_unwritable")
    assert (event.latency_ns, event.ttft_ns) == (9, 0), "the caller got no byte of an answer"


@pytest.mark.parametrize("frames", [spoken("Clause"), [counted(), DONE], [DONE]], ids=["text", "usage", "empty"])
async def test_a_stream_that_cannot_be_recorded_does_not_end_well(frames: list[Any]) -> None:
    house = House(MID)
    house.upstreams["mid"].script(frames)
    house.recorder.broken = StorageError("the disk is gone", code="journal_unwritable")
    caller = await house.ask(STREAM)
    assert caller.status == 200
    assert b"journal_unwritable" in caller.pieces[-1]
    assert b"[DONE]" not in caller.body
    assert b"x-homeport-cost" not in caller.body


async def test_no_place() -> None:
    house = House(MID, max_in_flight=1)
    house.upstreams["mid"].script(Hang(), whole())
    first = house.caller()
    task = first.start(house.app)
    await house.upstreams["mid"].hanging.wait()
    second = await house.ask()
    assert (second.status, second.error["code"], second.headers["retry-after"]) == (503, "overloaded", "1")
    assert (house.event.outcome, house.event.error) == (Outcome.FAILED, "overloaded")
    first.leave()
    await task
    assert house.admission.in_flight == 0
    third = await house.ask()
    assert third.status == 200


@BOTH
@pytest.mark.parametrize("script", [[whole()], [ConnectFailed("no")], [RuntimeError("x")]], ids=repr)
async def test_every_place_is_given_back(body: dict[str, Any], script: list[Any]) -> None:
    house = House(MID)
    house.upstreams["mid"].script(
        *(spoken("a") if body is STREAM and not isinstance(a, Exception) else a for a in script)
    )
    await house.ask(body)
    assert house.admission.in_flight == 0
    assert b"homeport_requests_in_flight 0.0" in house.metrics.page()


async def test_usage_is_estimated_where_none_was_reported() -> None:
    house = House(MID)
    house.upstreams["mid"].script([said("a"), said("b"), said("c"), DONE])
    await house.ask(STREAM)
    event = house.event
    assert (event.estimated, event.output_tokens) == (True, 3)
    assert event.input_tokens == -(-len(PROMPT) // 4)
    assert event.cost == event.input_tokens * 1_000 + 3 * 4_000


async def test_the_estimate_of_a_whole_answer_counts_what_was_said_and_not_the_json_around_it() -> None:
    house = House(MID)
    house.upstreams["mid"].script(whole("x" * 40, usage=None))
    await house.ask(CHAT)
    assert (house.event.estimated, house.event.output_tokens) == (True, 10)


async def test_an_estimate_of_embeddings_has_no_output() -> None:
    """A vector of 2,000 characters is not 500 generated tokens."""
    house = House(MID)
    house.upstreams["mid"].script(vectors(usage=None))
    await house.ask(EMBED, surface="embeddings")
    assert (house.event.estimated, house.event.output_tokens) == (True, 0)


class Sly:
    """A policy that ignores what it is given."""

    def __init__(self, *candidates: Target) -> None:
        self._candidates = candidates

    def decide(self, question: Question, eligible: tuple[Target, ...]) -> Decision:
        return Decision(candidates=self._candidates, reason="sly")


@BOTH
async def test_no_policy_can_send_private_data_away(body: dict[str, Any]) -> None:
    house = House(OWN, MID, policy=Sly(MID))
    house.upstreams["mid"].script(spoken("a") if body is STREAM else whole())
    caller = await house.ask(body, token=PRIVATE)
    assert (caller.status, caller.error["code"]) == (500, InternalError.default_code)
    assert house.calls() == []
    assert (house.event.outcome, house.event.target) == (Outcome.FAILED, "")


@pytest.mark.parametrize("error", [StreamCut("cut"), UpstreamRefused("no", status=503, retryable=True)], ids=repr)
@pytest.mark.parametrize("frames", [[said("Clause")], [counted()]], ids=["text", "usage first"])
async def test_a_stream_that_breaks_ends_in_an_error_event(error: HomeportError, frames: list[Any]) -> None:
    house = House(MID, TOP)
    house.upstreams["mid"].script([*frames, error])
    caller = await house.ask(STREAM)
    assert caller.status == 200
    assert caller.pieces[-1].startswith(b'data: {"error":{')
    assert error.code.encode() in caller.pieces[-1]
    assert b"[DONE]" not in caller.body
    assert house.calls() == ["mid"]
    event = house.event
    assert (event.outcome, event.error, event.target) == (Outcome.FAILED, error.code, "mid")
    assert event.cost > 0
