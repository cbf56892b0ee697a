"""Yesterday decided again: the cheap tier costs less, the strong one is better, and shares are what was asked for."""

import math
from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from homeport.console.figures.replayed import AN_HOUR, Counterfactual, Replayed, read_replayed, yesterday
from homeport.core.money import NANO_PER_USD
from homeport.core.types import Outcome, Target, Usage
from homeport.ledger.pricing import RateCard
from tests.fakes.house import MID, OWN, TOP
from tests.ledger.requests import DAY, HOUR, NOW, ledger, request

LADDER: Mapping[str, Target] = {"home": OWN, "mid": MID, "top": TOP}


def chances(score: float) -> Mapping[str, float]:
    return {"home": 1 / (1 + math.exp(score)), "mid": 0.8, "top": 0.95}


def row(score: float, decided: str = "home", *, local: bool = True) -> Replayed:
    usage = Usage(input_tokens=1_000, output_tokens=100)
    return Replayed(score=score, decided=decided, local=local, usage=usage, worked_ns=10**9, cost=5_000)


def again(*rows: Replayed) -> Counterfactual:
    return Counterfactual(rows, LADDER, chances, RateCard())


def test_what_was_decided_is_reckoned_like_what_was_not() -> None:
    was = again(row(0.1), row(0.9, "top", local=False)).as_it_was()
    own = RateCard().cost(OWN, Usage(), 10**9)
    top = RateCard().cost(TOP, Usage(input_tokens=1_000, output_tokens=100), 0)
    assert was.shares == {"home": 0.5, "mid": 0.0, "top": 0.5}
    assert was.usd == pytest.approx((own + top) / 2 / NANO_PER_USD)
    assert was.good == pytest.approx((chances(0.1)["home"] + 0.95) / 2)


def test_the_highest_scores_go_up_first() -> None:
    found = again(*(row(score / 10) for score in range(10))).split({"home": 0.5, "mid": 0.3, "top": 0.2})
    assert found.shares == {"home": 0.5, "mid": 0.3, "top": 0.2}
    assert found.good == pytest.approx(
        (sum(chances(score / 10)["home"] for score in range(5)) + 3 * 0.8 + 2 * 0.95) / 10
    )


def test_ever_more_for_the_strongest_is_ever_better_and_dearer() -> None:
    curve = again(*(row(score / 7) for score in range(40))).curve({"home": 0.7, "mid": 0.3, "top": 0.0})
    assert [curve[0].shares["top"], curve[-1].shares["top"]] == [0.0, 1.0]
    assert [one.usd for one in curve] == sorted(one.usd for one in curve)
    goods = [one.good for one in curve if one.good is not None]
    assert len(goods) == len(curve)
    assert goods[-1] > goods[0]


def test_without_what_was_learned_nothing_is_said_of_quality() -> None:
    assert Counterfactual([row(1)], LADDER, None, RateCard()).as_it_was().good is None


def test_an_own_engine_that_did_not_answer_takes_the_time_of_those_it_did() -> None:
    found = again(row(0.1), row(0.2, "top", local=False)).split({"home": 1.0})
    assert found.usd * NANO_PER_USD == pytest.approx(RateCard().cost(OWN, Usage(), 10**9), abs=1)


@given(some.lists(some.floats(-5, 5), min_size=1, max_size=50), some.lists(some.floats(0, 1), min_size=3, max_size=3))
def test_everybody_goes_somewhere_once(scores: list[float], weights: list[float]) -> None:
    total = sum(weights) or 1.0
    shares = dict(zip(LADDER, (weight / total for weight in weights), strict=True))
    found = again(*map(row, scores)).split(shares)
    assert sum(found.shares.values()) == pytest.approx(1)
    for tier, share in found.shares.items():
        assert abs(share - shares[tier]) <= 1 / len(scores) + 1e-9 or sum(weights) == 0


def test_a_sample_of_each_hour_is_read() -> None:
    start, end = yesterday(NOW)
    assert (end - start, end <= NOW < end + DAY) == (DAY, True)
    scored = {"score": 0.5, "decided": "home"}
    many = [request(start + HOUR + place, **scored) for place in range(AN_HOUR + 20)]
    others = [
        request(start + 5 * HOUR, **scored),
        request(start + 5 * HOUR, score=None),
        request(start + 5 * HOUR, outcome=Outcome.FAILED, **scored),
        request(start - 1, **scored),
        request(end, **scored),
    ]
    found = read_replayed(ledger(*many, *others), start, end)
    assert len(found) == AN_HOUR + 1
    assert msgspec.structs.astuple(found[0])[:2] == (0.5, "home")
    assert (found[0].usage.input_tokens, found[0].usage.output_tokens, found[0].cost) == (10, 5, 7)
