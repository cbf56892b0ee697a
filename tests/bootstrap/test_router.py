"""The router's version in use is loaded, and a broken one changes nothing."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from homeport.bootstrap.router import LoadedRouter, shipped_router, watch_router
from homeport.config.home import Home
from homeport.core.routing import Prompt, Turn
from homeport.routing.cascade import Calibration
from homeport.routing.confidence import Confidence, encode_confidence
from homeport.routing.gap import GapModel
from homeport.routing.thresholds import Thresholds, decode_thresholds, encode_thresholds
from homeport.routing.versions import CONFIDENCE, GAP, THRESHOLDS, Versions
from homeport.stats.calibration import Isotonic

PARTS = {
    GAP: GapModel(about="a test", base=0.25).encode(),
    THRESHOLDS: encode_thresholds(Thresholds(tiers=("a", "b"), shares=(0.9, 0.1), sketch=(0.0, 0.5, 1.0))),
}


def add(home: Home, parts: dict[str, bytes]) -> int:
    versions = Versions(home.router, lambda: 1)
    return versions.point(versions.add(parts, "a test").number).number


def test_what_comes_with_homeport_scores_and_has_a_sketch() -> None:
    router = shipped_router()
    scored = router.scorer.score(Prompt(turns=(Turn("user", "Why?"),), chars=4))
    assert router.version == 0
    assert router.sketch == tuple(sorted(router.sketch))
    assert router.sketch[0] < router.sketch[-1]
    assert scored.contributions


def test_another_version_is_loaded_once_it_is_pointed_at(tmp_path: Path) -> None:
    home = Home(tmp_path)
    loaded = LoadedRouter(home, lambda: 1)
    assert (loaded.router.version, loaded.changed()) == (0, False)
    assert add(home, PARTS) == 1
    assert (loaded.changed(), loaded.changed()) == (True, False)
    assert (loaded.router.version, loaded.router.tiers, loaded.router.shares) == (1, ("a", "b"), (0.9, 0.1))
    assert loaded.router.sketch == (0.0, 0.5, 1.0)
    assert LoadedRouter(home, lambda: 1).router.version == 1
    Versions(home.router, lambda: 1).point(0)
    assert (loaded.changed(), loaded.router.version) == (True, 0)


@pytest.mark.parametrize("broken", [b"", b"{}", b"\xff", b'{"format":99,"about":"","base":0}'])
def test_one_that_is_broken_leaves_the_former_and_is_told_once(
    tmp_path: Path, broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    home = Home(tmp_path)
    add(home, PARTS)
    loaded = LoadedRouter(home, lambda: 1)
    add(home, {GAP: broken})
    assert [loaded.changed() for _ in range(3)] == [False] * 3
    assert loaded.router.version == 1
    assert len(caplog.records) == 1
    assert "version 1 stays" in caplog.text
    (home.router / "current").write_text("gone")
    assert (loaded.changed(), loaded.router.version) == (False, 1)


async def test_a_running_gateway_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homeport.bootstrap.router._LOOK_EVERY_S", 0.01)
    home, renewed = Home(tmp_path), asyncio.Event()
    loaded = LoadedRouter(home, lambda: 1)

    async def renew() -> None:
        renewed.set()

    watching = asyncio.create_task(watch_router(loaded, renew))
    await asyncio.sleep(0.05)
    assert not renewed.is_set()
    add(home, PARTS)
    await asyncio.wait_for(renewed.wait(), 10)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    assert loaded.router.version == 1


def test_the_calibration_of_the_same_version_is_loaded_with_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    loaded = LoadedRouter(home, lambda: 1)
    assert loaded.calibration == Calibration()
    add(home, {**PARTS, CONFIDENCE: encode_confidence(Confidence(overall=Isotonic((-1.0, 0.0), (0.1, 0.9), 0.1)))})
    assert loaded.changed()
    assert loaded.calibration.thresholds == decode_thresholds(PARTS[THRESHOLDS])
    assert loaded.calibration.confidence is not None
    assert loaded.calibration.confidence.overall is not None
    add(home, {CONFIDENCE: b"{"})
    assert (loaded.changed(), loaded.router.version) == (False, 1)
    assert loaded.calibration.confidence is not None
