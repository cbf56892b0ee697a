"""The audit beside the jobs worker: off unless wanted, and which routes a model has."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.drift.test_live import baseline
from tests.fakes.undecided import UndecidedModel

from homeport.bootstrap.auditing import routes_to, watch_models
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.drift.baselines import archive_of
from homeport.drift.search import Method
from homeport.jobs.paired_check import Hints


def settings(*, enabled: bool = False) -> Settings:
    return Settings.model_validate(
        {
            "providers": {"p": {"provider": "simulated"}},
            "tiers": [
                {"name": "near", "targets": [{"model": "m", "provider": "p"}]},
                {"name": "far", "targets": [{"model": "n", "provider": "p"}, {"model": "o", "provider": "p"}]},
            ],
            "aliases": {"best": "far", "good": "m"},
            "drift": {"enabled": enabled},
        }
    )


@pytest.mark.parametrize(
    ("name", "routes"),
    [
        ("m", ("near/m",)),
        ("good", ("near/m",)),
        ("best", ("far/n", "far/o")),
        ("auto", ("near/m", "far/n", "far/o")),
        ("nobody", ()),
    ],
)
def test_the_routes_that_lead_to_a_model(name: str, routes: tuple[str, ...]) -> None:
    assert tuple(map(str, routes_to(settings(), name))) == routes


async def test_off_it_ends_at_once(tmp_path: Path, engine: Engine) -> None:
    await asyncio.wait_for(watch_models(settings(), Home(tmp_path), engine, Hints(), asyncio.Event()), 5)


async def test_no_gateway_is_told_and_it_goes_on_until_it_is_stopped(
    tmp_path: Path, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    home, stop = Home(tmp_path), asyncio.Event()
    home.create()
    archive_of(home.drift, "m").begin(baseline(UndecidedModel(), Method.LOGPROBS))
    watching = asyncio.create_task(watch_models(settings(enabled=True), home, engine, Hints(), stop))
    async with asyncio.timeout(10):
        while "no gateway runs" not in caplog.text:
            await asyncio.sleep(0.01)
    assert not watching.done()
    stop.set()
    await asyncio.wait_for(watching, 5)
