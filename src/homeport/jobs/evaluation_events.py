"""Every few seconds: what was said of outputs since the last time goes to a collector, as events of their traces.

It is read from the database, so it does not matter which process a person or a judge spoke to. Up to when it was sent
is kept in a file; what does not arrive is sent again, for a day at most. A label is sent when it cannot be taken back
any more. What was said of answers before the first round is not sent.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
from sqlalchemy import Engine

from homeport.config.telemetry import EventMetrics
from homeport.evaluation.review import score_of
from homeport.storage.evaluated import HUMAN, JUDGE, Said, said_by_judges, said_by_metrics, said_by_people
from homeport.storage.published import publish, read_published
from homeport.telemetry.evaluations import Evaluation, SendEvents

logger = logging.getLogger(__name__)

EVERY_S = 5.0
SETTLE_NS = 5_000_000_000
"""So long what was said may take to be in the database, with a time before that."""

BATCH = 256
_WINDOW_NS = 60_000_000_000
_LONGEST_BEHIND_NS = 86_400_000_000_000

Explain = Callable[[Said], str]
"""What may be told of why; "" for nothing."""


class EventRules(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent.

    Attributes:
        home: id of the state folder; of outputs of others, theirs tell.
        hold_ns: so long a label may be taken back.
        metrics: which of what automatic metrics say.
    """

    home: str
    hold_ns: int
    metrics: EventMetrics = "failed"


class _Sent(msgspec.Struct, frozen=True, kw_only=True):
    """Up to when it was sent; nanoseconds since the epoch."""

    until: int
    stale_at: int


class EvaluationEvents:
    """Of one state folder.

    Args:
        file: where it is written up to when it was sent.
    """

    def __init__(self, engine: Engine, file: Path, rules: EventRules, send: SendEvents, explain: Explain) -> None:
        self._engine = engine
        self._file = file
        self._rules = rules
        self._send = send
        self._explain = explain
        self._failing = False

    def work(self, now: int) -> int:
        """One round, at a time in nanoseconds since the epoch; how many events were sent.

        Raises:
            SQLAlchemyError: the database cannot be read; nothing is lost.
        """
        before, last, sent = self._before(now), now - SETTLE_NS, 0
        while before < last:
            until = min(before + _WINDOW_NS, last)
            found = [event_of(one, self._explain(one)) for one in self._said(before, until)]
            if not self._arrives(found):
                break
            sent, before = sent + len(found), until
            self._keep(until)
        return sent

    def _before(self, now: int) -> int:
        kept = read_published(self._file, _Sent, now)
        if kept is None:
            self._keep(now - SETTLE_NS)
            return now - SETTLE_NS
        return kept.until

    def _keep(self, until: int) -> None:
        try:
            publish(self._file, _Sent(until=until, stale_at=until + _LONGEST_BEHIND_NS))
        except OSError as error:
            logger.warning("%s could not be written: %s", self._file, error.strerror)

    def _said(self, since: int, until: int) -> Iterable[Said]:
        engine, home, hold = self._engine, self._rules.home, self._rules.hold_ns
        yield from said_by_judges(engine, home, since, until)
        yield from said_by_people(engine, home, since - hold, until - hold)
        if self._rules.metrics != "none":
            yield from said_by_metrics(engine, home, since, until, failed=self._rules.metrics == "failed")

    def _arrives(self, found: Sequence[Evaluation]) -> bool:
        """Whether all of it was sent. What fails is said once, until it goes well again."""
        arrived = all(self._send(found[first : first + BATCH]) for first in range(0, len(found), BATCH))
        if not arrived and not self._failing:
            logger.warning(
                "events of evaluations do not arrive, and are tried again for a day; where the collector takes no "
                "logs, write telemetry.traces.evaluations: false"
            )
        self._failing = not arrived
        return arrived


def event_of(said: Said, explanation: str = "") -> Evaluation:
    """What is told of what was said. A verdict without a grade is an error, by its label."""
    unread = said.source == JUDGE and said.value is None
    return Evaluation(
        at=said.at,
        trace_id=said.trace_id,
        span_id=said.span_id,
        request_id=said.request_id,
        source=said.source,
        name=said.name,
        version=said.version,
        value=score_of(said.value) if said.source == HUMAN and said.value is not None else said.value,
        label="" if unread else said.label or _passed(said.passed),
        error=said.label if unread else "",
        explanation=explanation,
    )


def _passed(passed: bool | None) -> str:
    return "" if passed is None else "pass" if passed else "fail"
