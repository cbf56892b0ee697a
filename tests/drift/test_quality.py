"""A route that became worse is an alarm, one that did not is none, and a week that looks bad is a reason to look."""

import numpy as np
import pytest

from homeport.drift.quality import (
    BOTH,
    JUDGE,
    JUDGE_OF_SOUND,
    PAIRS,
    SOUND,
    Pairs,
    RouteSeen,
    Rules,
    Signal,
    alarmed,
    look,
    mean_of,
)
from homeport.stats.decline import Scores

RULES = Rules()
BASE = RULES.baseline_days
EVIDENCE = (73_000.0, 72_000.0, 1.0)


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
    assert [one.is_alarm(RULES) for one in seen] == [False, True]
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
        if look([signal(JUDGE, 0.8, 0.7, number, 0.3), signal(SOUND, 0.95, 0.95, number)], RULES).is_alarm(RULES)
    ]
    assert days == list(range(days[0], 22))


def test_a_week_that_looks_bad_is_a_reason_to_look_and_no_alarm() -> None:
    seen = look([signal(JUDGE, 0.8, 0.755, 7, 0.06)], RULES)
    assert seen.suggested
    assert not seen.is_alarm(RULES)
    assert not look([signal(JUDGE, 0.8, 0.79, 7, 0.06)], RULES).suggested
    assert not look([signal(JUDGE, 0.8, 0.755, 6, 0.06)], RULES).suggested, "a week is seven days"


def test_some_evidence_is_a_reason_to_look_too() -> None:
    seen = look([signal(SOUND, 0.95, 0.935, 5)], RULES)
    assert RULES.hint <= seen.e_value
    assert not seen.is_alarm(RULES)
    assert seen.suggested


def test_inputs_that_are_asked_again_count() -> None:
    calm = [signal(JUDGE, 0.8, 0.8, 3, 0.15)]
    without = look(calm, RULES)
    worse = look(calm, RULES, Pairs(worse=(20, 20), better=(1, 2)))
    assert without.e_value < 1
    assert worse.is_alarm(RULES)
    assert worse.first is not None
    assert worse.first.name == PAIRS
    assert look(calm, RULES, Pairs(worse=(5, 6), better=(6, 5))).e_value < 5
    assert look(calm, RULES, Pairs()) == without
    assert look(calm, RULES, Pairs(worse=(1, 2), better=(60, 60))).e_value < 1, "better is no fall"


def test_too_few_outputs_say_nothing() -> None:
    few = Signal(name=JUDGE, days=tuple([day(1.0, 3)] * BASE + [day(0.0, 3)] * 10))
    [seen] = look([few], RULES).signals
    assert (seen.e_value, seen.now) == (1.0, None)


def test_of_many_routes_more_evidence_is_wanted_of_one_and_less_of_many() -> None:
    enough, almost, calm = (RouteSeen(e_value=one, ready=True, days=1) for one in EVIDENCE)
    assert alarmed([enough, calm, calm], RULES) == (0,)
    assert alarmed([almost, calm], RULES) == ()
    crowd = [enough, *[calm] * 99]
    assert alarmed(crowd, RULES) == (), "one of a hundred routes reaches it by chance a hundred times as often"
    assert alarmed([enough] * 10 + [calm] * 90, RULES) == tuple(range(10))
    assert alarmed([], RULES) == ()


def test_the_look_of_a_week_has_as_much_of_the_false_alarms_as_those_of_its_days() -> None:
    def alarm(e_value: float, days: int) -> bool:
        return RouteSeen(e_value=e_value, ready=True, days=days).is_alarm(RULES)

    assert [alarm(2 * 52 / 0.01, days) for days in (6, 7, 8, 14, 15)] == [False, True, False, True, False]
    assert not alarm(2 * 52 / 0.01 - 1, 14)
    assert alarm(2 * 365 / 0.01, 6)


def test_what_is_half_in_metrics_and_half_in_the_judge_adds_up() -> None:
    halves = [signal(SOUND, 0.95, 0.942, 7), signal(JUDGE_OF_SOUND, 0.8, 0.765, 7, 0.3)]
    apart = [look([one], RULES).e_value for one in halves[:1]]
    together = look(halves, RULES)
    [both] = [one for one in together.signals if one.name == BOTH]
    assert both.e_value > 3 * apart[0]
    assert together.first is not None
    assert together.first.name == SOUND, "a sentence needs figures of one signal"
    assert JUDGE_OF_SOUND not in {one.name for one in together.signals}


def test_what_gets_better_by_metrics_takes_from_what_the_judge_finds() -> None:
    [sound, both] = look([signal(SOUND, 0.95, 0.97, 7), signal(JUDGE_OF_SOUND, 0.8, 0.79, 7, 0.3)], RULES).signals
    assert (sound.e_value < 1, both.name, both.e_value < 1) == (True, BOTH, True)


@pytest.mark.parametrize("days_apart", [0.0, 0.01])
def test_years_of_routes_that_do_not_change_raise_no_alarm(days_apart: float) -> None:
    """Twenty years of a look a day; with days that differ by more than chance too."""
    rng = np.random.default_rng(7)
    alarms, most = 0, 0.0
    for _ in range(20):
        three = [noisy(rng, one, days_apart) for one in (0.8, 0.82, 0.95)]
        for until in range(BASE + 28, 365, 7):
            spans = [(*days[:BASE], *days[until - 28 : until]) for days in three]
            names = (JUDGE, JUDGE_OF_SOUND, SOUND)
            signals = [Signal(name=name, days=days) for name, days in zip(names, spans, strict=True)]
            seen = look(signals, RULES, days=7)
            most = max(most, seen.e_value)
            alarms += seen.is_alarm(RULES)
    assert alarms == 0
    assert most < 2 * 52 / RULES.alarms_a_year / (3 if days_apart else 100)


def noisy(rng: np.random.Generator, mean: float, apart: float) -> list[Scores]:
    return [day(float(rng.binomial(300, min(1.0, mean + apart * rng.normal()))) / 300, 300) for _ in range(365)]


def test_a_mean_has_an_interval_within_its_bounds() -> None:
    found = mean_of(day(0.999, 1000))
    assert found.value == pytest.approx(0.999)
    assert found.high == 1.0
    assert 0.99 < found.low < 0.999
