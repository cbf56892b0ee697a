"""Imagined routes: one that breaks down is noticed at once, and those that do not change are not."""

import numpy as np

from bench.quality_odds import World, days_of, false_years, noticed
from homeport.drift.quality import JUDGE, JUDGE_OF_SOUND, SOUND, Rules

RULES = Rules()


def test_a_breakdown_is_noticed_within_days() -> None:
    assert noticed(World(outputs=500, drop=0.5), 3, 1, 0, RULES) == [3, 3, 3]


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
