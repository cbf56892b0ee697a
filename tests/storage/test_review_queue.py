"""An output is given out no more often than it needs, to nobody twice, and comes back when nobody looks at it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from homeport.storage.labels import Label, Refused, add_label, undo_label
from homeport.storage.review_queue import (
    HAND,
    QueueRules,
    end_session,
    hand_out,
    held,
    in_session,
    needed_labels,
    pass_over,
    queue_counts,
    take_up,
    waiting,
)
from tests.storage.reviewed import MINUTE, NOW, add_outputs, output

RULES = QueueRules()


def always(_name: str, _at: int) -> bool:
    return True


def ids(engine: Engine, reviewer: str, now: int = NOW) -> list[str]:
    return [one.request_id for one in hand_out(engine, reviewer, RULES, now, always)]


def label(engine: Engine, reviewer: str, name: str, rating: int = 4, at: int = NOW) -> Refused | None:
    return add_label(engine, Label(request_id=name, reviewer=reviewer, labelled_at=at, rating=rating), RULES)


def test_only_what_was_drawn_and_kept_in_the_period_waits(engine: Engine) -> None:
    add_outputs(
        engine,
        output("r1"),
        output("r2", for_human=False),
        output("r3", kept=False),
        output("r4", at=NOW - RULES.period_ns - 1),
        output("r5", for_judge=True),
    )
    assert sorted(ids(engine, "ann")) == ["r1", "r5"]
    assert sorted(one.request_id for one in waiting(engine, RULES, NOW, 9)) == ["r1", "r5"]
    assert queue_counts(engine, "bob", RULES, NOW).waiting == 0, "ann holds both"


def test_what_began_before_all_that_is_kept_neither_waits_nor_is_handed_out(engine: Engine) -> None:
    add_outputs(engine, output("old", at=NOW - 2 * MINUTE), output("new", at=NOW - MINUTE))
    kept = QueueRules(since=NOW - MINUTE)
    assert queue_counts(engine, "ann", kept, NOW).waiting == 1
    assert [one.request_id for one in waiting(engine, kept, NOW, 9)] == ["new"]
    assert [one.request_id for one in hand_out(engine, "ann", kept, NOW, always)] == ["new"]
    assert queue_counts(engine, "bob", RULES, NOW).waiting == 1, "by other rules the old one waits"


def test_of_what_is_kept_no_more_nothing_is_handed_out(engine: Engine) -> None:
    add_outputs(engine, *(output(f"r{number}") for number in range(8)))
    first = hand_out(engine, "ann", RULES, NOW, lambda name, _: name == "r3")
    assert [one.request_id for one in first] == ["r3"]
    assert hand_out(engine, "ann", RULES, NOW, lambda _name, _at: False) == [], "what is held goes too"
    assert not in_session(engine, "ann", NOW)


def test_two_at_once_never_have_the_same(engine: Engine) -> None:
    add_outputs(engine, *(output(f"r{number}") for number in range(8)))
    ann, bob = ids(engine, "ann"), ids(engine, "bob")
    assert (len(ann), len(bob)) == (HAND, 8 - HAND)
    assert not set(ann) & set(bob)
    assert ids(engine, "ann") == ann, "the same hand until it is labelled"
    assert ids(engine, "eve") == []
    assert set(ids(engine, "eve", NOW + 15 * MINUTE)) <= {*ann, *bob}, "holds end"


def test_what_two_label_is_held_by_two_and_not_by_three(engine: Engine) -> None:
    add_outputs(engine, output("r1", doubled=True))
    assert [ids(engine, name) for name in ("ann", "bob", "eve")] == [["r1"], ["r1"], []]
    assert label(engine, "ann", "r1") is None
    assert ids(engine, "ann") == [], "nobody labels twice"
    assert ids(engine, "eve") == [], "bob still holds it"
    assert label(engine, "bob", "r1") is None
    assert waiting(engine, RULES, NOW, 9) == []
    assert label(engine, "eve", "r1") is Refused.COMPLETE


@pytest.mark.parametrize("count", [1, 4])
def test_reviewers_that_ask_at_the_same_moment(connect: Callable[[], Engine], count: int) -> None:
    add_outputs(connect(), *(output(f"r{number}") for number in range(count)))
    engines = [connect() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda place: ids(engines[place], f"person {place}"), range(4)))
    given = [name for hand in found for name in hand]
    assert sorted(given) == [f"r{number}" for number in range(count)]


def test_a_label_is_taken_back_until_the_session_ends(engine: Engine) -> None:
    add_outputs(engine, output("r1"), output("r2"))
    first, second = ids(engine, "ann")
    label(engine, "ann", first, at=NOW)
    label(engine, "ann", second, at=NOW + 1)
    assert undo_label(engine, "ann", NOW + 2) == second
    assert [one.request_id for one in held(engine, "ann", RULES, NOW + 2)] == [second]
    assert undo_label(engine, "bob", NOW + 2) is None
    label(engine, "ann", second, at=NOW + 3)
    assert undo_label(engine, "ann", NOW + 3 + 15 * MINUTE) is None, "too long ago"
    end_session(engine, "ann")
    assert undo_label(engine, "ann", NOW + 4) is None
    assert not in_session(engine, "ann", NOW + 4)


def test_what_is_passed_over_goes_to_others(engine: Engine) -> None:
    add_outputs(engine, output("r1"))
    assert ids(engine, "ann") == ["r1"]
    assert pass_over(engine, "ann", "r1")
    assert not pass_over(engine, "bob", "r1")
    assert ids(engine, "ann", NOW + 60 * MINUTE) == []
    assert queue_counts(engine, "ann", RULES, NOW).skipped == 1
    end_session(engine, "ann")
    assert ids(engine, "ann") == [], "also in the next session"
    assert ids(engine, "bob") == ["r1"]
    end_session(engine, "bob")
    assert take_up(engine, "ann") == 1
    assert ids(engine, "ann") == ["r1"]


def test_what_is_labelled_cannot_be_passed_over(engine: Engine) -> None:
    add_outputs(engine, output("r1"))
    ids(engine, "ann")
    label(engine, "ann", "r1")
    assert not pass_over(engine, "ann", "r1")
    assert queue_counts(engine, "ann", RULES, NOW).labelled == 1


def test_the_order_knows_nothing_of_the_time_and_doubles_are_everywhere(engine: Engine) -> None:
    """600 outputs with spread draws: the first fifth of the queue has its share of early ones and of doubles."""
    golden = 0.6180339887498949
    rows = [
        output(f"r{number:03}", at=NOW - 600 + number, draw=0.07 * (number * golden % 1.0)) for number in range(600)
    ]
    add_outputs(engine, *rows)
    queue = waiting(engine, RULES, NOW, 120)
    early = sum(one.started_at < NOW - 300 for one in queue)
    doubled = sum(one.needs == 2 for one in queue)
    assert 40 <= early <= 80
    assert 6 <= doubled <= 32
    everything = waiting(engine, RULES, NOW, 1_000)
    assert sum(one.needs == 2 for one in everything) == pytest.approx(90, abs=2)


def test_the_database_and_python_agree_on_what_is_doubled(engine: Engine) -> None:
    draws = [0.0, 0.0104, 0.0105, 0.0106, 0.06]
    add_outputs(engine, *(output(f"r{place}", draw=draw) for place, draw in enumerate(draws)))
    found = {one.request_id: one.needs for one in waiting(engine, RULES, NOW, 9)}
    assert found == {f"r{place}": needed_labels(RULES, draw, 0.07) for place, draw in enumerate(draws)}
