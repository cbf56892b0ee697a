"""What the configuration says of a cascade reaches who judges, and who asks again."""

from typing import Any

import pytest
from pydantic import ValidationError
from tests.bootstrap.test_reload import settings
from tests.fakes.cascading import Climbing, sure
from tests.fakes.house import MID, OWN, House
from tests.fakes.upstream import whole

from homeport.bootstrap.cascade import build_judge, cascade_policy
from homeport.routing.cascade import Calibration
from homeport.routing.confidence import Confidence
from homeport.stats.calibration import Platt

HALF = Calibration(confidence=Confidence(models={"own": {"": Platt(0.0, 0.0, 0.5)}}))


@pytest.mark.parametrize(("zone", "asked"), [(0.0, 1), (0.04, 1), (0.1, 3)])
async def test_a_grey_zone(zone: float, asked: int) -> None:
    grey = {"grey_zone": zone, "samples": 4, "sample_temperature": 1.5, "commit_tokens": 7, "commit_seconds": 2}
    chosen = settings(routing={"policy": "cascade", "cascade": grey, "options": {"min_confidence": 0.55}})
    looks = cascade_policy(chosen)
    assert (looks.commit_tokens, looks.commit_seconds) == (7, 2.0)
    it = House(OWN, MID, policy=Climbing(), judge=build_judge(chosen, HALF, (OWN, MID)), looks=looks)
    it.upstreams["own"].script(sure("Clause 9."), whole("Clause 3."), whole("Clause 4."))
    it.upstreams["mid"].script(whole("Better."))
    await it.ask()
    calls = it.upstreams["own"].calls
    assert len(calls) == asked, "two answers of four that say otherwise are enough to know"
    assert all(bytes(call.fields["temperature"]) == b"1.5" for call in calls[1:])


@pytest.mark.parametrize(
    "wrong",
    [
        {"grey_zone": 0.6},
        {"grey_zone": -0.1},
        {"grey_zone": "nan"},
        {"samples": 1},
        {"samples": 10},
        {"sample_temperature": 0},
        {"sample_temperature": 2.1},
        {"sample_temperature": "inf"},
    ],
)
def test_what_is_no_grey_zone(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(routing={"cascade": wrong})
