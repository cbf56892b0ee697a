"""One running program for the tests that do not break it, and fresh ones for those that do.

The weights are pulled once: later state folders share the package store by a link.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.program import Program


@pytest.fixture(scope="session")
def package_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the default package in it, pulled from its real source."""
    puller = Program(tmp_path_factory.mktemp("store") / "home")
    puller.run("init", str(puller.home / "homeport.yaml"))
    puller.run("package", "pull", "smollm2", "--json")
    return puller.home / "packages"


@pytest.fixture(scope="session")
def new_program(package_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Program]:
    def make() -> Program:
        home = tmp_path_factory.mktemp("program") / "home"
        home.mkdir(mode=0o700)
        (home / "packages").symlink_to(package_store)
        return Program(home)

    return make


@pytest.fixture(scope="session")
def program(new_program: Callable[[], Program]) -> Iterator[Program]:
    """A running program that tests share: they must leave it running."""
    shared = new_program()
    shared.start()
    yield shared
    assert shared.stop() == 0, shared.output()


@pytest.fixture
def own_program(new_program: Callable[[], Program]) -> Iterator[Program]:
    """A running program that a test may break."""
    own = new_program()
    own.start()
    yield own
    if own.process is not None and own.process.poll() is None:
        own.stop()
