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
