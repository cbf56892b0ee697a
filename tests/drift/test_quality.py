"""A route that became worse is an alarm, one that did not is none, and a week that looks bad is a reason to look."""

import numpy as np
import pytest

from homeport.drift.quality import JUDGE, PAIRS, SOUND, Pairs, RouteSeen, Rules, Signal, alarmed, look, mean_of
from homeport.stats.decline import Scores

RULES = Rules()
BASE = RULES.baseline_days


def day(good: float, outputs: int = 1000, share: float = 1.0) -> Scores:
    seen = outputs * share
    return Scores(
        outputs=float(outputs),
        values=np.array([0.0, 1.0]),
        weights=np.array([1 / share, 1 / share]),
        counts=np.array([seen - round(seen * good), round(seen * good)]),
    )


def signal(name: str, before: float, now: float, days: int, share: float = 1.0) -> Signal:
    return Signal(name=name, days=(*[day(before, share=share)] * BASE, *[day(now, share=share)] * days))


def test_before_the_baseline_is_complete_nothing_is_said() -> None:
    assert look([signal(SOUND, 0.9, 0.1, 0)], RULES) == RouteSeen()
    assert look([], RULES) == RouteSeen()


def test_a_fall_is_an_alarm_after_days_and_says_by_what_and_since_when() -> None:
    seen = [look([signal(JUDGE, 0.8, 0.7, days, 0.15), signal(SOUND, 0.95, 0.92, days)], RULES) for days in (2, 10)]
    assert [one.e_value >= RULES.enough for one in seen] == [False, True]
    first = seen[1].first
    assert first is not None
    assert (first.name, first.days) == (SOUND, 10)
    assert first.before is not None
    assert first.now is not None
    assert first.before.value == pytest.approx(0.95)
    assert first.now.low < 0.92 < first.now.high
    assert first.now.looked_at == 10_000


def test_the_judge_alone_is_enough_where_nothing_else_sees_it() -> None:
    days = [
        number
        for number in range(1, 22)
        if look([signal(JUDGE, 0.8, 0.7, number, 0.3), signal(SOUND, 0.95, 0.95, number)], RULES).e_value
        >= RULES.enough
    ]
    assert days == list(range(days[0], 22))


def test_a_week_that_looks_bad_is_a_reason_to_look_and_no_alarm() -> None:
    seen = look([signal(JUDGE, 0.8, 0.755, 7, 0.06)], RULES)
    assert seen.suggested
    assert seen.e_value < RULES.enough
    assert not look([signal(JUDGE, 0.8, 0.79, 7, 0.06)], RULES).suggested
    assert not look([signal(JUDGE, 0.8, 0.755, 6, 0.06)], RULES).suggested, "a week is seven days"


def test_some_evidence_is_a_reason_to_look_too() -> None:
    seen = look([signal(SOUND, 0.95, 0.935, 5)], RULES)
    assert RULES.hint <= seen.e_value < RULES.enough
    assert seen.suggested


def test_inputs_that_are_asked_again_count() -> None:
    calm = [signal(JUDGE, 0.8, 0.8, 3, 0.15)]
    without = look(calm, RULES)
    worse = look(calm, RULES, Pairs(worse=(20, 20), better=(1, 2)))
    assert without.e_value < 1
    assert worse.e_value >= RULES.enough
    assert worse.first is not None
    assert worse.first.name == PAIRS
    assert look(calm, RULES, Pairs(worse=(5, 6), better=(6, 5))).e_value < 5
    assert look(calm, RULES, Pairs()) == without


def test_too_few_outputs_say_nothing() -> None:
    few = Signal(name=JUDGE, days=tuple([day(1.0, 3)] * BASE + [day(0.0, 3)] * 10))
    [seen] = look([few], RULES).signals
    assert (seen.e_value, seen.now) == (1.0, None)


def test_of_many_routes_more_evidence_is_wanted_of_one_and_less_of_many() -> None:
    enough = RULES.enough
    assert alarmed([enough, 1.0, 1.0], RULES) == (0,)
    assert alarmed([enough * 0.99, 1.0], RULES) == ()
    crowd = [enough, *[1.0] * 99]
    assert alarmed(crowd, RULES) == (), "one of a hundred routes reaches it by chance a hundred times as often"
    assert alarmed([enough] * 10 + [1.0] * 90, RULES) == tuple(range(10))
    assert alarmed([], RULES) == ()


@pytest.mark.parametrize("days_apart", [0.0, 0.01])
def test_years_of_routes_that_do_not_change_raise_no_alarm(days_apart: float) -> None:
    """Twenty years of a look a day; with days that differ by more than chance too."""
    rng = np.random.default_rng(7)
    alarms, most = 0, 0.0
    for _ in range(20):
        judge, sound = (noisy(rng, one, days_apart) for one in (0.8, 0.95))
        for until in range(BASE + 28, 365, 7):
            spans = [(*days[:BASE], *days[until - 28 : until]) for days in (judge, sound)]
            signals = [Signal(name=name, days=days) for name, days in zip((JUDGE, SOUND), spans, strict=True)]
            e_value = look(signals, RULES).e_value
            most = max(most, e_value)
            alarms += e_value >= RULES.enough
    assert alarms == 0
    assert most < RULES.enough / (3 if days_apart else 100)


def noisy(rng: np.random.Generator, mean: float, apart: float) -> list[Scores]:
    return [day(float(rng.binomial(300, min(1.0, mean + apart * rng.normal()))) / 300, 300) for _ in range(365)]


def test_a_mean_has_an_interval_within_its_bounds() -> None:
    found = mean_of(day(0.999, 1000))
    assert found.value == pytest.approx(0.999)
    assert found.high == 1.0
    assert 0.99 < found.low < 0.999
