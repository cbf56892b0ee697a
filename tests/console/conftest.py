"""Fixtures of the console's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.console.office import Office


@pytest.fixture
def open_office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """Makes an office by the given sections of the configuration."""
    opened: list[Office] = []

    def make(**sections: Any) -> Office:
        opened.append(Office(tmp_path, **sections))
        return opened[-1]

    yield make
    for office in opened:
        office.close()


@pytest.fixture
def office(open_office: Callable[..., Office]) -> Office:
    return open_office()
