"""Retention beside the jobs worker."""

import asyncio

from sqlalchemy import Engine

from homeport.bootstrap.path import SystemClock
from homeport.bootstrap.traces import request_indexer
from homeport.config.console import ConsoleSettings
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.jobs import audited, cached, indexing, retention
from homeport.jobs.audited import AuditRetention, Terms
from homeport.jobs.cached import CacheRetention
from homeport.jobs.retention import Retention
from homeport.jobs.schedule import repeat
from homeport.storage.cached_removal import Bounds

_DAY_NS = 24 * 3_600 * 1_000_000_000


async def watch_retention(settings: Settings, home: Home, engine: Engine, stop: asyncio.Event) -> None:
    """Remove what nothing needs any more, until told to stop."""
    kept = settings.cache
    bounds = Bounds(entries=kept.max_entries, bytes=kept.max_bytes, tenant_percent=kept.tenant_percent)
    scores = settings.evaluation
    old = Retention(
        engine,
        settings.alerts.keep_days * _DAY_NS,
        keep_scores_ns=scores.keep_days * _DAY_NS,
        keep_hours_ns=scores.keep_hours_days * _DAY_NS,
        keep_inputs_ns=scores.prompt_drift.keep_days * _DAY_NS,
    )
    answers = CacheRetention(engine, bounds)
    changes = AuditRetention(engine, _terms(settings.console))
    words = request_indexer(settings, home, engine)
    clock = SystemClock()
    failure = "old accounts, alerts and scores could not be removed"
    await asyncio.gather(
        repeat(old.tidy, clock, stop, every_s=retention.EVERY_S, failure=failure),
        repeat(answers.tidy, clock, stop, every_s=cached.EVERY_S, failure="the cache could not be tidied"),
        repeat(changes.tidy, clock, stop, every_s=audited.EVERY_S, failure="the audit log could not be tidied"),
        repeat(words.tidy, clock, stop, every_s=retention.EVERY_S, failure="kept requests could not be tidied"),
        repeat(words.work, clock, stop, every_s=indexing.EVERY_S, failure="kept requests could not be indexed"),
    )


def _terms(console: ConsoleSettings) -> Terms:
    minute = 60 * 1_000_000_000
    return Terms(
        audit=console.audit_days * _DAY_NS,
        idle=console.idle_minutes * minute,
        whole=console.session_hours * 60 * minute,
    )
