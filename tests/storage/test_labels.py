"""Labels are of outputs that were drawn, once for a reviewer, and go with what they are of. On both databases."""

import itertools

import pytest
from sqlalchemy import Engine

from homeport.storage.labels import (
    Label,
    Refused,
    add_label,
    drawn_of,
    every_label,
    label_mark,
    put_labels,
    ratings_of,
    undo_label,
)
from homeport.storage.review_queue import QueueRules, hand_out
from homeport.storage.scores import forget_scores, prune_scores
from tests.storage.reviewed import NOW, add_labels, add_outputs, output

RULES = QueueRules()


def made(name: str, reviewer: str = "ann", rating: int = 3, at: int = NOW) -> Label:
    return Label(request_id=name, reviewer=reviewer, labelled_at=at, rating=rating, seconds=1.5, note="<b>'; --")


def test_a_label_is_kept_as_it_was_given(engine: Engine) -> None:
    add_outputs(engine, output("r1"))
    assert add_label(engine, made("r1"), RULES) is None
    assert list(every_label(engine, 0, NOW + 1)) == [made("r1")]
    assert list(every_label(engine, 0, NOW)) == []
    assert ratings_of(engine, ["r1", "r2"]) == {("r1", "ann"): 3}


@pytest.mark.parametrize(
    ("name", "why"),
    [("unknown", Refused.UNKNOWN), ("judged", Refused.NOT_DRAWN), ("unkept", Refused.NOT_DRAWN)],
)
def test_what_was_not_drawn_is_not_labelled(engine: Engine, name: str, why: Refused) -> None:
    add_outputs(engine, output("judged", for_human=False), output("unkept", kept=False))
    assert add_label(engine, made(name), RULES) is why
    assert list(every_label(engine, 0, NOW + 1)) == []


def test_nobody_labels_twice_and_nobody_what_is_done(engine: Engine) -> None:
    add_outputs(engine, output("r1"))
    add_label(engine, made("r1"), RULES)
    assert add_label(engine, made("r1", rating=5), RULES) is Refused.LABELLED
    assert add_label(engine, made("r1", "bob"), RULES) is Refused.COMPLETE
    assert ratings_of(engine, ["r1"]) == {("r1", "ann"): 3}


def test_labels_from_elsewhere_take_the_place_of_the_same_reviewers(engine: Engine) -> None:
    add_outputs(engine, output("r1"), output("r2", for_human=False))
    assert put_labels(engine, [made("r1"), made("r1", "bob")]) == 2
    put_labels(engine, [made("r1", rating=1)])
    assert ratings_of(engine, ["r1"]) == {("r1", "ann"): 1, ("r1", "bob"): 3}
    assert drawn_of(engine, ["r1", "r2", "r3"]) == {"r1": True, "r2": False}


def test_the_mark_changes_with_every_change(engine: Engine) -> None:
    add_outputs(engine, output("r1"), output("r2"))
    seen = [label_mark(engine)]
    for change in (
        lambda: add_label(engine, made("r1"), RULES),
        lambda: put_labels(engine, [made("r1", rating=4)]),
        lambda: add_label(engine, made("r2", at=NOW + 1), RULES),
        lambda: undo_label(engine, "ann", NOW + 2),
    ):
        change()
        seen.append(label_mark(engine))
    assert all(one != other for one, other in itertools.pairwise(seen))


def test_labels_go_with_the_scores(engine: Engine) -> None:
    add_outputs(engine, output("r1"), output("r2"), output("r3", at=1))
    add_labels(engine, "ann", {"r1": 3, "r2": 4, "r3": 5})
    hand_out(engine, "bob", RULES, NOW, lambda _name, _at: True)
    forget_scores(engine, ["r1"])
    assert set(ratings_of(engine, ["r1", "r2", "r3"])) == {("r2", "ann"), ("r3", "ann")}
    assert prune_scores(engine, 2, 10) == 1
    assert set(ratings_of(engine, ["r1", "r2", "r3"])) == {("r2", "ann")}
