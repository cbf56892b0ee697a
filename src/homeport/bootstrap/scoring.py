"""Automatic metrics of every output, beside the jobs worker."""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from homeport.api.auth import read_pepper
from homeport.bootstrap.capture import body_store
from homeport.bootstrap.path import SystemClock
from homeport.config.evaluation import EvaluationSettings
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError
from homeport.core.ports import Clock
from homeport.embeddings.choose import Model, open_embedder
from homeport.evaluation.checks import Referee
from homeport.evaluation.metrics.base import Embed, Metric
from homeport.evaluation.referee import ProcessReferee
from homeport.evaluation.sampling import Shares, sampling_key
from homeport.evaluation.scorecard import Scorecard, can_live, load_metrics
from homeport.jobs import scoring
from homeport.jobs.schedule import pause, repeat
from homeport.jobs.scoring import Rules, Scorer
from homeport.storage.holders import read_home_id
from homeport.storage.published import publish
from homeport.storage.rollups import HOUR
from homeport.storage.score_figures import QualityFigures, metric_figures, sample_figures
from homeport.storage.scores import waiting

logger = logging.getLogger(__name__)

_DAY_NS = 24 * HOUR
_TOLD_EVERY_S = 15.0
_STALE_NS = 60 * 1_000_000_000
_REFEREE_SECONDS = 0.5
"""One answer's schema may take so long; a batch has a hundred."""


async def watch_scoring(settings: Settings, home: Home, engine: Engine, stop: asyncio.Event) -> None:
    """Score what is answered until told to stop; returns at once where nobody wants to know."""
    if not settings.evaluation.enabled:
        home.quality.unlink(missing_ok=True)
        return
    clock = SystemClock()
    with ProcessReferee(_REFEREE_SECONDS) as referee:
        try:
            scorer = build_scorer(settings, home, engine, referee, clock)
        except ConfigError as error:
            logger.error("outputs are not measured: %s; %s", error.message, error.hint)
            return
        failure = "outputs could not be measured; it is tried again"
        await asyncio.gather(
            repeat(scorer.work, clock, stop, every_s=scoring.EVERY_S, failure=failure),
            _tell(home, engine, clock, stop),
        )


def build_scorer(settings: Settings, home: Home, engine: Engine, referee: Referee, clock: Clock) -> Scorer:
    """What scores the outputs of a state folder.

    Raises:
        ConfigError: a metric cannot be loaded.
        StorageError: the state folder has no id, or no pepper.
    """
    wanted = settings.evaluation
    metrics = [metric for metric in _metrics(wanted, home, referee) if can_live(metric)]
    sampling = wanted.sampling
    rules = Rules(
        home=read_home_id(home.identity),
        key=sampling_key(read_pepper(home.pepper)),
        shares=Shares(judge=sampling.judge, human=sampling.human, floor=sampling.floor, most=sampling.most),
        by_trace=sampling.by == "trace",
        oversampled=frozenset(sampling.oversample),
        since_ns=settings.capture.keep_days * _DAY_NS,
    )
    card = Scorecard(metrics, clock.monotonic_ns)
    return Scorer(engine, body_store(settings, home), card, rules, clock)


def try_evaluation(settings: Settings, home: Home) -> str:
    """What is measured of outputs. Raises ConfigError where a metric cannot be loaded."""
    wanted = settings.evaluation
    if not wanted.enabled:
        return "off"
    with ProcessReferee() as referee:  # no child is started before it is asked
        names = [metric.name for metric in _metrics(wanted, home, referee) if can_live(metric)]
    text = "" if settings.capture.enabled else "; what is said is not kept, so most of them have nothing to read"
    return f"{', '.join(names)}{text}"


def _metrics(wanted: EvaluationSettings, home: Home, referee: Referee) -> Sequence[Metric]:
    return load_metrics(
        wanted.metrics,
        referee=referee,
        embedder=partial(_embedder, home),
        options=wanted.options,
        files=[Path(name) for name in wanted.files],
    )


def _embedder(home: Home) -> Embed:
    return open_embedder(Model.STATIC, home.root).embed


async def _tell(home: Home, engine: Engine, clock: Clock, stop: asyncio.Event) -> None:
    """Leave the last hour's figures for the gateways, until told to stop."""
    home_id = read_home_id(home.identity)
    while not stop.is_set():
        try:
            publish(home.quality, await asyncio.to_thread(_figures, engine, home_id, clock.wall_ns()))
        except (SQLAlchemyError, OSError) as error:
            logger.error("what outputs scored could not be told: %s", type(error).__name__)
        await pause(stop, _TOLD_EVERY_S)


def _figures(engine: Engine, home_id: str, now: int) -> QualityFigures:
    """Of this hour and the one before."""
    since = now // HOUR * HOUR - HOUR
    return QualityFigures(
        stale_at=now + _STALE_NS,
        waiting=waiting(engine, home_id),
        metrics=metric_figures(engine, since, now),
        samples=sample_figures(engine, since, now),
    )
