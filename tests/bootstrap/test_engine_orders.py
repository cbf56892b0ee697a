"""Swaps that go wrong: what serves goes on, and nothing is left of what was started; no child is real."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.clock import ManualClock
from tests.fakes.gguf import gguf

from homeport.bootstrap import engine_pools
from homeport.bootstrap.control import Order
from homeport.bootstrap.endpoints import read_endpoints
from homeport.bootstrap.engine_orders import EngineOrders
from homeport.bootstrap.engine_plans import drop_derived
from homeport.bootstrap.engine_pools import EnginePools
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import EngineError, HomeportError, StorageError
from homeport.engines.base import Endpoint
from homeport.engines.processes import Process, Processes
from homeport.engines.supervisor import Child, ChildSpec
from homeport.packages.base import FileRole, PackageFacts, PackageSpec, SourceFile
from homeport.packages.digest import hex_of
from homeport.packages.layout import Store

SETTINGS = Settings.model_validate(
    {
        "engines": {
            "own": {
                "engine": "llamacpp",
                "package": "words",
                "hourly_cost_usd": "1",
                "swap": {"start_seconds": 0.5, "idle_seconds": 5},
            }
        },
        "packages": {"words": {}},
        "tiers": [{"name": "local", "targets": [{"model": "own", "engine": "own"}]}],
    }
)


class Idle(Processes):
    """Children of which nothing is started."""

    def start(self, spec: ChildSpec, before_start: Callable[[], Awaitable[None]] | None = None) -> Process:
        process = Process(Child(spec), asyncio.create_task(asyncio.Event().wait()))  # type: ignore[arg-type] # any task
        self._all[spec.name] = process
        return process

    @property
    def names(self) -> set[str]:
        return {process.name for process in self.all}

    async def stop(self, processes: Any) -> None:
        for process in tuple(processes):
            process.running.cancel()
            del self._all[process.name]


class House:
    """A pool with version 1 of a package of two; `speaks` says what a new version does when it is asked."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        self.home.create()
        self.store = Store(self.home.packages)
        for version in ("1", "2"):
            weights = folder / f"{version}.gguf"
            weights.write_bytes(gguf(data=bytes(1600 + int(version))))
            file = SourceFile(path=weights, filepath="m.gguf", role=FileRole.WEIGHTS, modified=0)
            self.store.add(PackageSpec(name="words", source="here"), [file], PackageFacts(version=version), use=False)
        self.store.use("words", "1")
        self.clock = ManualClock()
        self.processes = Idle(self.home.processes, on_exit=_ignore, on_failure=_ignore)
        self.speaks: Callable[[], bool] = lambda: True
        self.pools = EnginePools(
            SETTINGS, self.home, self.processes, self.clock, answers=self._answers, speaks=self._speaks
        )
        self.pools.start(lambda _: None)
        self.orders = EngineOrders(SETTINGS, self.home, self.pools)

    async def tell(self, command: str, version: str = "") -> Any:
        order = Order(token="", command=command, engine="own", version=version)
        return await self.orders.carry_out(order, lambda _: None)

    def told(self) -> dict[str, bool]:
        """The replicas that the gateways know, and whether they drain."""
        return {name: endpoint.draining for name, endpoint in read_endpoints(self.home).items()}

    async def _answers(self, endpoint: Endpoint) -> bool:
        return True

    async def _speaks(self, endpoint: Endpoint) -> bool:
        return self.speaks()


def _ignore(*_: object) -> None:
    pass


@pytest.fixture
async def house(tmp_path: Path) -> House:
    return House(tmp_path)


def unchanged(house: House) -> bool:
    """Version 1 serves, alone, and is what the next start begins with."""
    current = house.store.get("words")
    assert current is not None
    return (house.told(), house.processes.names, current.version) == ({"own": False}, {"engine-own"}, "1")


async def test_a_swap(house: House) -> None:
    done = await house.tell("swap", "2")
    assert (done.version, house.told()) == ("2", {"own": True, "own-2": False})
    assert not unchanged(house)


async def test_a_version_whose_first_answer_is_an_error_takes_no_request(house: House) -> None:
    def refuse() -> bool:
        raise EngineError("the new version answers its first request with 500: nan")

    house.speaks = refuse
    with pytest.raises(HomeportError, match=r"stays as it was.*500: nan") as caught:
        await house.tell("swap", "2")
    assert caught.value.code == "swap_failed"
    assert "engine-own-2.log" in caught.value.hint
    assert unchanged(house)


async def test_a_version_that_says_nothing_in_time(house: House) -> None:
    house.speaks = lambda: False
    with pytest.raises(HomeportError, match="did not answer within") as caught:
        await house.tell("swap", "2")
    assert caught.value.code == "swap_failed"
    assert unchanged(house)


async def test_a_version_that_cannot_be_written_down(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "use", full)
        with pytest.raises(StorageError):
            await house.tell("swap", "2")
    assert unchanged(house)


async def test_a_placement_that_cannot_be_written(house: House) -> None:
    """A full disk: the old version goes on, and the order works once there is room."""
    house.home.engines.unlink()
    house.home.engines.mkdir()
    with pytest.raises(StorageError) as caught:
        await house.tell("swap", "2")
    assert caught.value.code == "run_state_unwritable"
    assert house.processes.names == {"engine-own"}
    house.home.engines.rmdir()
    await house.tell("swap", "2")
    assert house.told() == {"own": True, "own-3": False}


async def test_what_has_drained_ends_also_where_it_could_not_be_told_at_first(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine_pools, "_LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(engine_pools, "_TRY_AGAIN_S", 0.001)
    await house.tell("swap", "2")
    house.home.engines.unlink()
    house.home.engines.mkdir()
    house.clock.advance(6 * 10**9)
    watching = asyncio.create_task(house.pools.watch())
    async with asyncio.timeout(20):
        while "own goes on for now" not in caplog.text:
            await asyncio.sleep(0.001)
    assert house.processes.names == {"engine-own", "engine-own-2"}
    house.home.engines.rmdir()
    async with asyncio.timeout(20):
        while house.processes.names != {"engine-own-2"}:
            await asyncio.sleep(0.001)
    assert house.told() == {"own-2": False}
    watching.cancel()


async def test_what_is_about_to_end_does_not_serve_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that was drained has replicas until its last request is over; they must not be given new ones."""
    monkeypatch.setattr(engine_pools, "_LOOK_EVERY_S", 0.001)
    ending, last_request_is_over = asyncio.Event(), asyncio.Event()

    async def busy(*_: object) -> None:
        ending.set()
        await last_request_is_over.wait()

    await house.tell("drain")
    monkeypatch.setattr(engine_pools, "_until_all_say", busy)
    house.clock.advance(6 * 10**9)
    watching = asyncio.create_task(house.pools.watch())
    await asyncio.wait_for(ending.wait(), 20)
    watching.cancel()
    monkeypatch.undo()
    await house.tell("swap", "1")
    last_request_is_over.set()
    await asyncio.gather(*house.pools._ends)
    assert house.told() == {"own": True, "own-2": False}
    assert house.processes.names == {"engine-own-2"}


async def test_no_two_children_have_one_port(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system gives a port again as long as nobody listens on it."""
    first = int(read_endpoints(house.home)["own"].url.removesuffix("/v1").rpartition(":")[2])
    given = iter((first, first, first + 1))
    monkeypatch.setattr(engine_pools, "free_port", lambda: next(given))
    await house.tell("swap", "2")
    assert read_endpoints(house.home)["own-2"].url.endswith(f":{first + 1}/v1")


async def test_what_was_made_of_packages_that_are_gone_is_removed(house: House) -> None:
    kept, gone = house.store.get("words:1"), house.store.get("words:2")
    assert kept is not None
    assert gone is not None
    for package in (kept, gone):
        (house.home.derived / hex_of(package.digest) / "hf-1").mkdir(parents=True)
    house.store.remove("words", "2")
    drop_derived(house.home)
    assert [folder.name for folder in house.home.derived.iterdir()] == [hex_of(kept.digest)]
