"""Imagined routes: one that breaks down is noticed at once, and those that do not change are not."""

import numpy as np

from bench.quality_odds import Asked, World, days_of, false_years, noticed
from homeport.drift.quality import JUDGE, JUDGE_OF_SOUND, SOUND, Rules

RULES = Rules()


def test_a_breakdown_is_noticed_within_days() -> None:
    assert noticed(World(outputs=500, drop=0.5, paired=False), 3, 1, 0, RULES) == [3, 3, 3]
    assert all(day is not None and day <= 3 for day in noticed(World(outputs=500, drop=0.5), 3, 1, 0, RULES))


def test_a_year_without_a_change_has_no_alarm() -> None:
    assert false_years(World(outputs=200), 1, 5, RULES) == 0


def test_days_have_what_the_world_says() -> None:
    days = days_of(World(outputs=20_000, drop=0.2, visible=0.5), 20, 14, np.random.default_rng(1))
    judge, sound, of_sound = days[JUDGE], days[SOUND], days[JUDGE_OF_SOUND]
    before, after = judge[0], judge[19]
    assert abs(before.mean - (0.85 * 0.85 + 0.15 * 0.25)) < 0.03
    assert abs(after.mean - (0.65 * 0.85 + 0.35 * 0.25)) < 0.03
    assert abs(sound[0].mean - 0.925) < 0.01
    assert abs(sound[19].mean - 0.825) < 0.01
    assert before.looked_at < 0.2 * before.outputs
    well = 0.65 / 0.825
    assert abs(of_sound[19].mean - (well * 0.85 + (1 - well) * 0.25)) < 0.03
    assert of_sound[19].outputs == sound[19].mean * 20_000


def checked(world: World, pool: int, inputs: int) -> Asked:
    asked = Asked(world, 0.76, pool, inputs, np.random.default_rng(3))
    asked.check(0, hinted=False)
    return asked


def test_inputs_that_are_asked_again_are_answered_by_the_quality_of_now() -> None:
    for world, worse, better in (
        (World(outputs=1), 0.76 * 0.24, 0.76 * 0.24),
        (World(outputs=1, drop=0.2), 0.76 * 0.36, 0.24 * 0.64),
        (World(outputs=1, same=1.0), 0.0, 0.0),
        (World(outputs=1, drop=0.2, same=1.0), 0.2 * 0.85 * 0.75, 0.2 * 0.15 * 0.25),
    ):
        asked = checked(world, 40_000, 40_000)
        assert abs(asked.worse[0] / 40_000 - worse) < 0.01
        assert abs(asked.better[0] / 40_000 - better) < 0.01


def test_inputs_are_asked_again_weekly_daily_where_it_is_wanted_and_each_once() -> None:
    asked = checked(World(outputs=1), 250, 100)
    for day in range(1, 7):
        asked.check(day, hinted=False)
    assert len(asked.worse) == 1
    asked.check(6, hinted=True)
    asked.check(7, hinted=True)
    asked.check(8, hinted=True)
    assert len(asked.worse) == 3, "the third check has what is left, and a fourth nothing"
