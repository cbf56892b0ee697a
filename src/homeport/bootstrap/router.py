"""The router's version in use: loaded, and loaded again when another one is pointed at."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from statistics import NormalDist

from homeport.config.home import Home
from homeport.core.errors import ConfigError, StorageError
from homeport.routing.cascade import Calibration
from homeport.routing.confidence import decode_confidence
from homeport.routing.gap import GapModel, gap_model
from homeport.routing.policies.base import Router
from homeport.routing.thresholds import decode_thresholds
from homeport.routing.versions import CONFIDENCE, GAP, THRESHOLDS, Version, Versions

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_POINTS = 129


def shipped_router() -> Router:
    """The router that comes with Homeport. Raises StorageError where the installation is damaged."""
    return _router(Version(), None, None)


class LoadedRouter:
    """The version in use, of which the last one that could be loaded stays.

    Attributes:
        router: as it was loaded last.
        calibration: what the same version knows of confidences.
    """

    def __init__(self, home: Home, wall_ns: Callable[[], int]) -> None:
        self._versions = Versions(home.router, wall_ns)
        self._seen = Version()
        self._told = ""
        self.router = shipped_router()
        self.calibration = Calibration()
        self.changed()

    def changed(self) -> bool:
        """Look which version is in use; whether another one was loaded. One that cannot be is logged, once."""
        try:
            version = self._versions.current()
            if version == self._seen:
                return False
            calibration = self._calibrated(version)
            self.router, self.calibration = self._load(version), calibration
            self._seen, self._told = version, ""
        except (StorageError, ConfigError) as error:
            self._tell(error.message)
            return False
        except OSError as error:
            self._tell(error.strerror or str(error))
            return False
        return True

    def _load(self, version: Version) -> Router:
        return _router(version, self._versions.read(version, GAP), self._versions.read(version, THRESHOLDS))

    def _calibrated(self, version: Version) -> Calibration:
        confidence, thresholds = self._versions.read(version, CONFIDENCE), self._versions.read(version, THRESHOLDS)
        return Calibration(
            confidence=decode_confidence(confidence) if confidence is not None else None,
            thresholds=decode_thresholds(thresholds) if thresholds is not None else None,
        )

    def _tell(self, why: str) -> None:
        if why != self._told:
            logger.error("the router's version in use cannot be loaded, version %d stays: %s", self.router.version, why)
        self._told = why


async def watch_router(loaded: LoadedRouter, renew: Callable[[], Awaitable[None]]) -> None:
    """Route by another version once it is pointed at, until cancelled."""
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        if not await asyncio.to_thread(loaded.changed):
            continue
        try:
            await renew()
            logger.info("requests are routed by router version %d", loaded.router.version)
        except ConfigError as error:
            logger.error("requests cannot be routed by the new router version: %s", error.message)


def _router(version: Version, gap: bytes | None, thresholds: bytes | None) -> Router:
    model = gap_model(gap)
    found = decode_thresholds(thresholds) if thresholds is not None else None
    return Router(
        version=version.number,
        scorer=model,
        sketch=(found.sketch if found else ()) or model.spread or _spread(model),
        tiers=found.tiers if found else (),
        shares=found.shares if found else (),
    )


def _spread(model: GapModel) -> tuple[float, ...]:
    """Where scores lie, as far as the model says: its features were scaled to a deviation of 1.

    Only a beginning: thresholds move from there to where the traffic is.
    """
    deviation = math.sqrt(math.fsum(feature.weight**2 for feature in model.features)) or 1.0
    scores = NormalDist(model.base, deviation)
    return tuple(scores.inv_cdf((place + 0.5) / _POINTS) for place in range(_POINTS))
