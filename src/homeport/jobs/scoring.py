"""Every second: what outputs are worth by automatic metrics, each of them once, and which are drawn to be looked at.

Off the request path, and with a bounded part of a processor: a round works for a quarter of a second at most, in small
batches. Where what was said was not kept, what the ledger says is scored, and the output is drawn for nothing.
"""

import logging
from collections.abc import Sequence
from itertools import takewhile

import msgspec
from sqlalchemy import Engine

from homeport.core.captured import Captured
from homeport.core.errors import StorageError
from homeport.core.ports import Clock
from homeport.core.purposes import OURS
from homeport.core.types import CONVERSATIONS, Surface
from homeport.evaluation.metrics.base import Sample
from homeport.evaluation.sampling import Shares, decide
from homeport.evaluation.scorecard import Card, Scorecard
from homeport.jobs.samples import sample_of
from homeport.storage.bodies import BodyStore
from homeport.storage.holders import Holder
from homeport.storage.score_figures import low_share
from homeport.storage.scores import LedgerRow, Place, ScoredOutput, StoredScore, behind, keep, rows_after

logger = logging.getLogger(__name__)

EVERY_S = 1.0
BATCH = 100
SETTLE_NS = 5_000_000_000
"""What was said is written down a moment after the answer: so long, rows are left for a later round."""

_SLICE_NS = 250_000_000
_KNOWN_FOR_NS = 60_000_000_000
_LOOKED_BACK_NS = 7 * 86_400 * 1_000_000_000
_LEAST_KNOWN = 200
_GENERATED = frozenset(surface.value for surface in (*CONVERSATIONS, Surface.COMPLETION))


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How outputs are drawn.

    Attributes:
        home: id of the state folder; outputs of others are theirs to score.
        key: of the draws, see evaluation/sampling.py.
        by_trace: requests of one trace are drawn together.
        oversampled: metrics whose failures make an output low.
        since_ns: what is older than this, in nanoseconds, when scoring begins is passed over.
    """

    home: str
    key: bytes
    shares: Shares = Shares()
    by_trace: bool = False
    oversampled: frozenset[str] = frozenset()
    since_ns: int = _LOOKED_BACK_NS


class Scorer:
    """Of one state folder."""

    def __init__(self, engine: Engine, bodies: BodyStore, card: Scorecard, rules: Rules, clock: Clock) -> None:
        self._engine = engine
        self._bodies = bodies
        self._card = card
        self._rules = rules
        self._clock = clock
        self._low_share: float | None = None
        self._known_until = 0

    def work(self, now: int) -> int:
        """One round, at a time in nanoseconds since the epoch; how many outputs were scored. Raises SQLAlchemyError."""
        end = self._clock.monotonic_ns() + _SLICE_NS
        places: Sequence[Place] = behind(self._engine, self._rules.home, now - self._rules.since_ns)
        scored = 0
        while places and self._clock.monotonic_ns() < end:
            # A batch of each project in turn, so that a busy one holds up none.
            rounds = [self._batch(place, now, end) for place in places]
            scored += sum(count for _, count in rounds)
            places = [place for place, _ in rounds if place is not None]
        return scored

    def _batch(self, place: Place, now: int, end: int) -> tuple[Place | None, int]:
        """Where to go on, None where there is nothing more at the moment, and how many outputs were scored.

        Past `end` it scores one output, and leaves the others for the next round.
        """
        rows = rows_after(self._engine, place, BATCH)
        settled = list(takewhile(lambda row: not now - SETTLE_NS < row.ended_at <= now, rows))
        if not settled:
            return None, 0
        share, outputs, to = self._share(now), list[ScoredOutput](), place.sequence
        for row in settled:
            if outputs and self._clock.monotonic_ns() > end:
                break
            outputs += [self._scored(row, share)] if self._is_ours(row) else []
            to = row.sequence
        if not keep(self._engine, self._rules.home, place, to, outputs, now):
            return None, 0
        more = to < settled[-1].sequence or len(settled) == BATCH
        return (Place(place.project, to) if more else None), len(outputs)

    def _is_ours(self, row: LedgerRow) -> bool:
        """Whether it is an output for a caller, and of this state folder: another one has its own bodies."""
        holder = Holder.parse(row.holder)
        ours = holder is not None and holder.home == self._rules.home and row.reason not in OURS
        return ours and row.completed and row.surface in _GENERATED

    def _scored(self, row: LedgerRow, share: float | None) -> ScoredOutput:
        sample = self._sample(row)
        card, kept = self._card.score(sample), sample.output is not None
        identity = (row.trace_id if self._rules.by_trace else "") or row.request_id
        least = card.least(self._rules.oversampled) if kept else None
        drawn = decide(self._rules.key, identity, least, self._rules.shares, share)
        return ScoredOutput(
            row=row,
            kept=kept,
            broken=bool(card.broken),
            low=drawn.low,
            draw=drawn.draw,
            judge_probability=drawn.probabilities.judge,
            human_probability=drawn.probabilities.human,
            for_judge=drawn.for_judge,
            for_human=drawn.for_human,
            scores=_stored(card),
        )

    def _sample(self, row: LedgerRow) -> Sample:
        return sample_of(row, self._body(row))

    def _body(self, row: LedgerRow) -> Captured | None:
        try:
            there = self._bodies.has(row.request_id, row.started_at)
            return self._bodies.get(row.request_id) if there else None
        except StorageError as error:
            logger.error("what was said in request %s is not scored: %s", row.request_id, error.message)
            return None

    def _share(self, now: int) -> float | None:
        """How many outputs were low lately; asked once a minute."""
        if not 0 <= self._known_until - now <= _KNOWN_FOR_NS:
            self._low_share = low_share(self._engine, now - _LOOKED_BACK_NS, now, _LEAST_KNOWN)
            self._known_until = now + _KNOWN_FOR_NS
        return self._low_share


def _stored(card: Card) -> tuple[StoredScore, ...]:
    return tuple(
        StoredScore(
            metric=one.metric,
            version=one.version,
            value=one.score.value,
            passed=one.score.passed,
            label=one.score.label,
            why=one.score.why,
        )
        for one in card.scored
    )
