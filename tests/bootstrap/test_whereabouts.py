"""A process that answers requests learns where the engines are, also after it could not for a while."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from homeport.bootstrap import whereabouts
from homeport.bootstrap.endpoints import Placement, write_placement
from homeport.bootstrap.whereabouts import Whereabouts
from homeport.config.home import Home
from homeport.core.errors import ConfigError


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.001)


async def test_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for pause in ("_LOOK_EVERY_S", "_TRY_AGAIN_S"):
        monkeypatch.setattr(whereabouts, pause, 0.001)
    home = Home(tmp_path)
    home.create()
    write_placement(home, Placement(serial=1))
    where, refusals = Whereabouts(home), [ConfigError("not yet")]
    adopted: list[int] = []

    async def renew() -> None:
        told = where.look()
        if refusals:
            raise refusals.pop()
        where.go_by(*told)
        adopted.append(where.placement.serial)

    following = asyncio.create_task(where.follow(tuple, renew))
    await until(lambda: adopted == [1])
    home.engines.unlink()
    home.engines.mkdir()
    await until(lambda: "cannot be read" in caplog.text)
    home.engines.rmdir()
    write_placement(home, Placement(serial=2))
    await until(lambda: adopted == [1, 2])
    following.cancel()
    where.close()
