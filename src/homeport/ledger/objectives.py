"""Objectives as the ledger counts them: which requests are on a route, and what is promised of each.

What a caller waits for decides which time is judged: the first token of a stream (`ttft`), the last
byte of a whole answer (`latency`). So each request is judged by one of the two, and by `availability`.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from homeport.config.schema import Settings
from homeport.config.slo import EVERYTHING, ObjectiveSettings, PromptnessSettings, millionths
from homeport.core.types import Surface

_NS_PER_MS = 1_000_000


class Indicator(StrEnum):
    """What is measured of a request (a service level indicator)."""

    AVAILABILITY = "availability"
    LATENCY = "latency"
    TTFT = "ttft"


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """A promise: this share of the valid requests is good.

    Attributes:
        share: in millionths, above 0 and below 1,000,000.
        within_ns: the time, in nanoseconds; 0 for availability.
    """

    share: int
    within_ns: int = 0


class CreditStep(msgspec.Struct, frozen=True, kw_only=True):
    """Below this availability (millionths) so many percent of the cost are paid back."""

    below: int
    percent: int


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests belong to a route; an empty field asks for nothing.

    Attributes:
        asked: the caller named exactly this (`auto` or an alias).
        tier, model: what answered. What nothing answered belongs here if it was asked for by one of
            `names`, or if one of `targets` was tried.
        key: id or name of the key that the objective is for.
        only: ids of the keys that a report is for; empty for all.
    """

    asked: str = ""
    tier: str = ""
    model: str = ""
    names: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    key: str = ""
    only: tuple[str, ...] = ()
    surface: Surface | None = None


class Objective(msgspec.Struct, frozen=True, kw_only=True):
    """What is promised of one route.

    Attributes:
        window: as it is written, such as `30d` or `month`.
        days: length of the window; None for the calendar month.
        promises: at least one.
        credits: mildest step first; only beside a promise of availability.
    """

    name: str
    route: Route
    window: str
    days: int | None
    promises: Mapping[Indicator, Promise]
    credits: tuple[CreditStep, ...] = ()

    def within_ns(self, indicator: Indicator) -> int | None:
        """The time that is promised, in nanoseconds; None where none is."""
        promise = self.promises.get(indicator)
        return promise.within_ns if promise else None


def objectives(settings: Settings) -> tuple[Objective, ...]:
    """The objectives of a configuration, in its order."""
    return tuple(_objective(written, settings) for written in settings.slo)


def _objective(written: ObjectiveSettings, settings: Settings) -> Objective:
    return Objective(
        name=written.name,
        route=_route(written, settings),
        window=written.window,
        days=written.days,
        promises=_promises(written),
        credits=tuple(CreditStep(below=millionths(step.below), percent=step.percent) for step in written.credits),
    )


def _promises(written: ObjectiveSettings) -> Mapping[Indicator, Promise]:
    promises = {}
    if written.availability is not None:
        promises[Indicator.AVAILABILITY] = Promise(share=millionths(written.availability))
    for indicator, promptness in ((Indicator.LATENCY, written.latency), (Indicator.TTFT, written.ttft)):
        if promptness is not None:
            promises[indicator] = _prompt(promptness)
    return promises


def _prompt(written: PromptnessSettings) -> Promise:
    return Promise(share=millionths(written.share), within_ns=written.within_ms * _NS_PER_MS)


def _route(written: ObjectiveSettings, settings: Settings) -> Route:
    limits = Route(key=written.key or "", surface=written.surface)
    if written.route == EVERYTHING:
        return limits
    for tier in settings.tiers:
        models = tuple(target.public_name for target in tier.targets)
        if written.route == tier.name:
            names = _leading_to({tier.name, *models}, settings)
            return msgspec.structs.replace(limits, tier=tier.name, names=names, targets=models)
        if written.route in models:
            names = _leading_to({written.route}, settings)
            return msgspec.structs.replace(limits, model=written.route, names=names, targets=(written.route,))
    return msgspec.structs.replace(limits, asked=written.route)


def _leading_to(names: set[str], settings: Settings) -> tuple[str, ...]:
    aliases = (alias for alias, name in settings.resolved_aliases().items() if name in names)
    return (*sorted(names), *aliases)
