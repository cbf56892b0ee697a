"""One gateway and two simulated upstreams for the whole folder: tests must leave them as they found them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.failover.house import House, Sim, configuration
from tests.e2e.program import Program


def start(home: Path, sim: Sim, spare: Sim, **sections: object) -> House:
    program = Program(home)
    program.home.mkdir(mode=0o700)
    (program.home / "homeport.yaml").write_text(configuration(sim.url, spare.url, **sections))
    program.start()
    return House(program, sim, spare)


@pytest.fixture(scope="package")
def sims() -> Iterator[tuple[Sim, Sim]]:
    sim, spare = Sim(), Sim()
    yield sim, spare
    sim.stop()
    spare.stop()


@pytest.fixture(scope="package")
def running(sims: tuple[Sim, Sim], tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = start(tmp_path_factory.mktemp("failover") / "home", *sims)
    yield house
    assert house.program.stop() == 0, house.program.output()
    logs = "".join(path.read_text() for path in (house.program.home / "logs").glob("gateway.log*"))
    assert "Traceback" not in logs
    house.close()


@pytest.fixture
def house(running: House) -> Iterator[House]:
    """The shared house; whatever a test did to it, the next one finds it well."""
    gateway = running.program.children("gateway --supervised")
    yield running
    for sim in (running.sim, running.spare):
        sim.listen("open")
        sim.ask("DELETE", "faults")
    assert running.ask().status == 200
    assert running.program.children("gateway --supervised") == gateway, "the gateway died"


@pytest.fixture(scope="module")
def fragile(sims: tuple[Sim, Sim], tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway of the module's own with the breaker that there is by default."""
    house = start(tmp_path_factory.mktemp("fragile") / "home", *sims, breaker={}, retries={"rounds": 1})
    yield house
    assert house.program.stop() == 0, house.program.output()
    house.close()


@pytest.fixture
def own_house(fragile: House) -> Iterator[House]:
    """What a test does to models of its own (`limited`), or puts right again, concerns no other."""
    yield fragile
    for sim in (fragile.sim, fragile.spare):
        sim.listen("open")
        sim.ask("DELETE", "faults")
