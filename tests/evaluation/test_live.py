"""Opinions on a period's outputs become estimates by route, also where the judge was off, or changed."""

from collections.abc import Sequence

import numpy as np
import pytest

from homeport.evaluation.live import (
    Period,
    choose_epoch,
    reviewer_qualities,
    route_qualities,
    route_quality,
)
from homeport.stats.agreement import UNMEASURED, USABLE
from homeport.storage.opinions import Epoch, Opinion, Rating, RouteOutputs
from homeport.storage.standing_quality import Interval, RouteQuality

PERIOD = Period(since=0, until=100, epoch="e1")
TRUTH = 0.6


def opinion(number: int, *ratings: int, judge: float | None = None, **more: object) -> Opinion:
    given = {
        "request_id": f"r{number}",
        "tier": "mid",
        "target": "small",
        "judge_share": 0.4,
        "human_share": 0.2,
        "judged": judge is not None,
        "judge": judge,
        "ratings": tuple(Rating(name, rating) for name, rating in zip("ab", ratings, strict=False)),
        "metrics": (),
        **more,
    }
    return Opinion(**given)  # type: ignore[arg-type]


def outputs(count: int, target: str = "small") -> RouteOutputs:
    return RouteOutputs(tier="mid", target=target, outputs=count, kept=count, drawn=count)


def quality(rows: Sequence[Opinion], period: Period = PERIOD) -> RouteQuality:
    return route_quality(period, rows, outputs(len(rows)))


def traffic(seed: int, count: int = 600, target: str = "small", kind: float = 0.15) -> list[Opinion]:
    """Ratings of 1 or 5, of which 60 % are 5; a judge who knows them in part, and is too kind; one that was drawn
    for people was drawn for the judge too."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        good, point = rng.random() < TRUTH, rng.random()
        judge = float(np.clip(kind + 0.35 + 0.4 * good + rng.normal(0, 0.1), 0, 1))
        rating = 5 if good else 1
        ratings = [] if point >= 0.2 else [rating, rating if rng.random() < 0.9 else 6 - rating][: 1 + (point < 0.03)]
        made.append(opinion(number, *ratings, judge=judge if point < 0.4 else None, target=target))
    return made


def holds(found: Interval | None) -> bool:
    assert found is not None
    return found.low <= TRUTH <= found.high


def test_the_corrected_estimate_holds_the_truth_and_the_kind_judge_alone_does_not() -> None:
    """Of 60 periods; 95 % are promised, so that 87 % is three standard errors away."""
    found = [quality(traffic(seed)) for seed in range(60)]
    assert np.mean([holds(one.corrected) for one in found]) >= 0.87
    assert np.mean([holds(one.human) for one in found]) >= 0.87
    assert np.mean([holds(one.judge) for one in found]) < 0.2
    widths = [
        (one.corrected.high - one.corrected.low, one.human.high - one.human.low)
        for one in found
        if one.corrected and one.human
    ]
    assert np.mean([corrected for corrected, _ in widths]) < 0.9 * np.mean([human for _, human in widths])
    assert {one.verdict for one in found} == {USABLE}
    assert 0.7 < np.mean([one.reviewers.value for one in found if one.reviewers]) < 0.9


def test_counts() -> None:
    rows = [opinion(1, 5, 4, judge=1.0), opinion(2, 1), opinion(3, judge=0.5), opinion(4)]
    one = quality(rows)
    assert (one.outputs, one.judged, one.labelled, one.doubled) == (4, 2, 2, 1)
    assert (one.human, one.corrected, one.reviewers) == (None, None, None)
    assert one.verdict == UNMEASURED


def test_where_the_judge_was_off_labels_alone_count() -> None:
    rows = [opinion(number, rating) for number, rating in enumerate([5, 5, 4, 1, 5, 4, 3, 5] * 5)]
    one = quality(rows, Period(since=0, until=1, epoch=""))
    assert one.human is not None
    assert one.human.value == pytest.approx(0.75)
    assert one.corrected == one.human
    assert (one.judge, one.epoch, one.verdict) == (None, "", UNMEASURED)


def test_what_is_labelled_and_not_judged_counts_in_the_estimate_by_labels_alone() -> None:
    both = [opinion(number, 5, judge=0.9) for number in range(20)]
    alone = [opinion(100 + number, 1) for number in range(20)]
    one = quality([*both, *alone])
    assert one.human is not None
    assert one.human.value == pytest.approx(0.5)
    assert (one.labelled, one.judged) == (40, 20)
    few = quality([*both[:2], *alone, *(opinion(200 + number, judge=0.7) for number in range(9))])
    assert few.corrected == few.human, "two have both, of which nothing can be said"


def test_no_verdict_of_a_judge_that_was_asked_is_the_middle() -> None:
    rows = [opinion(number, judge=0.8) for number in range(10)]
    rows += [opinion(20 + number, judged=True) for number in range(10)]
    one = quality(rows)
    assert one.judge is not None
    assert one.judge.value == pytest.approx(0.65)


def test_each_route_and_all_together() -> None:
    rows = [*traffic(1), *traffic(2, target="large", kind=0.0)]
    counts = [outputs(600), outputs(600, "large"), outputs(9, "silent")]
    whole, *each = route_qualities(PERIOD, rows, counts)
    assert [(one.tier, one.target) for one in (whole, *each)] == [
        ("", ""),
        ("mid", "small"),
        ("mid", "large"),
        ("mid", "silent"),
    ]
    assert whole.labelled == sum(one.labelled for one in each)
    assert whole.outputs == 1_209
    assert each[2].corrected is None
    assert len(route_qualities(PERIOD, rows, counts, most=1)) == 2
    assert route_qualities(PERIOD, [], [])[0].outputs == 0


def test_rows_that_are_drawn_more_often_weigh_less() -> None:
    rows = [opinion(number, 5, human_share=0.1) for number in range(20)]
    rows += [opinion(100 + number, 1, human_share=0.4) for number in range(20)]
    one = quality(rows)
    assert one.human is not None
    assert one.human.value == pytest.approx(0.8)


def test_reviewers_each_with_the_judge_and_with_others() -> None:
    rows = [opinion(number, 5 if number % 2 else 1, 5 if number % 2 else 1, judge=number % 2) for number in range(12)]
    rows += [opinion(100 + number, 3) for number in range(3)]
    ann, bob = reviewer_qualities(rows)
    assert (ann.reviewer, ann.labelled, ann.judged, ann.shared) == ("a", 15, 12, 12)
    assert ann.agreement is not None
    assert ann.agreement.value == 1
    assert ann.others_kappa is not None
    assert ann.others_kappa.value == 1
    assert (bob.labelled, bob.shared) == (12, 12)
    [few] = reviewer_qualities([opinion(1, 5, judge=1.0)])
    assert (few.agreement, few.others_kappa) == (None, None)


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        ([], ""),
        ([("new", 0), ("old", 40)], "old"),
        ([("new", 9), ("old", 40)], "old"),
        ([("new", 10), ("old", 40)], "new"),
        ([("new", 3), ("old", 3)], "new"),
        ([("new", 0), ("old", 0)], "new"),
    ],
)
def test_the_newest_judge_that_people_have_labelled_enough_of(found: list[tuple[str, int]], chosen: str) -> None:
    rows = [Epoch(epoch=name, began_at=1, judged=99, labelled=labelled) for name, labelled in found]
    assert choose_epoch(rows) == chosen
