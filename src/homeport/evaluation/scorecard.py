"""All metrics over one sample. What a metric does wrong is noted and stops no other."""

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from homeport.core import discovery
from homeport.core.errors import ConfigError
from homeport.evaluation.checks import Referee
from homeport.evaluation.custom import load_file
from homeport.evaluation.metrics.base import NAME, Embed, Metric, MetricModule, MetricSetup, Need, Sample, Score

logger = logging.getLogger(__name__)

METRICS = "homeport.evaluation.metrics"
SLOW_NS = 1_000_000_000
PAUSE_NS = 60_000_000_000
_MOST_STRIKES = 3
_LABEL_CHARS, _WHY_CHARS = 32, 200
_LARGEST = 1e15
"""Of a value: so that a sum of squares is a number too."""


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """What one metric says of a sample."""

    metric: str
    version: int
    score: Score


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What all metrics say of a sample; `broken` are those that failed at it."""

    scored: tuple[Scored, ...] = ()
    broken: tuple[str, ...] = ()

    def least(self, names: frozenset[str]) -> float:
        """The worst of some metrics, from 0 to 1: 0 where one found a defect."""
        return 0.0 if any(one.metric in names and one.score.passed is False for one in self.scored) else 1.0


class Scorecard:
    """Some metrics, ready to measure.

    A metric that raises is noted each time and logged once. One that took longer than a second three times is left
    alone for a minute, and counts as failed: it would hold up all that comes after.

    Args:
        now: nanoseconds of a clock that never steps back.
    """

    def __init__(self, metrics: Iterable[Metric], now: Callable[[], int]) -> None:
        self._metrics = tuple(metrics)
        self._now = now
        self._strikes: Counter[str] = Counter()
        self._left_until: dict[str, int] = {}
        self._told: set[str] = set()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(metric.name for metric in self._metrics)

    def score(self, sample: Sample) -> Card:
        """What each metric says that applies to the sample. Never raises."""
        scored: list[Scored] = []
        broken: list[str] = []
        for metric in self._metrics:
            if not sample.has(metric.needs):
                continue
            if self._now() < self._left_until.get(metric.name, 0):
                broken.append(metric.name)
                continue
            try:
                score = self._timed(metric, sample)
            except Exception as error:  # noqa: BLE001  a metric may be anybody's code
                broken.append(metric.name)
                self._tell(metric.name, f"the metric {metric.name} failed: {type(error).__name__}")
                continue
            if score is not None:
                scored.append(Scored(metric=metric.name, version=metric.version, score=score))
        return Card(scored=tuple(scored), broken=tuple(broken))

    def _timed(self, metric: Metric, sample: Sample) -> Score | None:
        begun = self._now()
        score = metric.score(sample)
        if self._now() - begun > SLOW_NS:
            self._strike(metric.name)
        return None if score is None else tidied(score)

    def _strike(self, name: str) -> None:
        self._strikes[name] += 1
        if self._strikes[name] >= _MOST_STRIKES:
            self._strikes[name] = 0
            self._left_until[name] = self._now() + PAUSE_NS
            logger.error("the metric %s is left alone for a minute: it took longer than a second", name)

    def _tell(self, name: str, message: str) -> None:
        if name not in self._told:
            self._told.add(name)
            logger.error("%s; it is not told again", message)


def tidied(score: Score) -> Score:
    """A score as it can be stored and shown. Raises ValueError for one that is no number."""
    value = float(score.value)
    if not math.isfinite(value) or abs(value) > _LARGEST:
        raise ValueError("the score is no number, or too large for one")
    label, why = _plain(score.label, _LABEL_CHARS), _plain(score.why, _WHY_CHARS)
    return Score(value, None if score.passed is None else bool(score.passed), label, why)


def load_metrics(
    names: Sequence[str] | None,
    *,
    referee: Referee,
    embedder: Callable[[], Embed],
    options: Mapping[str, Mapping[str, Any]] | None = None,
    files: Sequence[Path] = (),
) -> tuple[Metric, ...]:
    """Metrics of some names, then those of files.

    Args:
        names: None for all that are shipped.
        options: by name.

    Raises:
        ConfigError: adapter_unknown, adapter_broken, metric_option_invalid, metric_file_invalid.
    """
    given = options or {}
    wanted = shipped() if names is None else tuple(dict.fromkeys(names))
    _refuse_unknown(given, wanted)
    modules = discovery.load_each(METRICS, wanted)
    found: list[Metric] = []
    for name, module in modules.items():
        setup = MetricSetup(referee=referee, embedder=embedder, options=given.get(name, {}))
        found.append(_checked(name, cast(MetricModule, module).create(setup)))
    for path in files:
        found += load_file(path)
    _refuse_twins(found)
    return tuple(found)


def shipped() -> tuple[str, ...]:
    """The metrics that come with Homeport; what else is installed must be named."""
    return tuple(name for name, module in discovery.discover(METRICS).items() if module == f"{METRICS}.{name}")


def can_live(metric: Metric) -> bool:
    """Whether a metric can say something of live traffic, where nobody knows what would be right."""
    return metric.needs is not Need.REFERENCE


def _checked(name: str, metric: Metric) -> Metric:
    if metric.name != name or not NAME.fullmatch(name):
        raise ConfigError(
            f"the metric {name!r} calls itself {metric.name!r}",
            code="adapter_broken",
            hint="a metric has the name of its module: small letters, digits and _, at most 40",
        )
    return metric


def _refuse_unknown(options: Mapping[str, object], wanted: Sequence[str]) -> None:
    unknown = sorted(set(options) - set(wanted))
    if unknown:
        raise ConfigError(
            f"evaluation.options has {unknown[0][:64]!r}, and no such metric is used",
            code="metric_option_invalid",
            hint=f"use one of: {', '.join(wanted)}",
        )


def _refuse_twins(metrics: Sequence[Metric]) -> None:
    twice = [name for name, times in Counter(metric.name for metric in metrics).items() if times > 1]
    if twice:
        raise ConfigError(
            f"two metrics are called {twice[0]}", code="metric_file_invalid", hint="give one of them another name"
        )


def _plain(text: str, most: int) -> str:
    """Without anything that a terminal or a page could obey."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text)[:most]).strip()
