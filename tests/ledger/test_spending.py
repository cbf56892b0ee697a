"""What was spent by hour and day, exactly and without gaps."""

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from homeport.core.events import RequestFinished
from homeport.ledger.spending import Whose, dearest_hour, first_request, hourly_by_project, spent_each, spent_in
from tests.ledger.requests import DAY, HOUR, add, ledger, request

START = 19_675 * DAY


def test_days_without_requests_are_there() -> None:
    engine = ledger(request(START, cost=3), request(START + DAY - 1, cost=4), request(START + 2 * DAY, cost=5))
    assert spent_each(engine, DAY, START, START + 4 * DAY) == [7, 0, 5, 0]
    assert spent_each(engine, DAY, START, START + 2 * DAY + 1) == [7, 0, 5]
    assert spent_each(engine, DAY, START, START) == []


def test_a_project_has_what_is_below_it_and_no_namesake() -> None:
    paths = ("acme", "acme/search", "acme/search/web", "acmex", "ac_e", "other")
    engine = ledger(*(request(START, project=path, cost=10**place) for place, path in enumerate(paths)))
    assert spent_each(engine, DAY, START, START + DAY, Whose(project="acme")) == [111]
    assert spent_each(engine, DAY, START, START + DAY, Whose(project="acme/search")) == [110]
    assert spent_each(engine, DAY, START, START + DAY, Whose(project="ac_e")) == [10_000]
    assert spent_each(engine, DAY, START, START + DAY, Whose(project="%")) == [0]


def test_hours_of_each_project() -> None:
    engine = ledger(
        request(START, project="a", cost=1),
        request(START + HOUR, project="a", cost=2),
        request(START + HOUR, project="b", cost=4),
        request(START + 2 * HOUR, project="c", cost=8),
    )
    assert hourly_by_project(engine, START, START + 2 * HOUR) == {"a": [1, 2], "b": [0, 4]}


def test_the_first_request() -> None:
    engine = ledger(request(START + 5, project="a/b"), request(START + 3, project="c"))
    assert (first_request(engine), first_request(engine, "a"), first_request(engine, "x")) == (
        START + 3,
        START + 5,
        None,
    )


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 5 * DAY - 1), st.integers(-(10**15), 10**15)), max_size=20))
def test_nothing_is_lost_and_nothing_counted_twice(rows: list[tuple[int, int]]) -> None:
    engine = ledger(*(request(START + at, cost=cost) for at, cost in rows))
    for span in (HOUR, DAY):
        assert sum(spent_each(engine, span, START, START + 5 * DAY)) == sum(cost for _, cost in rows)
        assert spent_in(engine, START, START + 5 * DAY) == sum(cost for _, cost in rows)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 3 * DAY), max_size=20), st.integers(0, 3 * DAY), st.integers(0, 3 * DAY), st.booleans())
def test_any_stretch_is_what_its_rows_are(times: list[int], since: int, until: int, remote: bool) -> None:
    """Sums and rows together, whoever is asked for."""
    events = [
        request(START + at, cost=place + 1, local=place % 2 == 0, project=f"p{place % 3}", end_user=f"u{place % 2}")
        for place, at in enumerate(times)
    ]
    engine = ledger(*events)
    for whose in (Whose(remote=remote), Whose(project="p1", remote=remote), Whose(end_user="u1", remote=remote)):
        wanted = [
            event.cost
            for event in events
            if START + since <= event.started_at < START + until
            and whose.project in ("", event.project)
            and whose.end_user in ("", event.end_user)
            and not (remote and event.local)
        ]
        assert spent_in(engine, START + since, START + until, whose) == sum(wanted)


def test_the_dearest_whole_hour(engine: Engine) -> None:
    def rows(hour: int, key_id: str, *costs: int) -> list[RequestFinished]:
        return [request(START + hour * HOUR + cost, key_id=key_id, cost=cost) for cost in costs]

    add(engine, *rows(1, "a", 5, 6), *rows(2, "b", 9), *rows(2, "a", 4), *rows(5, "a", 100))
    assert dearest_hour(engine, START, START + 5 * HOUR) == (START + HOUR, 13)
    assert dearest_hour(engine, START, START + 5 * HOUR, "a") == (START + HOUR, 11)
    assert dearest_hour(engine, START + 2 * HOUR, START + 6 * HOUR, "a") == (START + 2 * HOUR, 100)
    assert dearest_hour(engine, START, START + 5 * HOUR, "nobody") == (None, 0)
