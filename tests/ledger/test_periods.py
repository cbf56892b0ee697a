"""Every request of a stretch of time is read once, from the largest sums that hold it."""

from hypothesis import given
from hypothesis import strategies as st

from homeport.ledger.periods import END, Periods, split
from homeport.storage.rollups import DAY, HOUR

TIMES = st.integers(min_value=0, max_value=5 * DAY) | st.integers(0, 130).map(lambda hours: hours * HOUR)


@given(TIMES, TIMES, st.booleans())
def test_stretches_cover_the_time_without_gap_or_overlap(one: int, other: int, by_hour: bool) -> None:
    since, until = sorted((one, other))
    periods = split(since, until, by_hour=by_hour)
    stretches = sorted((*periods.days, *periods.hours, *periods.rows))
    at = since
    for start, end in stretches:
        assert start == at < end
        at = end
    assert at == until or not stretches
    assert all(moment % DAY == 0 for stretch in periods.days for moment in stretch)
    assert all(moment % HOUR == 0 for stretch in periods.hours for moment in stretch)
    assert all(end - start < 2 * HOUR for start, end in periods.rows)
    assert not (by_hour and periods.days)


def test_all_time_is_read_from_days_alone() -> None:
    assert split(0, END) == Periods(days=((0, END),))


def test_a_day_and_a_bit() -> None:
    since, until = DAY - HOUR - 5, 2 * DAY + HOUR + 5
    assert split(since, until) == Periods(
        days=((DAY, 2 * DAY),),
        hours=((DAY - HOUR, DAY), (2 * DAY, 2 * DAY + HOUR)),
        rows=((since, DAY - HOUR), (2 * DAY + HOUR, until)),
    )
