"""Alarms: rarely where nothing changed, soon where something did, none for what passes."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from homeport.drift.detectors import ALPHA, Audit, Verdict, audit, judge_burst
from homeport.drift.scoring import LEAST_BATCHES
from tests.drift.simulated import QUIET, WORLDS, Provider, delays, false_alarms, recording

SWAPPED = Provider(days=40, swap=30, changed=0.8)


def judged(provider: Provider, seed: int) -> Audit:
    return audit(recording(provider, np.random.default_rng(seed)))


@pytest.mark.parametrize("name", WORLDS)
def test_false_alarms_are_rare_for_any_kind_of_noise(name: str) -> None:
    """A few hundred batches of each kind; `python -m tests.drift.simulated` measures years of them."""
    alarms, batches = false_alarms(replace(WORLDS[name], days=60), 8, seed=100)
    assert alarms == 0
    assert batches == 480


@pytest.mark.parametrize("clean", [10, 15, 30, 60])
def test_a_swap_is_noticed_by_the_fourth_batch(clean: int) -> None:
    swapped = replace(SWAPPED, days=clean + 6, swap=clean)
    found, early = delays(swapped, 12, seed=clean)
    assert early == 0
    assert sum(found[delay] for delay in (2, 3, 4)) >= 11


def test_a_gradual_swap_is_noticed_later() -> None:
    found, early = delays(replace(SWAPPED, days=60, traffic=0.2), 8, seed=3)
    assert early == 0
    assert found[0] <= 2


def test_a_bad_day_that_clears_is_transient() -> None:
    for seed in range(6):
        found = judged(Provider(days=50, bad_day=30, changed=1.0), seed)
        assert found.alarms == ()
        assert [one.batch for one in found.judged if one.verdict is Verdict.TRANSIENT] == [30]


def test_a_bad_day_among_the_first_is_left_out() -> None:
    found = judged(Provider(days=40, bad_day=3, changed=1.0, swap=25), 6)
    assert found.judged[3].verdict is Verdict.TRANSIENT
    assert [alarm.since for alarm in found.alarms] == [25]


def test_a_deviation_at_the_end_is_not_known_yet() -> None:
    found = judged(Provider(days=31, bad_day=30, changed=1.0), 1)
    assert found.judged[-1].verdict is Verdict.DEVIATION
    assert found.alarms == ()


def test_an_alarm_says_since_when_and_by_which_probes() -> None:
    found = judged(SWAPPED, 2)
    (alarm,) = found.alarms
    assert alarm.since == 30
    assert alarm.batch in (31, 32, 33)
    assert alarm.e_value >= 1 / ALPHA
    last = found.judged[alarm.batch]
    assert last.verdict is Verdict.CHANGE
    assert found.judged[30].verdict is Verdict.CHANGE
    assert sum(share > 0.5 for share in last.moved) > 8


def test_after_a_change_the_new_model_is_learned_and_the_next_change_noticed() -> None:
    alarms = judged(replace(QUIET, days=70, swap=30, back=55, changed=1.0), 4).alarms
    assert [alarm.since for alarm in alarms] == [30, 55]


def test_each_batch_is_judged_by_those_before_it_alone() -> None:
    provider = replace(SWAPPED, days=40)
    whole = judged(provider, 9)
    similarity = recording(provider, np.random.default_rng(9))
    cut = replace(similarity, rows=similarity.rows[:, :25], own=similarity.own[:, :25], band=similarity.band[:, :25])
    for one, other in zip(audit(cut).judged, whole.judged, strict=False):
        assert msgspec.structs.replace(one, moved=()) == msgspec.structs.replace(other, moved=())


def test_few_batches_are_only_learned_from() -> None:
    found = judged(Provider(days=LEAST_BATCHES), 1)
    assert found.tolerance is None
    assert {one.verdict for one in found.judged} == {Verdict.LEARNED}
    assert {one.e_value for one in found.judged} == {1.0}


def test_a_day_without_answers_is_no_evidence() -> None:
    similarity = recording(Provider(days=30), np.random.default_rng(3))
    similarity.rows[:, 20], similarity.own[:, 20], similarity.band[:, 20] = 0, 0, 0
    found = audit(similarity)
    assert found.judged[20].verdict is Verdict.UNJUDGED
    assert found.judged[20].e_value == found.judged[19].e_value
    assert found.alarms == ()


@pytest.mark.parametrize(
    ("mismatches", "verdict"),
    [
        ([], Verdict.DEVIATION),
        ([True] * 7, Verdict.DEVIATION),
        ([True] * 8, Verdict.CHANGE),
        ([True, False, True, False, *[True] * 6], Verdict.CHANGE),
        ([False] * 2, Verdict.DEVIATION),
        ([False] * 3, Verdict.TRANSIENT),
        ([*[True] * 7, False, False, False, *[True] * 5], Verdict.TRANSIENT),
    ],
)
def test_a_burst_tells_what_passes_from_what_stays(mismatches: list[bool], verdict: Verdict) -> None:
    assert judge_burst(mismatches) is verdict
