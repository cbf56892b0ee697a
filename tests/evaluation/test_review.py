"""The rules of reviewing follow from the configuration; ratings lie on the judge's scale."""

from homeport.config.review import ReviewSettings
from homeport.evaluation.review import queue_rules, score_of
from homeport.storage.review_queue import QueueRules


def test_the_rules_by_default_are_those_of_the_settings_by_default() -> None:
    assert queue_rules(ReviewSettings()) == QueueRules()
    assert queue_rules(ReviewSettings(double=0.5, hold_minutes=1, period_days=2)) == QueueRules(
        double=0.5, hold_ns=60 * 10**9, period_ns=2 * 86_400 * 10**9
    )


def test_ratings_lie_between_0_and_1() -> None:
    assert [score_of(rating) for rating in (1, 2, 3, 4, 5)] == [0, 0.25, 0.5, 0.75, 1]
