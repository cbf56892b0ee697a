"""Every ten minutes what nothing needs any more is removed, a bounded part at a time."""

import logging
from collections.abc import Callable

from sqlalchemy import Engine

from homeport.storage.baselines import prune_baselines
from homeport.storage.inputs import day_of, prune_inputs
from homeport.storage.retention import BATCH, prune_accounts, prune_alerts
from homeport.storage.scores import prune_score_hours, prune_scores

logger = logging.getLogger(__name__)

EVERY_S = 600.0
_MOST_BATCHES = 20


class Retention:
    """Removes ended accounts, old alerts, old scores and what is known of old prompts.

    Args:
        keep_alerts_ns: how long an alert is kept, in nanoseconds.
        keep_scores_ns: the same of what single outputs scored, and were compared with; None: for ever.
        keep_hours_ns: the same of the sums of hours.
        keep_inputs_ns: the same of what is known of prompts.
        batch: rows of one transaction; a pass has twenty of each kind, at most.
    """

    def __init__(
        self,
        engine: Engine,
        keep_alerts_ns: int,
        batch: int = BATCH,
        *,
        keep_scores_ns: int | None = None,
        keep_hours_ns: int | None = None,
        keep_inputs_ns: int | None = None,
    ) -> None:
        self._engine = engine
        self._keep_alerts_ns = keep_alerts_ns
        self._keep_scores_ns = keep_scores_ns
        self._keep_hours_ns = keep_hours_ns
        self._keep_inputs_ns = keep_inputs_ns
        self._batch = batch

    def tidy(self, now: int) -> int:
        """One pass at a time, in nanoseconds since the epoch; how much was removed. Raises SQLAlchemyError."""
        before = now - self._keep_alerts_ns
        accounts = self._repeated(lambda: prune_accounts(self._engine, now, self._batch))
        alerts = self._repeated(lambda: prune_alerts(self._engine, before, now, self._batch))
        if accounts or alerts:
            logger.info("%d accounts of budgets that had ended were removed, and %d old alerts", accounts, alerts)
        return accounts + alerts + self._scores(now)

    def _scores(self, now: int) -> int:
        removed = 0
        if self._keep_scores_ns is not None:
            before = now - self._keep_scores_ns
            removed += self._repeated(lambda: prune_scores(self._engine, before, self._batch))
            removed += prune_baselines(self._engine, before)
        if self._keep_hours_ns is not None:
            removed += prune_score_hours(self._engine, now - self._keep_hours_ns)
        if self._keep_inputs_ns is not None:
            removed += prune_inputs(self._engine, day_of(now - self._keep_inputs_ns))
        return removed

    def _repeated(self, prune: Callable[[], int]) -> int:
        total = 0
        for _ in range(_MOST_BATCHES):
            total += (removed := prune())
            if removed < self._batch:
                break
        return total
