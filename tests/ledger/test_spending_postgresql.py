"""PostgreSQL gives the series that SQLite gives."""

import pytest

from homeport.ledger.change import period
from homeport.ledger.sessions import sessions
from homeport.ledger.spending import Whose, first_request, hourly_by_project, spent_each, spent_in
from homeport.storage.db import open_database
from tests.ledger.requests import DAY, HOUR, add, ledger, request

pytestmark = pytest.mark.slow

START = 19_675 * DAY
EVENTS = [
    request(
        START + place * 7 * HOUR // 3,
        cost=(1 << 55) + place,
        local=place % 2 == 0,
        project=f"p{place % 3}/x%",
        trace_id=f"t{place % 5}",
        end_user="u",
    )
    for place in range(40)
]


def test_both_databases_give_the_same_series(postgres: str) -> None:
    here, there = ledger(*EVENTS), open_database(postgres)
    add(there, *EVENTS)
    for whose in (Whose(), Whose(remote=True), Whose(project="p1/x%"), Whose(end_user="u", remote=True)):
        wanted = spent_each(here, DAY, START, START + 4 * DAY, whose)
        assert sum(wanted) > 1 << 55
        assert spent_each(there, DAY, START, START + 4 * DAY, whose) == wanted
        for since, until in ((START + 5, START + 2 * DAY + 7), (START + 5, START + HOUR + 7)):
            assert spent_in(there, since, until, whose) == spent_in(here, since, until, whose)
    until = START + 3 * DAY + HOUR
    assert hourly_by_project(there, START, until) == hourly_by_project(here, START, until)
    assert period(there, START, until, "p1") == period(here, START, until, "p1")
    assert sessions(there, START, until) == sessions(here, START, until)
    assert first_request(there, "p2") == first_request(here, "p2") == START + 2 * 7 * HOUR // 3
    there.dispose()
