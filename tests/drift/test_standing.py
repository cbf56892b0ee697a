"""Models as they stand, each and together, and what is reported of one that changed."""

from pathlib import Path

import pytest

from homeport.core.incidents import IncidentKind
from homeport.drift.baselines import Archive, archive_of, iso, nanoseconds
from homeport.drift.detectors import ALPHA, Verdict
from homeport.drift.findings import finding
from homeport.drift.looks import Looked
from homeport.drift.search import Method
from homeport.drift.standing import Known, known, together
from homeport.storage.quality_days import RouteName
from tests.drift.test_live import DAY, NOW, ask, baseline
from tests.fakes.undecided import UndecidedModel

FAR = RouteName("far", "m")
MADE = baseline(UndecidedModel(), Method.EDITS)


@pytest.fixture
async def swapped(tmp_path: Path) -> Archive:
    archive = archive_of(tmp_path / "swapped", "m")
    archive.begin(MADE)
    await ask(archive, MADE, UndecidedModel("a"), 0, 20)
    await ask(archive, MADE, UndecidedModel("b", moved=0.3), 20, 4)
    return archive


@pytest.fixture
async def same(tmp_path: Path) -> Archive:
    archive = archive_of(tmp_path / "same", "m")
    archive.begin(MADE)
    await ask(archive, MADE, UndecidedModel("a"), 0, 24)
    return archive


async def test_a_change_counts_until_somebody_looked_into_it(swapped: Archive) -> None:
    found = known(swapped, MADE, ALPHA)
    assert found.changed
    assert found.e_value > 30
    noticed = nanoseconds(found.alarms[0]["batch"])
    settled = known(swapped, MADE, ALPHA, settled_at=noticed)
    assert (settled.changed, settled.alarms) == (False, ())


async def test_models_are_judged_together(swapped: Archive, same: Archive) -> None:
    models = [known(same, MADE, ALPHA), known(swapped, MADE, ALPHA), known(same, MADE, ALPHA)]
    assert models[0].e_value == 1.0
    assert together([]) == ()
    assert together([models[0]]) == ()
    assert together(models) == ("m",)
    assert together(models, share=0.001) == (), "what is enough for one alone is not where many are looked at"


async def test_what_is_reported(swapped: Archive, same: Archive) -> None:
    assert finding(known(same, MADE, ALPHA), [FAR], []) is None
    found = finding(known(swapped, MADE, ALPHA), [FAR], ["m", "n"])
    assert found is not None
    assert (found.kind, found.subject, found.routes) == (IncidentKind.MODEL, "m", ("far/m",))
    assert found.since == pytest.approx(NOW + 20 * DAY, abs=10**6)
    assert found.sentence == f"The model behind m answers unlike itself since {iso(NOW + 20 * DAY)}."
    evidence = {one.name: one.now for one in found.evidence}
    assert evidence["probes that moved"].endswith(" of 20")
    assert evidence["changed, by all models judged together"] == "m, n"
    told = " ".join(action.text for action in found.actions)
    assert all(word in told for word in ("Pin", "Reroute", "Roll back", "same cases"))
    assert found.examples
    assert all(one.startswith("req_") for one in found.examples)


def test_a_burst_that_stays_is_reported_too() -> None:
    jump = Looked(at=NOW, verdict=Verdict.CHANGE, score=1.0, mismatches=(True,) * 8)
    calm = Looked(at=NOW, verdict=Verdict.TRANSIENT, score=1.0, mismatches=(False,) * 3)
    found = finding(Known(baseline=MADE, told=None, looked=(calm, jump)), [], [])
    assert found is not None
    assert found.since == NOW
    assert [one.now for one in found.evidence] == ["8 of 8"]
    assert finding(Known(baseline=MADE, told=None, looked=(calm,)), [], []) is None
    assert finding(Known(baseline=MADE, told=None, looked=(jump,), settled_at=NOW), [], []) is None
