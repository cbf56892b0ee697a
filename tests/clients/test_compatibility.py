"""Every cell of docs/reference/compatibility.md: a real client, through the running gateway, to an upstream."""

from collections.abc import Callable, Iterator

import pytest

from tests.clients.matrix import CLIENTS, ROOT, Cell, cells
from tests.clients.outcomes import Outcomes, missing
from tests.clients.page import markdown
from tests.clients.world import Sim, open_world, write_config
from tests.e2e.program import Program

PAGE = ROOT / "docs" / "reference" / "compatibility.md"


@pytest.fixture(scope="module")
def outcomes(new_program: Callable[[], Program]) -> Iterator[Outcomes]:
    sim = Sim()
    program = new_program()
    try:
        write_config(program.home, sim.url)
        program.start()
        yield Outcomes(open_world(program, sim))
    finally:
        stopped = program.stop() if program.process else 0
        assert sim.stop() == 0
    assert stopped == 0, program.output()


@pytest.mark.slow
@pytest.mark.parametrize("cell", tuple(cells()), ids=str)
def test_cell(cell: Cell, request: pytest.FixtureRequest) -> None:
    if reason := missing(cell.client):
        pytest.skip(reason)
    outcomes: Outcomes = request.getfixturevalue("outcomes")
    failure = outcomes.of(cell)
    assert failure is None, failure


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), (
        "run: python -m tests.clients.page > docs/reference/compatibility.md"
    )


def test_no_two_clients_share_a_program() -> None:
    programs = [client.program for client in CLIENTS]
    assert len(set(programs)) == len(programs)
