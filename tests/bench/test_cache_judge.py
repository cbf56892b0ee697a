"""What a judge's words are worth, counted on pairs that did not choose its threshold."""

import pytest

from bench.cache_judge import PARTS, Doubted, choose, gain


def doubted(*rows: tuple[float | None, bool]) -> list[Doubted]:
    return [Doubted(f"asked {place}", "kept", same, one) for place, (one, same) in enumerate(rows)]


def test_the_threshold_that_gains_most_within_the_budget() -> None:
    told = doubted((0.9, True), (0.8, False), (0.7, True), (0.7, True), (0.6, False), (None, True))
    assert choose(told, 0) == 0.9
    assert choose(told, 1) == 0.7
    assert choose(told, 0.99) == 0.9
    assert choose(told, -1) > 1


def test_pairs_with_equal_words_are_approved_together() -> None:
    assert choose(doubted((0.8, True), (0.8, False)), 0) > 1
    assert choose(doubted((0.8, True), (0.8, False)), 1) == 0.8


def test_a_judge_that_knows_gains_every_hit() -> None:
    told = doubted(*[(0.9, True)] * 20, *[(0.1, False)] * 20)
    found = gain(told, rights=100, traps=100, served_wrong=0)
    assert (found["hits_gained"], found["wrong_added"], found["auroc"]) == (20, 0, 1.0)
    assert found["hit_rate_gained"] == pytest.approx(0.2)


def test_a_judge_that_says_nothing_gains_nothing() -> None:
    found = gain(doubted(*[(None, True)] * 10), rights=10, traps=10, served_wrong=0)
    assert (found["hits_gained"], found["wrong_added"], found["said_nothing"]) == (0, 0, 10)
    assert found["thresholds"] == [None] * PARTS
    assert found["auroc"] is None


def test_where_the_budget_is_spent_already_nothing_is_approved() -> None:
    told = doubted(*[(0.9, False)] * 3, *[(0.8, True)] * 20)
    assert gain(told, rights=100, traps=100, served_wrong=5)["hits_gained"] == 0


def test_a_part_is_counted_by_the_threshold_of_the_others() -> None:
    """One sure mistake is never in the part that counts it and among those that choose at once."""
    told = doubted((0.99, False), *[(0.9, True)] * 24)
    found = gain(told, rights=100, traps=60, served_wrong=0)
    # Four parts know the mistake and may not afford it; the fifth holds it and has to bear it.
    assert found["wrong_added"] == 1
    assert 0 < found["hits_gained"] < 24
    assert len({threshold for threshold in found["thresholds"] if threshold is not None}) == 1
