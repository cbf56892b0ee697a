"""A cascade's answers come from each tier as often as was asked, whatever the traffic."""

import random
from collections.abc import Sequence

import pytest

from homeport.core.routing import Answer, TokenLogprob
from homeport.core.types import Surface, Target
from homeport.routing.acceptance import Acceptance
from homeport.routing.cascade import Calibration, CascadeJudge, CascadeRules
from homeport.routing.confidence import Confidence
from homeport.routing.thresholds import Thresholds
from homeport.stats.calibration import Platt
from tests.fakes.facts import question
from tests.fakes.house import MID, OWN, TOP
from tests.routing.test_eligibility import inference

SPLIT = Thresholds(tiers=("home", "mid", "top"), shares=(0.70, 0.22, 0.08), accept={"home": 0.6, "mid": 0.4})
LADDER = (OWN, MID, TOP)
ASKED = question(inference())


class Numbers:
    """`Memory` without a file."""

    def __init__(self) -> None:
        self.kept: dict[bytes, tuple[float, ...]] = {}

    def read(self, meaning: bytes) -> tuple[float, ...] | None:
        return self.kept.get(meaning)

    def write(self, meaning: bytes, numbers: Sequence[float]) -> None:
        self.kept[meaning] = tuple(numbers)


def climb(acceptance: Acceptance, sure: float, surer: float) -> Target:
    """Who answers, by the confidences of the two lower tiers."""
    for target, confidence in ((OWN, sure), (MID, surer)):
        threshold = acceptance.threshold(target)
        assert threshold is not None
        if confidence >= threshold:
            return target
    return TOP


def test_it_begins_as_it_was_calibrated() -> None:
    acceptance = Acceptance(SPLIT, 1)
    assert [acceptance.threshold(target) for target in LADDER] == [0.6, pytest.approx(0.4), None]


@pytest.mark.parametrize("level", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("stay_up", [0.0, 0.15])
def test_the_split_is_held_while_confidence_drifts(level: float, stay_up: float) -> None:
    dice, acceptance, told = random.Random(7), Acceptance(SPLIT, 1), []
    for place in range(8_000):
        drift = 0.3 * (place / 8_000)
        sure = min(max(dice.gauss(level - drift, 0.15), 0.0), 1.0)
        surer = min(max(dice.gauss(level, 0.2), 0.0), 1.0)
        target = TOP if dice.random() < stay_up * 0.5 else climb(acceptance, sure, surer)
        acceptance.answered(ASKED, LADDER, target)
        told.append(target.name)
    for start in range(2_000, 8_000, 2_000):
        window = told[start : start + 2_000]
        for target, share in zip(LADDER, SPLIT.shares, strict=True):
            assert window.count(target.name) / 2_000 == pytest.approx(share, abs=0.02)


def test_confidences_that_are_all_alike_are_split_too() -> None:
    acceptance, told = Acceptance(SPLIT, 1), []
    for _ in range(2_000):
        target = climb(acceptance, 0.5, 0.5)
        acceptance.answered(ASKED, LADDER, target)
        told.append(target.name)
    assert told[500:].count("own") / 1_500 == pytest.approx(0.70, abs=0.02)


def test_what_not_every_tier_was_open_to_moves_nothing() -> None:
    acceptance = Acceptance(SPLIT, 1)
    for offered in ((OWN,), (OWN, MID), (MID, TOP)):
        acceptance.answered(ASKED, offered, offered[0])
    acceptance.answered(question(inference(surface=Surface.EMBEDDING)), LADDER, OWN)
    assert acceptance.threshold(OWN) == 0.6


def test_processes_share_them_and_another_version_begins_anew() -> None:
    memory = Numbers()
    first, second = Acceptance(SPLIT, 1, memory), Acceptance(SPLIT, 1, memory)
    first.answered(ASKED, LADDER, TOP)
    moved = first.threshold(OWN)
    assert moved is not None
    assert moved < 0.6
    assert second.threshold(OWN) == moved
    assert Acceptance(SPLIT, 2, memory).threshold(OWN) == 0.6


def test_calibrated_by_models_it_finds_their_tiers_targets() -> None:
    by_model = Thresholds(tiers=("own", "mid", "top"), shares=SPLIT.shares, accept={"own": 0.6, "mid": 0.4})
    assert Acceptance(by_model, 1).threshold(OWN) == 0.6


def test_the_judge_goes_by_them_unless_a_confidence_was_said() -> None:
    held = Acceptance(SPLIT, 1)
    held.answered(ASKED, LADDER, TOP)
    moved = held.threshold(OWN)
    sure = Answer(text="Bern", finish="stop", logprobs=(TokenLogprob("Bern", -0.4),))
    known = Calibration(confidence=Confidence(overall=Platt(lowest=0.1, slope=1.0, intercept=0.0)), thresholds=SPLIT)
    for judge, threshold in (
        (CascadeJudge(None, known, LADDER, held), moved),
        (CascadeJudge(None, known, LADDER), 0.6),
        (CascadeJudge(CascadeRules(min_confidence=0.9), known, LADDER, held), 0.9),
    ):
        assert judge.judge(ASKED, OWN, sure).threshold == threshold
