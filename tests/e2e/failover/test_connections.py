"""Before and around the answer: no name, no connection, no TLS, no time, and connections that end between requests."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.e2e.failover.house import House, Reply

pytestmark = pytest.mark.slow

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
PROMPT_ESTIMATE = 8 * 2000
"""31 characters are 8 tokens, at four to a token."""


def assert_nobody_answered(
    house: House, reply: Reply, status: int, errors: Sequence[str], cost: int = 0
) -> dict[str, Any]:
    assert (reply.status, reply.error["code"]) == (status, "upstream_unavailable")
    target = house.row(reply.request_id)["attempts"][0]["target"]
    assert reply.error["attempts"] == [f"{target}: {error}" for error in errors]
    row = house.row(reply.request_id)
    assert (row["outcome"], row["status"], row["error"]) == ("failed", status, "upstream_unavailable")
    assert [attempt["error"] for attempt in row["attempts"]] == list(errors)
    assert row["cost"] == sum(attempt["cost"] for attempt in row["attempts"]) == cost
    assert row["estimated"] is (cost > 0)
    assert (row["input_tokens"], row["output_tokens"]) == (0, 0)
    return row


@BOTH
def test_refused(house: House, stream: bool) -> None:
    house.spare.listen("refuse")
    reply = house.ask(model="spare", stream=stream)
    assert_nobody_answered(house, reply, 503, ["upstream_unreachable"] * 3)
    assert int(reply.headers["retry-after"]) >= 1


@BOTH
def test_no_such_name(house: House, stream: bool) -> None:
    assert_nobody_answered(house, house.ask(model="nowhere", stream=stream), 503, ["upstream_unreachable"] * 3)


@BOTH
@pytest.mark.parametrize("mode", ["open", "garbage"])
def test_no_tls(house: House, mode: str, stream: bool) -> None:
    """Plain HTTP, and noise, where a handshake is expected: it fails, or does not end in time."""
    house.spare.listen(mode)
    before = house.spare.total
    reply = house.ask(model="hasty-tls", stream=stream)
    errors = [attempt["error"] for attempt in house.row(reply.request_id)["attempts"]]
    assert set(errors) <= {"upstream_unreachable", "upstream_connect_timeout"}
    assert_nobody_answered(house, reply, 504 if errors[-1] == "upstream_connect_timeout" else 503, errors)
    assert house.spare.total == before


@BOTH
def test_connecting_does_not_end(house: House, stream: bool) -> None:
    house.spare.listen("hang")
    assert_nobody_answered(house, house.ask(model="hasty-spare", stream=stream), 504, ["upstream_connect_timeout"])


@BOTH
def test_reset_at_once(house: House, stream: bool) -> None:
    house.spare.listen("reset")
    reply = house.ask(model="spare", stream=stream)
    errors = [attempt["error"] for attempt in house.row(reply.request_id)["attempts"]]
    assert_nobody_answered(house, reply, 503, errors)
    assert len(errors) == 3
    assert set(errors) <= {"upstream_disconnected", "upstream_unreachable"}


def test_noise_instead_of_http(house: House) -> None:
    house.spare.listen("garbage")
    reply = house.ask(model="spare")
    row = house.row(reply.request_id)
    assert {attempt["error"] for attempt in row["attempts"]} <= {"upstream_bad_answer", "upstream_disconnected"}
    assert (reply.status, row["outcome"]) in {(502, "failed"), (503, "failed")}


@pytest.mark.parametrize(
    ("stream", "error"), [(False, "upstream_total_timeout"), (True, "upstream_first_token_timeout")]
)
@pytest.mark.parametrize("fault", ["delay", "first-token"])
def test_the_first_token_does_not_come(house: House, stream: bool, error: str, fault: str) -> None:
    """Asked once, for it would take as long again; cancelled; billed for its prompt."""
    before = house.sim.total
    house.sim.queue(fault, times=3)
    reply = house.ask(model="hasty-chat", stream=stream)
    assert_nobody_answered(house, reply, 504, [error], cost=PROMPT_ESTIMATE)
    house.sim.wait_idle()
    assert [seen["cancelled"] for seen in house.sim.seen(before)] == [True]


@BOTH
def test_a_connection_on_which_nothing_is_read(house: House, stream: bool) -> None:
    house.spare.listen("silent")
    reply = house.ask(model="hasty-spare", stream=stream)
    error = "upstream_first_token_timeout" if stream else "upstream_total_timeout"
    assert_nobody_answered(house, reply, 504, [error], cost=PROMPT_ESTIMATE)


@BOTH
def test_the_callers_own_deadline(house: House, stream: bool) -> None:
    before = house.sim.total
    house.sim.queue("delay", times=3)
    reply = house.ask(model="chat", stream=stream, headers={"x-homeport-timeout": "0.5"})
    assert_nobody_answered(house, reply, 504, ["upstream_total_timeout"], cost=PROMPT_ESTIMATE)
    house.sim.wait_idle()
    assert [seen["cancelled"] for seen in house.sim.seen(before)] == [True]


@BOTH
@pytest.mark.parametrize("fault", ["drop", "drop-reset"])
def test_a_connection_that_ends_without_an_answer(house: House, fault: str, stream: bool) -> None:
    house.sim.queue("close")  # So that none is kept, and each call has a connection of its own.
    assert house.ask().status == 200
    before = house.sim.total
    house.sim.queue(fault, times=3)
    assert_nobody_answered(house, house.ask(stream=stream), 503, ["upstream_disconnected"] * 3)
    assert len(house.sim.seen(before)) == 3


@BOTH
def test_a_moment_later_it_answers(house: House, stream: bool) -> None:
    house.sim.queue("close")
    assert house.ask().status == 200
    house.sim.queue("drop-reset")
    reply = house.ask(stream=stream)
    assert (reply.status, reply.headers["x-homeport-reason"]) == (200, "again:chat:upstream_disconnected")
    row = house.row(reply.request_id)
    assert (row["outcome"], row["cost"]) == ("completed", 7 * 2000 + 48 * 8000)


@BOTH
@pytest.mark.parametrize("fault", ["close", "close-reset", "close-idle=0.01", "close-reuse"])
def test_connections_that_end_between_requests(house: House, fault: str, stream: bool) -> None:
    """Whenever the server ends a connection, the next request is answered, once, and billed once."""
    for _ in range(3):
        house.sim.queue(fault)
        assert house.ask().status == 200
        before = house.sim.total
        reply = house.ask(stream=stream)
        assert reply.status == 200
        row = house.row(reply.request_id)
        assert [attempt["error"] for attempt in row["attempts"]] == [""]
        assert row["cost"] == 7 * 2000 + 48 * 8000
        assert len(house.sim.seen(before)) == 1


@pytest.mark.parametrize("surface", ["chat/completions", "completions", "embeddings"])
def test_a_restart_of_the_upstream_costs_no_request(house: House, surface: str) -> None:
    """Its idle connections are reset and new ones refused for a moment."""
    assert house.ask(surface, "spare").status == 200
    house.spare.ask("POST", "listen", {"mode": "reset", "seconds": 0})
    house.spare.listen("open")
    reply = house.ask(surface, "spare")
    assert reply.status == 200
    assert house.row(reply.request_id)["outcome"] == "completed"


@pytest.mark.parametrize("fault", ["continue", "chunked", "odd-chunks", "split=7", "until-close"])
def test_http_as_it_may_be(house: House, fault: str) -> None:
    house.sim.queue(fault)
    reply = house.ask()
    assert reply.status == 200
    assert reply.fields["choices"][0]["message"]["content"]
    assert house.row(reply.request_id)["cost"] == 7 * 2000 + 48 * 8000


@BOTH
def test_redirects_are_not_followed_and_not_billed(house: House, stream: bool) -> None:
    before = house.sim.total
    house.sim.queue("redirect")
    reply = house.ask(stream=stream)
    assert_nobody_answered(house, reply, 502, ["upstream_bad_answer"])
    assert len(house.sim.seen(before)) == 1
