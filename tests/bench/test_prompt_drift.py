"""The bench of prompts: traffic that is what it says, and on real texts an alarm where there is a change alone."""

import os
import random
from pathlib import Path

import pytest

from bench.prompt_drift import clauses, pool_of
from bench.prompt_traffic import Change, Traffic, days_of, number_of
from homeport.drift.prompt_batches import batches_of
from homeport.drift.prompts import Watch, watch
from tests.drift.prompt_days import CODE, LAW, about, reader

DATA = Path(os.environ.get("HOMEPORT_DATA") or Path(__file__).parents[3] / "shared" / "data")


def test_a_change_grows_to_its_share_and_weekends_are_quiet() -> None:
    rng, read = random.Random(1), reader()
    usual = read.read([(f"usual:{number}", about(LAW)(rng)) for number in range(50)])
    new = read.read([(f"new:{number}", about(CODE)(rng)) for number in range(50)])
    change = Change(14, new, days=7, most=0.5)
    assert [change.share(day) for day in (13, 14, 20, 40)] == [0, 0.5 / 7, 0.5, 0.5]
    days = list(days_of(Traffic({"a": usual}, a_day=300), 28, rng, change))
    assert [number_of(day) for day, _ in days] == list(range(28))
    assert len(days[5][1]) < len(days[4][1]) / 2, "the sixth is a Saturday"
    shares = [sum(one.id.startswith("new:") for one in prompts) / len(prompts) for _, prompts in days]
    assert max(shares[:14]) == 0
    assert 0.4 < shares[24] < 0.6


@pytest.mark.skipif(not DATA.is_dir(), reason="the recordings are not here: see HOMEPORT_DATA")
def test_contracts_that_become_code_are_noticed_and_contracts_are_not() -> None:
    def watched(change: Change | None) -> Watch:
        traffic = Traffic(clauses(DATA), a_day=30, differ=0.5, bursts=0.1)
        return watch(batches_of(days_of(traffic, 35, random.Random(3), change)))

    assert watched(None).alarms == ()
    [alarm] = watched(Change(21, pool_of(DATA, "puzzles"))).alarms
    assert 21 < number_of(alarm.day) < 28
    assert all(name.startswith("new:") for name in alarm.examples)
