"""The look-out for answers that became worse, beside the jobs worker."""

import asyncio
from functools import partial

from sqlalchemy import Engine

from homeport.bootstrap.path import SystemClock
from homeport.config.quality_watch import QualityWatchSettings
from homeport.config.schema import Settings
from homeport.drift.quality import Rules
from homeport.jobs import quality_watch
from homeport.jobs.paired_check import Hints
from homeport.jobs.quality_watch import QualityWatch
from homeport.jobs.schedule import repeat
from homeport.storage.rollups import HOUR

SOURCE = "watch"


async def watch_quality(settings: Settings, engine: Engine, hints: Hints, stop: asyncio.Event) -> None:
    """Look at each day that is complete until told to stop; returns at once where nobody wants to know.

    Args:
        hints: is told of routes that may be worse.
    """
    if not settings.evaluation.enabled or not settings.evaluation.watch.enabled:
        return
    watch = build_quality_watch(settings.evaluation.watch, engine, hints)
    failure = "the quality of routes could not be looked at"
    await repeat(watch.work, SystemClock(), stop, every_s=quality_watch.EVERY_S, failure=failure)


def build_quality_watch(wanted: QualityWatchSettings, engine: Engine, hints: Hints) -> QualityWatch:
    """What looks at the routes of a database."""
    rules = Rules(
        baseline_days=wanted.baseline_days,
        alarms_a_year=wanted.alarms_a_year,
        false_share=wanted.false_share,
        tolerance=wanted.tolerance,
    )
    suggest = partial(hints.hint, SOURCE)
    return QualityWatch(engine, rules, settle_ns=int(wanted.settle_hours * HOUR), suggest=suggest)
