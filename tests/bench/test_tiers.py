"""What the benchmark of three tiers asks, counts and holds against what was promised."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from bench.questions import Item
from bench.tiers import EASY, SPLIT, TIERS, Told, at_frontier, figures, questions, verdicts

ITEM = Item("capital", "What is the capital of France?", "Paris")


def told(tier: str, **fields: Any) -> Told:
    common = {"item": ITEM, "first": True, "dry_reason": "cascade:home", "dry_tier": "home", "escalation": ""}
    money = {"cost": Decimal("0.001"), "at_frontier": Decimal("0.004"), "right": True}
    return Told(**{**common, "reason": "cascade:home", "tier": tier, **money, **fields})


def test_what_was_learned_from_is_never_asked() -> None:
    train, live = questions(300, 200, 7)
    assert (len(train), len(live)) == (300, 200)
    assert not {item.question for item in train} & {item.question for item in live}
    assert {item.family for item in (*train, *live)} == set(EASY)
    assert questions(300, 200, 7) == (train, live)


def test_figures_by_hand() -> None:
    doubted = "smollm2:low_confidence:0.31<0.60,mid-1:empty_answer"
    found = figures(
        [
            told("home"),
            told("mid", escalation=doubted, right=False),
            told("mid", first=False, dry_tier="mid", dry_reason="session:mid", reason="session:mid"),
            told("home", first=False, reason="cascade:mid"),
        ],
        [(True, Decimal("0.004"))] * 4,
    )
    assert found["split"] == {"home": 0.5, "mid": 0.5, "frontier": 0.0}
    assert found["escalations"] == {"smollm2:low_confidence": 1, "mid-1:empty_answer": 1}
    assert (found["accuracy"], found["accuracy_by_tier"]["mid"]) == (0.75, 0.5)
    assert (found["cost_usd"], found["saved_usd"], found["cost_ratio"]) == ("0.004", "0.012", 0.25)
    assert (found["dry_run_agrees"], found["turns_that_go_on"], found["began_where_the_last_ended"]) == (3, 2, 1)


def test_tokens_at_the_frontiers_price() -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 40}}
    assert at_frontier(usage) == Decimal("0.00031")
    assert at_frontier({"prompt_tokens": 100, "completion_tokens": 10}) == Decimal("0.0004")


def report(**changes: Any) -> Mapping[str, Any]:
    money = {"baseline_usd": "1.0", "saved_usd": "0.7"}
    kept = {"requests": 9, "dry_run_agrees": 9, "turns_that_go_on": 2, "began_where_the_last_ended": 2, **money}
    kept |= {"split": dict(zip(TIERS, SPLIT, strict=True)), "ledger": money}
    kept |= {"accuracy": 0.93, "accuracy_of_all_frontier": 0.97}
    return {"split": {**kept, **changes}, "quality": {**kept, **changes}}


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({}, ""),
        ({"dry_run_agrees": 8}, "split: the dry run agreed in 8 of 9"),
        ({"began_where_the_last_ended": 1}, "split: conversations changed their tier"),
        ({"split": {"home": 0.5, "mid": 0.42, "frontier": 0.08}}, "split: home got 50.0% instead of 70%"),
        ({"accuracy": 0.9}, "quality: 7.0% less right than the frontier alone"),
        ({"saved_usd": "0.71"}, "split: the ledger's saved_usd is not what the answers said"),
    ],
)
def test_what_is_not_kept_is_told(changes: dict[str, Any], missed: str) -> None:
    assert verdicts(report(**changes))[:1] == ([missed] if missed else [])
