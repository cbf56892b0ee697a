"""The look-out for signals, beside the jobs worker."""

import asyncio

from sqlalchemy import Engine

from homeport.bootstrap.path import SystemClock
from homeport.config.schema import Settings
from homeport.jobs.schedule import repeat
from homeport.jobs.signals import EVERY_S, Signals

_SECOND_NS = 1_000_000_000
_DAY_NS = 86_400 * _SECOND_NS


async def watch_signals(settings: Settings, engine: Engine, stop: asyncio.Event) -> None:
    """Notice what people do with answers, until told to stop."""
    learn = settings.routing.learn
    signals = Signals(engine, retry_ns=learn.retry_seconds * _SECOND_NS, keep_ns=learn.keep_days * _DAY_NS)
    await repeat(signals.look, SystemClock(), stop, every_s=EVERY_S, failure="no signals could be looked for")
