"""Times that the section `slo` promises, where the histograms of the gateways can tell whether they are kept.

They know tier and model. A promise for one key or one kind of request is watched by its burn rate alone.
"""

from collections.abc import Iterator

import msgspec

from homeport.config.schema import Settings
from homeport.config.slo import EVERYTHING, ObjectiveSettings, PromptnessSettings
from homeport.telemetry.rules.rule import quoted

DURATION, FIRST_TOKEN = "homeport_request_duration_seconds", "homeport_time_to_first_token_seconds"


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """So many of the requests are to be answered within so long.

    Attributes:
        objective: its name.
        metric: the histogram that tells.
        matcher: of the histogram's labels, such as `tier="local"`; "" for all requests.
        share: between 0 and 1.
    """

    objective: str
    metric: str
    matcher: str
    share: float
    seconds: float


def promises(settings: Settings) -> tuple[Promise, ...]:
    """Those that the histograms can tell of, in the order of the file."""
    return tuple(one for objective in settings.slo for one in _of(objective, settings))


def _of(objective: ObjectiveSettings, settings: Settings) -> Iterator[Promise]:
    matcher = None if objective.key or objective.surface else _matcher(objective.route, settings)
    if matcher is None:
        return
    for metric, promised in ((DURATION, objective.latency), (FIRST_TOKEN, objective.ttft)):
        if promised is not None:
            yield _promise(objective.name, metric, matcher, promised)


def _promise(name: str, metric: str, matcher: str, promised: PromptnessSettings) -> Promise:
    seconds = promised.within_ms / 1_000
    return Promise(objective=name, metric=metric, matcher=matcher, share=promised.share, seconds=seconds)


def _matcher(route: str, settings: Settings) -> str | None:
    """None for what callers asked by another name than that of what answered."""
    if route == EVERYTHING:
        return ""
    if route in {tier.name for tier in settings.tiers}:
        return f"tier={quoted(route)}"
    models = {target.public_name for tier in settings.tiers for target in tier.targets}
    return f"model={quoted(route)}" if route in models else None
