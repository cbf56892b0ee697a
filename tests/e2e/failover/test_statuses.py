"""The upstream refuses: who is told what, who is asked again, and that a refusal costs nothing."""

import json

import pytest

from tests.e2e.failover.house import ENDS, House, Reply

pytestmark = pytest.mark.slow

SHAPES = [
    ("chat/completions", "chat", False),
    ("chat/completions", "chat", True),
    ("chat/completions", "claude", True),
    ("completions", "chat", False),
    ("completions", "chat", True),
    ("embeddings", "chat", False),
    ("responses", "chat", True),
    ("responses", "native", False),
    ("responses", "native", True),
    ("messages", "chat", False),
    ("messages", "chat", True),
    ("messages", "claude", True),
    ("rerank", "native", False),
    ("moderations", "native", False),
]
# status: calls, what the caller is told, our code for the attempt
REFUSALS = {
    400: (1, 400, "upstream_rejected_request"),
    413: (1, 413, "upstream_rejected_request"),
    422: (1, 422, "upstream_rejected_request"),
    401: (1, 502, "upstream_auth_failed"),
    403: (1, 502, "upstream_auth_failed"),
    404: (1, 502, "upstream_model_missing"),
    409: (1, 503, "upstream_failed"),
    408: (3, 503, "upstream_failed"),
    429: (3, 429, "upstream_rate_limited"),
    500: (3, 503, "upstream_failed"),
    502: (3, 503, "upstream_failed"),
    503: (3, 503, "upstream_failed"),
    504: (3, 503, "upstream_failed"),
    529: (3, 503, "upstream_failed"),
}


def ask(house: House, shape: tuple[str, str, bool]) -> Reply:
    surface, model, stream = shape
    return house.ask(surface, model, stream=True) if stream else house.ask(surface, model)


def assert_told(reply: Reply, surface: str, status: int, code: str) -> None:
    """An error in the caller's dialect, with a code, a next step and the request's id."""
    assert reply.status == status
    assert reply.headers["content-type"] == "application/json"
    error = reply.error
    assert error["code"] == code
    assert error["message"]
    assert error["hint"]
    if surface == "messages":
        assert reply.fields["type"] == "error"
        assert reply.fields["request_id"] == reply.request_id
    else:
        assert error["request_id"] == reply.request_id


@pytest.mark.parametrize("status", REFUSALS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape)))
def test_a_refusal_through_every_surface(house: House, shape: tuple[str, str, bool], status: int) -> None:
    calls, told, code = REFUSALS[status]
    before = house.sim.total
    house.sim.queue(f"status={status}", times=calls)
    reply = ask(house, shape)
    assert_told(reply, shape[0], told, code if calls == 1 and told < 500 else "upstream_unavailable")
    assert [seen["status"] for seen in house.sim.seen(before)] == [status] * calls
    row = house.row(reply.request_id)
    assert [attempt["error"] for attempt in row["attempts"]] == [code] * calls
    assert (row["status"], row["outcome"]) == (told, "rejected" if told < 429 else "failed")
    assert (row["input_tokens"], row["output_tokens"], row["cost"], row["estimated"]) == (0, 0, 0, False)
    assert ("retry-after" in reply.headers) is (told in {429, 503})


@pytest.mark.parametrize("surface", ["chat/completions", "completions", "responses", "messages"])
def test_the_next_of_a_tier_answers_and_is_the_only_one_billed(house: House, surface: str) -> None:
    before = house.sim.total
    house.sim.queue("status=503")
    reply = house.ask(surface, "pair")
    assert (reply.status, reply.headers["x-homeport-model"]) == (200, "second")
    assert reply.headers["x-homeport-reason"] == "failover:first:upstream_failed"
    assert [seen["status"] for seen in house.sim.seen(before)] == [503, 200]
    row = house.row(reply.request_id)
    assert [(attempt["target"], attempt["error"]) for attempt in row["attempts"]] == [
        ("first", "upstream_failed"),
        ("second", ""),
    ]
    assert row["cost"] == 7 * 2000 + row["output_tokens"] * 8000


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_is_the_callers_fault_is_not_tried_elsewhere(house: House, status: int) -> None:
    before = house.sim.total
    house.sim.queue(f"status={status}")
    assert house.ask(model="pair").status == status
    assert len(house.sim.seen(before)) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 408, 409, 429, 500, 502, 503, 504, 529])
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_not_is(house: House, status: int, stream: bool) -> None:
    before = house.sim.total
    house.sim.queue(f"status={status}")
    reply = house.ask(model="pair", stream=stream)
    assert (reply.status, reply.headers["x-homeport-model"]) == (200, "second")
    assert len(house.sim.seen(before)) == 2


def test_a_short_retry_after_is_waited_for(house: House) -> None:
    model, before = house.limited(), house.sim.total
    house.sim.queue("status=429;retry-after=1")
    reply = house.ask(model=model)
    assert reply.status == 200
    first, second = house.sim.seen(before)
    assert second["began"] - first["began"] >= 1
    assert house.row(reply.request_id)["cost"] == 7 * 2000 + 48 * 8000


@pytest.mark.parametrize("name", ["retry-after", "retry-after-date"])
def test_a_long_retry_after_is_told_and_holds_for_others_too(house: House, name: str) -> None:
    """Whoever asks meanwhile is told at once, and the upstream is left alone."""
    model, before = house.limited(), house.sim.total
    house.sim.queue(f"status=429;{name}=90")
    first, second = house.ask(model=model), house.ask(model=model)
    for reply in (first, second):
        assert reply.status == 429
        assert 85 <= int(reply.headers["retry-after"]) <= 91
    assert len(house.sim.seen(before)) == 1
    assert [attempt["error"] for attempt in house.row(second.request_id)["attempts"]] == ["cooling_down"]


def test_a_retry_after_beyond_the_callers_deadline_is_not_waited_for(house: House) -> None:
    model, before = house.limited(), house.sim.total
    house.sim.queue("status=503;retry-after=2")
    reply = house.ask(model=model, headers={"x-homeport-timeout": "1"})
    assert reply.status == 503
    assert len(house.sim.seen(before)) == 1


def test_no_secret_and_no_prompt_is_in_an_error_of_ours(house: House) -> None:
    house.sim.queue("status=500", times=3)
    reply = house.ask()
    assert b"key-of-the-sim" not in reply.body
    assert b"Which clause" not in reply.body
    assert house.program.key.encode() not in reply.body


@pytest.mark.parametrize(
    ("surface", "model", "kind"),
    [("responses", "native", "response.failed"), ("messages", "claude", "error"), ("chat/completions", "chat", None)],
)
def test_an_error_event_of_the_upstream_is_told_in_words_of_our_own(
    house: House, surface: str, model: str, kind: str | None
) -> None:
    house.sim.queue("error-event;after=6")
    reply = house.ask(surface, model, stream=True)
    last = json.loads(reply.events[-1])
    assert last.get("type") == kind
    assert reply.error
    assert not any(json.loads(event).get("type") in ENDS for event in reply.events)
    row = house.row(reply.request_id)
    assert (row["outcome"], row["error"]) == ("failed", "upstream_failed")
    assert 0 < row["output_tokens"] < 48
