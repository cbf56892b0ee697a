"""Hours of pools, on both databases."""

from collections.abc import Callable

from sqlalchemy import Engine

from homeport.storage.engine_hours import HOUR_NS, EngineHour, Pool, note_presence, read_hours


def test_an_hour_keeps_its_first_price_and_grows(connect: Callable[[], Engine]) -> None:
    one, two = connect(), connect()
    cheap, dear = Pool(engine="e", hourly=5, slots=1), Pool(engine="e", hourly=9, slots=4)
    note_presence(one, [cheap], 10, 20)
    note_presence(two, [dear, Pool(engine="f", hourly=1, slots=1)], 20, HOUR_NS + 5)
    hours = {(hour.engine, hour.hour): hour for hour in read_hours(one)}
    assert hours["e", 0] == EngineHour(engine="e", hour=0, hourly=5, slots=1, since=10, until=HOUR_NS)
    assert hours["e", HOUR_NS].hourly == 9
    assert hours["f", 0].since == 20
    assert {hour.hour for hour in read_hours(one, since_ns=HOUR_NS)} == {HOUR_NS}
    assert {hour.hour for hour in read_hours(one, until_ns=HOUR_NS)} == {0}


def test_a_pool_that_is_paid_while_down_has_no_gap(connect: Callable[[], Engine]) -> None:
    engine = connect()
    kept = Pool(engine="kept", hourly=5, slots=1, paid_while_down=True)
    dearer = Pool(engine="kept", hourly=9, slots=1, paid_while_down=True)
    given_back = Pool(engine="given back", hourly=5, slots=1)
    note_presence(engine, [kept, given_back], 10, 20)
    note_presence(engine, [dearer, given_back], 3 * HOUR_NS + 5, 3 * HOUR_NS + 7)
    hours = {(hour.engine, hour.hour // HOUR_NS): hour for hour in read_hours(engine)}
    assert sorted(hours) == [("given back", 0), ("given back", 3), *(("kept", hour) for hour in range(4))]
    assert [(hours["kept", n].since, hours["kept", n].until) for n in range(4)] == [
        (10, HOUR_NS),
        (HOUR_NS, 2 * HOUR_NS),
        (2 * HOUR_NS, 3 * HOUR_NS),
        (3 * HOUR_NS, 3 * HOUR_NS + 7),
    ]
    assert [hours["kept", n].hourly for n in range(4)] == [5, 9, 9, 9]
    assert (hours["given back", 0].until, hours["given back", 3].since) == (20, 3 * HOUR_NS + 5)


def test_a_clock_that_steps_back_takes_nothing_from_a_bill(connect: Callable[[], Engine]) -> None:
    engine = connect()
    pool = Pool(engine="e", hourly=5, slots=1, paid_while_down=True)
    for start, end in ((100, 200), (50, 60), (HOUR_NS + 1, HOUR_NS + 1)):
        note_presence(engine, [pool], start, end)
    assert [(hour.since, hour.until) for hour in sorted(read_hours(engine), key=lambda hour: hour.hour)] == [
        (100, HOUR_NS),
        (HOUR_NS, HOUR_NS + 1),
    ]
