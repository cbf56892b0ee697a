"""A dead upstream is left alone, also where there is no other; whoever asks is told at once, and until when."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.failover.house import House, wait_until

pytestmark = pytest.mark.slow


def tiers(house: House) -> dict[str, bool]:
    found: dict[str, bool] = json.loads(house.program.get("/readyz")[1])["tiers"]
    return found


@pytest.mark.parametrize("stream", [False, True])
def test_a_single_deployment_that_is_dead(own_house: House, stream: bool) -> None:
    """Five failures open it; then nothing is asked of it, and the caller gets a 503 that says when to come back."""
    house, model = own_house, own_house.limited()
    house.sim.queue("status=500", times=100)
    before = house.sim.total
    for _ in range(5):
        assert house.ask(model=model, stream=stream).status == 503
    replies = [house.ask(model=model, stream=stream) for _ in range(50)]
    assert len(house.sim.seen(before)) == 5
    for reply in replies:
        assert reply.status == 503
        assert reply.error["attempts"] == [f"{model}: circuit_open"]
        assert 1 <= int(reply.headers["retry-after"]) <= 5
    row = house.row(replies[-1].request_id)
    assert (row["outcome"], row["cost"], row["attempts"][0]["error"]) == ("failed", 0, "circuit_open")


def test_when_the_pause_is_over_one_request_tries_and_all_are_served_again(own_house: House) -> None:
    house, model = own_house, own_house.limited()
    house.sim.queue("status=500", times=5)
    for _ in range(5):
        house.ask(model=model)
    before = house.sim.total
    wait_until(lambda: house.ask(model=model).status == 200)
    assert [seen["status"] for seen in house.sim.seen(before)] == [200]
    assert house.ask(model=model).status == 200


def test_many_at_once_do_not_ask_a_dead_upstream_each(own_house: House) -> None:
    house = own_house
    house.spare.listen("refuse")
    for _ in range(5):
        assert house.ask(model="spare").status == 503
    with ThreadPoolExecutor(8) as callers:
        replies = list(callers.map(lambda _: house.ask(model="spare"), range(80)))
    assert {reply.status for reply in replies} == {503}
    assert {reply.error["attempts"][0] for reply in replies} <= {"spare: circuit_open", "spare: upstream_unreachable"}
    asked = [reply for reply in replies if reply.error["attempts"] == ["spare: upstream_unreachable"]]
    assert len(asked) <= 1, "one may try again while it is half open"
    house.spare.listen("open")


def test_streams_that_break_count_and_refusals_do_not(own_house: House) -> None:
    house, model = own_house, own_house.limited()
    house.sim.queue("status=400", times=10)
    for _ in range(10):
        assert house.ask(model=model).status == 400
    assert house.ask(model=model).status == 200
    house.sim.queue("cut", times=5)
    for _ in range(5):
        assert house.ask(model=model, stream=True).status == 200
    assert house.ask(model=model).error["attempts"] == [f"{model}: circuit_open"]


def test_the_other_of_a_tier_is_asked_alone_while_one_is_dead(own_house: House) -> None:
    house = own_house
    house.sim.queue("status=500", times=5)
    for _ in range(5):
        assert house.ask(model="first").status == 503
    before = house.sim.total
    assert [house.ask(model="pair").headers["x-homeport-model"] for _ in range(10)] == ["second"] * 10
    assert [seen["status"] for seen in house.sim.seen(before)] == [200] * 10


def test_status_shows_what_fails_and_the_gateway_stays_ready(own_house: House) -> None:
    """Taken out of service, it could not even say what is wrong."""
    house = own_house
    assert tiers(house) == {"any": True, "pair": True, "limited": True}
    house.sim.queue("status=500", times=10)
    for _ in range(5):
        house.ask(model="first")
    assert tiers(house)["pair"] is True
    for _ in range(5):
        house.ask(model="second")
    assert house.program.get("/readyz")[0] == 200
    assert tiers(house) == {"any": True, "pair": False, "limited": True}
    shown = house.program.run("status")
    assert next(line for line in shown.splitlines() if "pair" in line).split()[-1] == "down"
