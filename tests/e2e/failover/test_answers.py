"""Whole answers that are none, or that say too little, too much or the same twice."""

import json

import pytest

from tests.e2e.failover.house import BODIES, House

pytestmark = pytest.mark.slow

SHAPES = [
    *[(surface, "chat") for surface in ("chat/completions", "completions", "embeddings", "responses", "messages")],
    *[(surface, "native") for surface in ("responses", "rerank", "moderations")],
    *[(surface, "claude") for surface in ("chat/completions", "messages")],
]
NONSENSE = ["garbage", "truncated", "not-an-answer", "wrong-type", "empty", "invalid-utf8", "big-header"]
NAMES = pytest.mark.parametrize(("surface", "model"), SHAPES)


@NAMES
@pytest.mark.parametrize("fault", NONSENSE)
def test_nonsense_with_status_200_is_no_answer(house: House, surface: str, model: str, fault: str) -> None:
    """It is a 502, asked for once; the prompt was worked on, so it is billed as an estimate."""
    before = house.sim.total
    house.sim.queue(fault, times=3)
    reply = house.ask(surface, model)
    assert (reply.status, reply.error["code"]) == (502, "upstream_unavailable")
    assert reply.error["attempts"] == [f"{model}: upstream_bad_answer"]
    assert len(house.sim.seen(before)) == 1
    row = house.row(reply.request_id)
    assert (row["outcome"], row["status"], row["estimated"]) == ("failed", 502, True)
    prompt = sum(len(text) for text in ["a lease"] * 2 + ["a lease", "a loan"]) if surface == "rerank" else 31
    assert row["cost"] == -(-prompt // 4) * 2000


@NAMES
@pytest.mark.parametrize("fault", ["cut", "reset", "two-lengths"])
def test_an_answer_that_ends_in_the_middle_is_asked_for_again(
    house: House, surface: str, model: str, fault: str
) -> None:
    house.sim.queue(fault)
    reply = house.ask(surface, model)
    row = house.row(reply.request_id)
    if fault == "two-lengths":  # That is not HTTP, so it may be somebody else's answer.
        assert (reply.status, row["attempts"][0]["error"]) == (502, "upstream_bad_answer")
        return
    assert reply.status == 200
    assert [attempt["error"] for attempt in row["attempts"]] == ["upstream_stream_cut", ""]
    lost = row["attempts"][0]["cost"]
    assert lost > 0, "the first call was worked on"
    assert row["cost"] == lost + row["input_tokens"] * 2000 + row["output_tokens"] * 8000


@pytest.mark.parametrize("fault", NONSENSE)
def test_another_of_the_tier_answers_instead(house: House, fault: str) -> None:
    house.sim.queue(fault)
    reply = house.ask(model="pair")
    assert (reply.status, reply.headers["x-homeport-model"]) == (200, "second")
    assert house.row(reply.request_id)["cost"] == 8 * 2000 + 7 * 2000 + 48 * 8000


@pytest.mark.parametrize("surface", [surface for surface in BODIES if surface not in ("rerank", "moderations")])
def test_missing_usage_is_estimated(house: House, surface: str) -> None:
    """The prompt at four characters a token, and so what was generated, without the JSON around it."""
    house.sim.queue("missing-usage")
    reply = house.ask(surface)
    assert reply.status == 200
    row = house.row(reply.request_id)
    assert (row["outcome"], row["estimated"], row["input_tokens"]) == ("completed", True, 8)
    text = {"chat/completions": "message", "completions": "text"}.get(surface)
    if text:
        said = reply.fields["choices"][0][text]
        assert row["output_tokens"] == len(said if isinstance(said, str) else said["content"]) // 4
    assert row["cost"] == 8 * 2000 + row["output_tokens"] * 8000


def test_cached_tokens_are_billed_once_and_at_their_own_price(house: House) -> None:
    house.sim.queue("cached=5")
    row = house.row(house.ask().request_id)
    assert (row["input_tokens"], row["cached_input_tokens"]) == (7, 5)
    assert row["cost"] == 2 * 2000 + 5 * 500 + 48 * 8000


def test_cached_tokens_of_a_message_are_billed_once(house: House) -> None:
    """Anthropic counts them beside its input tokens, OpenAI among them."""
    house.sim.queue("cached=5")
    row = house.row(house.ask("messages", "claude").request_id)
    assert (row["input_tokens"], row["cached_input_tokens"]) == (7, 5)
    assert row["cost"] == 2 * 2000 + 5 * 500 + row["output_tokens"] * 8000


def test_reasoning_is_part_of_the_output(house: House) -> None:
    house.sim.queue("reasoning=10")
    row = house.row(house.ask().request_id)
    assert row["reasoning_tokens"] == 10
    assert row["cost"] == 7 * 2000 + row["output_tokens"] * 8000


def test_a_model_without_a_price_is_served_and_costs_nothing(house: House) -> None:
    reply = house.ask(model="free")
    assert (reply.status, reply.headers["x-homeport-cost"]) == (200, "0.000000000")
    row = house.row(reply.request_id)
    assert (row["cost"], row["price_source"], row["output_tokens"]) == (0, "", 48)


def test_another_model_that_answers_is_told_as_it_says(house: House) -> None:
    house.sim.queue("model=cheaper")
    assert house.ask().fields["model"] == "cheaper"


def test_an_answer_of_six_megabytes(house: House) -> None:
    house.sim.queue("big=6000000")
    reply = house.ask()
    assert reply.status == 200
    assert len(reply.body) > 6_000_000
    assert json.loads(reply.body)["usage"]["completion_tokens"] == 48
