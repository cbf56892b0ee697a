"""What is thought of outputs is read as it was said, of those that could be drawn. On both databases."""

from typing import Any

import pytest
from sqlalchemy import Engine

from homeport.storage.opinions import (
    Rating,
    RouteOutputs,
    epochs,
    metric_names,
    opinions,
    route_outputs,
    thinned_opinions,
)
from homeport.storage.scores import Place, keep
from tests.storage.reviewed import (
    NOW,
    add_epoch,
    add_judgements,
    add_labels,
    add_outputs,
    add_scores,
    output,
)
from tests.storage.test_scores import FORMAT, HOME, LENGTH, event, ledger, rows, scored

SINCE, UNTIL = NOW - 10**12, NOW


def test_everything_that_is_known_of_an_output(engine: Engine) -> None:
    add_outputs(engine, output("r1"), output("r2"), output("r3", for_human=False, judge_probability=0.2))
    add_epoch(engine, "old")
    add_epoch(engine, "new", 2)
    add_judgements(engine, "old", {"r1": 0.1})
    add_judgements(engine, "new", {"r1": 0.9, "r3": None})
    add_labels(engine, "bob", {"r1": 2})
    add_labels(engine, "ann", {"r1": 5, "r2": 4})
    add_scores(engine, "length", {"r1": 3.0, "r2": 4.0})
    add_scores(engine, "length", {"r1": 7.0}, version=2)
    add_scores(engine, "format", {"r3": 1.0})
    found = {one.request_id: one for one in opinions(engine, SINCE, UNTIL, "new", ("format", "length"))}
    assert found["r1"].ratings == (Rating("ann", 5), Rating("bob", 2))
    assert (found["r1"].judged, found["r1"].judge, found["r1"].metrics) == (True, 0.9, (None, 7.0))
    assert (found["r2"].judged, found["r2"].judge, found["r2"].metrics) == (False, None, (None, 4.0))
    assert (found["r3"].judged, found["r3"].judge, found["r3"].ratings) == (True, None, ())
    assert (found["r3"].judge_share, found["r3"].human_share) == pytest.approx((0.2, 0.07))
    assert [one.judged for one in opinions(engine, SINCE, UNTIL, "")] == [False] * 3


def test_what_could_never_be_drawn_is_not_in_it(engine: Engine) -> None:
    never: dict[str, Any] = {"judge_probability": 0.0, "human_probability": 0.0, "for_judge": False, "for_human": False}
    add_outputs(
        engine, output("r1"), output("r2", kept=False, **never), output("r3", at=SINCE - 1), output("r4", **never)
    )
    assert [one.request_id for one in opinions(engine, SINCE, UNTIL, "e")] == ["r1"]
    assert route_outputs(engine, SINCE, UNTIL) == [RouteOutputs(tier="mid", target="small", outputs=3, kept=2, drawn=1)]


def test_the_newest_judge_comes_first_with_what_people_labelled_too(engine: Engine) -> None:
    add_outputs(engine, *(output(f"r{number}") for number in range(3)), output("r9", at=SINCE - 1))
    add_epoch(engine, "old")
    add_epoch(engine, "new", 2)
    add_judgements(engine, "old", {"r0": 0.5, "r1": 0.5, "r2": 0.5, "r9": 0.1})
    add_judgements(engine, "new", {"r0": 0.5})
    add_labels(engine, "ann", {"r1": 3, "r2": 3})
    add_labels(engine, "bob", {"r1": 3})
    found = [(one.epoch, one.judged, one.labelled) for one in epochs(engine, SINCE, UNTIL)]
    assert found == [("new", 1, 0), ("old", 3, 2)]


def test_metrics_are_those_of_the_hours_by_name(engine: Engine) -> None:
    ledger(engine, event("r1", 10), event("r2", 20))
    keep(engine, HOME, Place("default", 0), 2, [scored(row, LENGTH, FORMAT) for row in rows(engine)], 1)
    assert metric_names(engine, 0, 100) == ("format", "length")
    assert metric_names(engine, 10**18, 2 * 10**18) == ()


def test_of_very_many_the_drawn_for_people_and_a_part_of_the_others_with_their_probability(engine: Engine) -> None:
    golden = 0.6180339887498949
    draws = [0.15 * (number * golden % 1.0) for number in range(400)]
    add_outputs(engine, *(output(f"r{n}", draw=draw, for_human=draw < 0.07) for n, draw in enumerate(draws)))
    found = thinned_opinions(engine, SINCE, UNTIL, "e", 0.25)
    people = sum(draw < 0.07 for draw in draws)
    assert [one.judge_share for one in found] == pytest.approx([0.07 + 0.08 * 0.25] * len(found))
    ids = {one.request_id for one in found}
    assert {f"r{n}" for n, draw in enumerate(draws) if draw < 0.07} <= ids
    assert 0.12 < (len(found) - people) / (400 - people) < 0.38
    assert len(thinned_opinions(engine, SINCE, UNTIL, "e", 1.0)) == 400
