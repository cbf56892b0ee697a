"""Events of evaluations, beside the jobs worker."""

import asyncio
import logging

from sqlalchemy import Engine

from homeport import __version__
from homeport.bootstrap.path import SystemClock
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError
from homeport.core.types import DataClass
from homeport.jobs import evaluation_events
from homeport.jobs.evaluation_events import EvaluationEvents, EventRules, Explain
from homeport.jobs.schedule import repeat
from homeport.privacy.recognize import load_recognizers
from homeport.storage.evaluated import Said
from homeport.storage.holders import read_home_id
from homeport.telemetry.content import Redactor
from homeport.telemetry.evaluations import OtlpEvents, SendEvents
from homeport.telemetry.otlp import Sender

logger = logging.getLogger(__name__)

_MINUTE_NS = 60_000_000_000


async def send_evaluations(settings: Settings, home: Home, engine: Engine, stop: asyncio.Event) -> None:
    """Send what is said of outputs until told to stop; returns at once where nobody wants to know."""
    traces = settings.telemetry.traces
    if not (settings.evaluation.enabled and traces.enabled and traces.evaluations):
        return
    try:
        sender = OtlpEvents(settings.telemetry, Sender(version=__version__, instance=read_home_id(home.identity)))
    except ConfigError as error:
        logger.error("events of evaluations are not sent: %s; %s", error.message, error.hint)
        return
    events = build_events(settings, home, engine, sender.send)
    failure = "events of evaluations could not be read; it is tried again"
    try:
        await repeat(events.work, SystemClock(), stop, every_s=evaluation_events.EVERY_S, failure=failure)
    finally:
        sender.close()


def build_events(settings: Settings, home: Home, engine: Engine, send: SendEvents) -> EvaluationEvents:
    """What sends events of a state folder."""
    rules = EventRules(
        home=read_home_id(home.identity),
        hold_ns=settings.evaluation.review.hold_minutes * _MINUTE_NS,
        metrics=settings.telemetry.traces.evaluation_metrics,
    )
    return EvaluationEvents(engine, home.evaluations, rules, send, _explain(settings))


def _explain(settings: Settings) -> Explain:
    """What may be told of why: nothing, unless spans have content too; and never of what is private."""
    if not settings.telemetry.traces.content:
        return lambda _: ""
    redactor = Redactor(load_recognizers())

    def explain(said: Said) -> str:
        if not said.why or said.data_class != DataClass.OPEN:
            return ""
        cleaned = redactor.clean({"why": said.why})
        return "" if cleaned is None else str(cleaned["why"])

    return explain
