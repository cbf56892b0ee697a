"""The worker: the keys take turns, one failure holds no other up, and an idle worker has no connections."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from homeport.core.errors import ConfigError
from homeport.core.types import DataClass
from homeport.jobs import batches
from homeport.jobs.batches import choose
from homeport.pipeline.pipeline import Pipeline
from homeport.storage.batches import Batch, BatchStatus
from tests.fakes.batches import Desk, request
from tests.fakes.house import KEYS, MID, House
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.upstream import whole

OWNERS = FixedKeyRing({key.id: key for key in KEYS.values()})


class Opening:
    """A request path that is opened and closed."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.opened = self.closed = 0
        self.broken = False

    @contextlib.asynccontextmanager
    async def __call__(self) -> AsyncIterator[Pipeline]:
        if self.broken:
            raise ConfigError("the configuration is wrong")
        self.opened += 1
        yield self._house.pipeline
        self.closed += 1


@pytest.fixture
def house() -> House:
    house = House(MID, keys=OWNERS)
    house.upstreams["mid"].script(whole())
    return house


@pytest.fixture
def desk(house: House, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(batches, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(batches, "_AFTER_FAILURE", 0.01)
    return Desk(house, engine, tmp_path / "files")


async def over(desk: Desk, *batch_ids: str) -> list[BatchStatus]:
    async with asyncio.timeout(20):
        while any(desk.batch(batch_id).is_open for batch_id in batch_ids):
            await asyncio.sleep(0.01)
    return [desk.batch(batch_id).status for batch_id in batch_ids]


async def test_it_runs_what_there_is_and_what_comes(desk: Desk, house: House) -> None:
    opening = Opening(house)
    task = asyncio.create_task(batches.work(desk.shop, opening, desk.stop))
    first = desk.ask([request("a")])
    assert await over(desk, first) == [BatchStatus.COMPLETED]
    second, third = desk.ask([request("a"), request("b")]), desk.ask([request("c")], key_id="key_narrow")
    assert await over(desk, second, third) == [BatchStatus.COMPLETED] * 2
    desk.stop.set()
    await task
    assert opening.opened == opening.closed >= 1


async def test_without_batches_it_opens_nothing(desk: Desk, house: House) -> None:
    opening = Opening(house)
    done = await desk.finish(desk.ask([request("a")]))
    assert done.is_open is False
    task = asyncio.create_task(batches.work(desk.shop, opening, desk.stop))
    await asyncio.sleep(0.05)
    desk.stop.set()
    await task
    assert opening.opened == 0


async def test_a_batch_that_fails_for_now_holds_no_other_up(
    desk: Desk, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    broken, good = desk.ask([request("a")]), desk.ask([request("b")])
    obstacle = desk.folder / f"{broken}.results"
    obstacle.mkdir()
    task = asyncio.create_task(batches.work(desk.shop, Opening(house), desk.stop))
    assert await over(desk, good) == [BatchStatus.COMPLETED]
    assert desk.batch(broken).is_open
    obstacle.rmdir()
    house.clock.advance(10_000_000_000)
    assert await over(desk, broken) == [BatchStatus.COMPLETED]
    desk.stop.set()
    await task
    assert any(record.getMessage().startswith(f"{broken} waits: ") for record in caplog.records)


async def test_a_configuration_that_is_wrong_for_now(
    desk: Desk, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    opening = Opening(house)
    opening.broken = True
    batch_id = desk.ask([request("a")])
    task = asyncio.create_task(batches.work(desk.shop, opening, desk.stop))
    async with asyncio.timeout(20):
        while not caplog.records:
            await asyncio.sleep(0.01)
    assert caplog.records[0].getMessage() == "batches wait: the configuration is wrong"
    opening.broken = False
    assert await over(desk, batch_id) == [BatchStatus.COMPLETED]
    desk.stop.set()
    await task


def test_files_past_their_time_are_purged_at_the_start(desk: Desk, house: House) -> None:
    file_id = desk.upload(b"{}")
    house.clock.advance(31 * 86_400_000_000_000)
    desk.stop.clear()

    async def once() -> None:
        task = asyncio.create_task(batches.work(desk.shop, Opening(house), desk.stop))
        async with asyncio.timeout(20):
            while desk.files.path(file_id).exists():
                await asyncio.sleep(0.01)
        desk.stop.set()
        await task

    asyncio.run(once())


def batch(number: int, key_id: str) -> Batch:
    return Batch(
        id=f"batch_{number}", key_id=key_id, endpoint="", input_file_id="", data_class=DataClass.OPEN,
        created_at=number, expires_at=0,
    )  # fmt: skip


def test_a_key_with_many_batches_leaves_places_to_others() -> None:
    many = [batch(number, "many") for number in range(50)]
    late = [batch(number, "late") for number in range(50, 53)]
    assert Counter(each.key_id for each in choose([*many, *late], [], 16)) == {"many": 13, "late": 3}
    assert [each.key_id for each in choose([*many, *late], many[:15], 16)] == ["late"]


@given(
    owners=st.lists(st.sampled_from("abc"), max_size=30),
    running=st.integers(0, 10),
    places=st.integers(0, 16),
)
def test_no_place_is_empty_and_none_is_taken_twice(owners: list[str], running: int, places: int) -> None:
    waiting = [batch(number, owner) for number, owner in enumerate(owners)]
    active = waiting[:running]
    chosen = choose(waiting, active, places)
    assert len({each.id for each in chosen} | {each.id for each in active}) == len(chosen) + len(active)
    assert len(chosen) == max(0, min(places - len(active), len(waiting) - len(active)))
