"""When a version that drains is done."""

import os
from pathlib import Path

import pytest
from tests.engines.test_pool import A, B, replica
from tests.fakes.clock import ManualClock

from homeport.bootstrap.drains import Drains
from homeport.bootstrap.endpoints import turn_of
from homeport.config.home import Home
from homeport.config.swap import SwapSettings
from homeport.engines.pool import Pool

BOUNDS = SwapSettings(longest_seconds=100, idle_seconds=30)
POOL = Pool(engine="own", serving=(A,)).replaced((B,))


class House:
    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.home.create()
        self.clock = ManualClock()
        self.drains = Drains(self.home, self.clock)

    def after(self, seconds: float, pool: Pool = POOL) -> tuple[str, ...]:
        self.clock.advance(round(seconds * 1e9))
        return self.drains.over(pool, BOUNDS)

    def turn(self, name: str) -> None:
        path = turn_of(self.home.turns, name)
        path.parent.mkdir(exist_ok=True)
        path.touch()
        stamp = path.stat().st_mtime_ns + 1_000_000
        os.utime(path, ns=(stamp, stamp))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_it_is_over_when_nothing_goes_on(house: House) -> None:
    house.drains.began(POOL)
    assert house.after(29) == ()
    house.turn("own")
    assert house.after(1) == ()
    assert house.after(29.9) == ()
    assert house.after(0.2) == ("own",)


def test_it_is_over_at_the_latest_after_a_while(house: House) -> None:
    house.drains.began(POOL)
    for _ in range(9):
        assert house.after(10) == ()
        house.turn("own")
    assert house.after(10) == ("own",)


def test_replicas_of_one_version_end_together(house: House) -> None:
    pool = Pool(engine="own", serving=(A, replica("own-9", "a"))).replaced((B,))
    house.drains.began(pool)
    house.clock.advance(29 * 10**9)
    house.turn("own-9")
    assert house.after(2, pool) == ()
    assert set(house.after(30, pool)) == {"own", "own-9"}


def test_what_serves_again_drains_no_more(house: House) -> None:
    house.drains.began(POOL)
    house.clock.advance(50 * 10**9)
    back = POOL.replaced((A,))
    house.drains.began(back)
    assert house.after(1, back) == ()
    assert house.after(30, back) == ("own-2",)


def test_a_restart_ends_at_once_and_what_is_forgotten_is_not_told_again(house: House) -> None:
    pool = Pool(engine="own", serving=(A,)).replaced((replica("own-2", "a"),))
    house.drains.began(pool)
    assert house.after(0, pool) == ("own",)
    house.drains.forget(["own"])
    assert house.after(0, pool) == ()
