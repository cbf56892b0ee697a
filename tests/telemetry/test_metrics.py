"""Metrics count what happened, in a number of series that callers cannot grow."""

import re

import msgspec
import pytest

from homeport.core.events import RequestFinished
from homeport.core.types import Attempt, Outcome
from homeport.telemetry.catalogue import most_series
from homeport.telemetry.metrics import OPENMETRICS, TEXT, Metrics
from tests.fakes.house import CHAT, MID, OWN, House
from tests.fakes.upstream import whole
from tests.storage.events import finished


def values(metrics: Metrics) -> dict[str, float]:
    """Sample -> value, without the times of creation."""
    lines = [line for line in metrics.page().decode().splitlines() if not line.startswith("#")]
    samples = (line.rpartition(" ") for line in lines)
    return {name: float(value) for name, _, value in samples if "_created" not in name}


def observed(*events: RequestFinished) -> dict[str, float]:
    metrics = Metrics()
    for event in events:
        metrics.observe(event)
    return values(metrics)


def traced(trace_id: str) -> RequestFinished:
    """A request of a trace."""
    return msgspec.structs.replace(finished("r"), trace_id=trace_id)


def test_a_request() -> None:
    found = observed(finished("r1", cost=1_500), finished("r2", cost=500))
    of = 'model="smollm2",tier="local"'
    assert (
        found['homeport_requests_total{model="smollm2",outcome="completed",surface="chat/completions",tier="local"}']
        == 2
    )
    assert found[f"homeport_cost_nanodollars_total{{{of}}}"] == 2_000
    assert found['homeport_tokens_total{model="smollm2",tier="local",type="input"}'] == 20
    assert found['homeport_tokens_total{model="smollm2",tier="local",type="cached_input"}'] == 4
    assert found['homeport_tokens_total{model="smollm2",tier="local",type="cache_write"}'] == 2
    assert found['homeport_tokens_total{model="smollm2",tier="local",type="output"}'] == 10
    assert found['homeport_upstream_attempts_total{error="",model="smollm2"}'] == 2
    assert found[f"homeport_request_duration_seconds_sum{{{of}}}"] == pytest.approx(0.002)
    assert found[f"homeport_time_to_first_byte_seconds_sum{{{of}}}"] == pytest.approx(0.001)


def test_the_first_refused_configuration_is_an_increase() -> None:
    """Of a series that begins with 1 Prometheus says that it never increased."""
    metrics = Metrics()
    for result in ("adopted", "refused"):
        assert values(metrics)[f'homeport_config_reloads_total{{result="{result}"}}'] == 0
    metrics.reloads.labels("refused").inc()
    assert values(metrics)['homeport_config_reloads_total{result="refused"}'] == 1


def test_what_the_cache_answered() -> None:
    hit = msgspec.structs.replace(finished("r1", cost=0), cache="hit", saved_cost=700)
    found = observed(hit, msgspec.structs.replace(hit, cache="miss", saved_cost=0, cost=5), hit, finished("r2"))
    assert found['homeport_cache_requests_total{kind="hit"}'] == 2
    assert found['homeport_cache_requests_total{kind="miss"}'] == 1
    assert found["homeport_cache_saved_nanodollars_total"] == 1_400
    assert found['homeport_cost_nanodollars_total{model="smollm2",tier="local"}'] == 12


def test_a_failure_without_a_target() -> None:
    attempts = (Attempt(target="a", error="upstream_timeout", started_ns=0, ended_ns=1),)
    event = msgspec.structs.replace(
        finished("r"), outcome=Outcome.FAILED, error="upstream_unavailable", target="", tier="", attempts=attempts
    )
    found = observed(event)
    assert found['homeport_errors_total{code="upstream_unavailable"}'] == 1
    assert found['homeport_upstream_attempts_total{error="upstream_timeout",model="a"}'] == 1
    assert not [name for name in found if name.startswith(("homeport_tokens", "homeport_cost", "homeport_request_dur"))]


def test_the_first_token_is_that_of_streams() -> None:
    stream = msgspec.structs.replace(finished("r"), stream=True, upstream="own")
    found = observed(finished("r"), stream, msgspec.structs.replace(stream, cache="hit"))
    assert found['homeport_time_to_first_byte_seconds_count{model="smollm2",tier="local"}'] == 3
    assert found['homeport_time_to_first_token_seconds_count{model="smollm2",tier="local"}'] == 1, "a hit is no model's"
    assert found['homeport_engine_time_to_first_token_seconds_count{pool="own"}'] == 1
    remote = observed(msgspec.structs.replace(stream, local=False))
    assert not [name for name in remote if name.startswith("homeport_engine_time_to_first")]


def test_no_first_byte_is_not_a_fast_one() -> None:
    found = observed(msgspec.structs.replace(finished("r"), ttft_ns=0))
    assert sum(value for name, value in found.items() if name.startswith("homeport_time_to_first_byte")) == 0


async def test_callers_cannot_grow_the_number_of_series() -> None:
    house = House(OWN, MID)
    house.upstreams["own"].script(whole())
    await send_everything(house, 0)
    before = set(values(house.metrics))
    for number in range(1, 30):
        await send_everything(house, number)
    assert set(values(house.metrics)) == before
    assert not re.search(r"evil|\d{5}x", house.metrics.page().decode())


async def test_ten_thousand_users_and_models() -> None:
    house = House(OWN, MID)
    house.upstreams["own"].script(whole())
    await send_everything(house, 0)
    await someone(house, 0)
    before = set(values(house.metrics))
    for number in range(1, 10_001):
        await someone(house, number)
    found = values(house.metrics)
    assert set(found) == before
    assert len(before) < 400 < most_series()
    assert found['homeport_errors_total{code="model_not_found"}'] == 10_002, "they were all counted"
    assert sum(found[name] for name in found if name.startswith("homeport_requests_total")) >= 20_002


async def someone(house: House, number: int) -> None:
    """A user nobody has seen asks for a model that nobody has seen, and then for one that there is."""
    user, trace = f"user{number}", f"{number:032x}"
    headers = [("x-homeport-user", user), ("traceparent", f"00-{trace}-00f067aa0ba902b7-01")]
    await house.ask({**CHAT, "model": f"model{number}", "user": user}, headers=headers)
    await house.ask({**CHAT, "user": user}, headers=headers)


async def send_everything(house: House, number: int) -> None:
    evil = f"evil{number}"
    await house.ask(CHAT)
    await house.ask({**CHAT, "model": evil, "user": evil})
    await house.ask({**CHAT, evil: evil, "temperature": number + 3})
    await house.ask(headers=[("x-homeport-data-class", evil), (evil, evil)])
    await house.ask(token=evil)
    await house.ask(surface=evil)
    await house.get(f"/v1/models/{evil}")


def test_two_gateways_in_one_process_do_not_share() -> None:
    first, second = Metrics(), Metrics()
    first.observe(finished("r"))
    assert b"smollm2" not in second.page()


def test_the_page_says_what_it_is() -> None:
    assert TEXT.startswith("text/plain; version=")
    assert OPENMETRICS.startswith("application/openmetrics-text; version=")
    assert Metrics().page().startswith(b"# HELP homeport_")
