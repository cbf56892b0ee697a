"""Orders from the console: every process of a state folder tells the same of them."""

import asyncio
from pathlib import Path

import pytest

from homeport.console import given
from homeport.console.figures.machines import Engines as Replicas
from homeport.console.given import Given
from homeport.core.errors import CapacityError, EngineError, HomeportError


class Engines:
    """Takes orders; `held` keeps them waiting, `refuses` ends them."""

    def __init__(self) -> None:
        self.held: asyncio.Event | None = None
        self.refuses: HomeportError | None = None

    async def engines(self, packages: bool = True) -> Replicas:
        return Replicas()

    async def drain(self, engine: str) -> None:
        if self.held is not None:
            await self.held.wait()
        if self.refuses is not None:
            raise self.refuses

    restart = drain


@pytest.fixture
def two(tmp_path: Path) -> tuple[Given, Given]:
    """Of two processes."""
    return Given(tmp_path / "orders", lambda: 7), Given(tmp_path / "orders", lambda: 9)


async def test_how_an_order_ended_is_known_to_every_process(two: tuple[Given, Given]) -> None:
    engines = Engines()
    await two[0].give(engines, "drain", "own", "ada")
    engines.refuses = EngineError("no")
    await two[1].give(engines, "restart", "../other/\0", "ada")
    for one in two:
        found = {order.engine: (order.command, order.by, order.told, order.running) for order in one.every()}
        assert found == {
            "own": ("drain", "ada", "done", False),
            "../other/\0": ("restart", "ada", "no", False),
        }


async def test_one_order_at_a_time_whichever_process_is_asked(
    two: tuple[Given, Given], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given, "_SOON_S", 0.01)
    engines = Engines()
    engines.held = asyncio.Event()
    await two[0].give(engines, "restart", "own", "ada")
    for one in two:
        assert [order.running for order in one.every()] == [True]
        with pytest.raises(CapacityError, match="carrying out"):
            await one.give(engines, "drain", "own", "ada")
    await two[1].give(Engines(), "drain", "another", "ada")
    assert [order.engine for order in two[0].every() if order.running] == ["own"]
    engines.held.set()


async def test_an_order_whose_process_is_gone_is_not_under_way(
    two: tuple[Given, Given], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given, "_SOON_S", 0.01)
    engines = Engines()
    engines.held = asyncio.Event()
    await two[0].give(engines, "restart", "own", "ada")
    for task in two[0]._tasks:
        task.cancel()
    await asyncio.sleep(0.01)
    [order] = two[1].every()
    assert (order.running, order.told) == (False, "")
    engines.held.set()
    await two[1].give(engines, "restart", "own", "ada")
    assert [order.told for order in two[0].every()] == ["done"]


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    assert Given(tmp_path / "none", lambda: 0).every() == []
    (tmp_path / "a.json").write_bytes(b"{")
    (tmp_path / "b.json").write_bytes(b'{"engine":"e","command":"drain","by":"","at":1}')
    assert Given(tmp_path, lambda: 0).every() == []
