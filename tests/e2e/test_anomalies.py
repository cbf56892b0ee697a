"""Real faults behind a real gateway are told by the right alert, and nothing else is; time is compressed twenty-fold.

`make bench-anomalies` does the same in real time, beside a gateway without a fault.
"""

import asyncio
import time
from pathlib import Path

import pytest

from bench.anomaly_house import FAULTS, KINDS, MODELS, House, running
from homeport.storage.unusual import read_unusual

pytestmark = pytest.mark.slow

INTERVAL = 0.5
LEARN_SECONDS = 60.0
MOST_SECONDS = 40.0
"""A machine that does something else too is slow. The two minutes are `make bench-anomalies`' to show."""


async def until(house: House, models: set[str], state: str, seconds: float) -> None:
    """Wait until something of each of these was told."""
    end = time.monotonic() + seconds
    while not models <= {one.subject for one in house.told if one.state == state}:
        assert time.monotonic() < end, (house.told, house.statuses)
        await asyncio.sleep(0.1)


async def learned(house: House) -> None:
    """Wait until all is known: five things of each model, four of the key, two of all."""
    end, enough = time.monotonic() + LEARN_SECONDS, 5 * len(MODELS) + 6
    while (read := read_unusual(house.home / "unusual.json", time.time_ns())) is None or read.judged < enough:
        assert time.monotonic() < end, (read, house.statuses)
        await asyncio.sleep(0.1)


async def test_each_fault_is_told_by_its_own_alert_and_then_as_over(tmp_path: Path) -> None:
    async with running(tmp_path, rate=30, interval=INTERVAL, streams=0.0) as house:
        await learned(house)
        assert house.told == []
        for model in FAULTS:
            house.break_(model)
        await until(house, set(FAULTS), "began", MOST_SECONDS)
        shown = (await asyncio.to_thread(house.status))["unusual"]
        advice = await house.advice()
        for model in FAULTS:
            house.mend(model)
        await until(house, set(FAULTS), "over", MOST_SECONDS)
    for model in FAULTS:
        assert {one.kind for one in house.begun(model)} <= set(KINDS[model])
    assert {one.subject for one in house.told} == set(FAULTS)
    assert {row["unusual"]["subject"] for row in shown} <= set(FAULTS)
    assert {row["sentence"] for row in shown} <= {one.summary for one in house.told}
    assert shown
    assert advice.partition(" (")[0] in {one.summary for one in house.told}, "the overview begins with one of them"
