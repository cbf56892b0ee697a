"""When a cascade's thresholds move, and when they stay as they were calibrated."""

from typing import Any

import pytest
from tests.bootstrap.test_reload import settings
from tests.fakes.facts import question
from tests.fakes.house import MID, OWN, TOP
from tests.routing.test_acceptance import Numbers
from tests.routing.test_eligibility import inference

from homeport.bootstrap.cascade import build_judge
from homeport.routing.cascade import Calibration
from homeport.routing.thresholds import Promise, Thresholds

LADDER = (OWN, MID, TOP)
SPLIT = {"tiers": ("home", "mid", "top"), "shares": (0.7, 0.22, 0.08), "accept": {"home": 0.6, "mid": 0.4}}
PROMISE = Promise(max_loss=0.05, confidence=0.9, labels=500, cost_ratio=0.5)


@pytest.mark.parametrize(
    ("routing", "promise", "moves"),
    [
        ({"policy": "cascade"}, None, True),
        ({"policy": "cascade"}, PROMISE, False),
        ({"policy": "cascade", "options": {"hold": False}}, None, False),
        ({"policy": "cascade", "options": {"min_confidence": 0.7}}, None, False),
        ({"policy": "cascade", "cascade": {"right_answer_worth_usd": "0.1"}}, None, False),
        ({"policy": "complexity"}, None, False),
    ],
)
def test_a_split_is_held_and_a_promise_kept(routing: dict[str, Any], promise: Promise | None, moves: bool) -> None:
    memory = Numbers()
    calibration = Calibration(thresholds=Thresholds(**SPLIT, promise=promise))  # type: ignore[arg-type]  # one dict of all kinds
    judge = build_judge(settings(routing=routing), calibration, LADDER, version=1, memory=memory)
    judge.answered(question(inference()), LADDER, TOP)
    assert bool(memory.kept) == moves
