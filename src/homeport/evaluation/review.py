"""People review outputs: by which rules, and what a rating is worth."""

from homeport.config.review import ReviewSettings
from homeport.storage.labels import LEAST_RATING, MOST_RATING
from homeport.storage.review_queue import QueueRules

_MINUTE_NS = 60 * 1_000_000_000
_DAY_NS = 1_440 * _MINUTE_NS


def queue_rules(settings: ReviewSettings, since: int = 0) -> QueueRules:
    """The rules of a configuration; what began before `since`, in nanoseconds, cannot be read any more."""
    return QueueRules(
        double=settings.double,
        hold_ns=settings.hold_minutes * _MINUTE_NS,
        period_ns=settings.period_days * _DAY_NS,
        since=since,
    )


def score_of(rating: float) -> float:
    """A rating of 1 to 5, or the mean of several, on the judge's scale of 0 to 1."""
    return (rating - LEAST_RATING) / (MOST_RATING - LEAST_RATING)
