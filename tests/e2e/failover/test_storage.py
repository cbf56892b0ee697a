"""The database locked, full and gone, and the disk full under the journal: nothing is lost, and nothing is hidden."""

import contextlib
import resource
import sqlite3
from collections.abc import Iterator

import pytest

from tests.e2e.failover.house import House, wait_until

pytestmark = pytest.mark.slow

COST = 7 * 2000 + 48 * 8000
ROWS = "SELECT count(*), coalesce(sum(cost), 0) FROM requests"


def ledger(house: House) -> tuple[int, int]:
    """Rows and nano-dollars that the jobs worker brought into the database."""
    with contextlib.closing(sqlite3.connect(house.program.home / "homeport.db")) as connection:
        found: tuple[int, int] = connection.execute(ROWS).fetchone()
        return found


def settled(house: House) -> tuple[int, int]:
    """What the database has when everything is in it."""
    house.rows()
    house.close()
    return ledger(house)


def after(before: tuple[int, int]) -> tuple[int, int]:
    """What it has with five more answers."""
    return before[0] + 5, before[1] + 5 * COST


def answered(house: House) -> None:
    for number in range(5):
        assert house.ask(stream=bool(number % 2)).status == 200


def test_a_locked_database_delays_no_request_and_loses_none(own_house: House) -> None:
    house, before = own_house, settled(own_house)
    with contextlib.closing(sqlite3.connect(house.program.home / "homeport.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        answered(house)
        assert ledger(house) == before
        other.execute("ROLLBACK")
    wait_until(lambda: ledger(house) == after(before))


def test_a_database_that_is_gone_stops_no_request_and_loses_none(own_house: House) -> None:
    house, before = own_house, settled(own_house)
    database = house.program.home / "homeport.db"
    files = [path for path in house.program.home.glob("homeport.db*") if path.is_file()]
    for path in files:
        path.rename(path.with_name(f"away-{path.name}"))
    answered(house)
    for path in house.program.home.glob("homeport.db*"):
        path.unlink()
    for path in files:
        path.with_name(f"away-{path.name}").rename(path)
    assert database.exists()
    assert house.program.stop() == 0
    house.program.start()
    wait_until(lambda: ledger(house) == after(before))


@contextlib.contextmanager
def full_disk(pid: int) -> Iterator[None]:
    """A process that can make no file longer."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def test_a_full_database_stops_no_request_and_loses_none(own_house: House) -> None:
    house, before = own_house, settled(own_house)
    (worker,) = house.program.children("jobs --supervised")
    with full_disk(worker):
        answered(house)
        assert ledger(house) == before
    wait_until(lambda: ledger(house) == after(before))


def test_a_full_disk_under_the_journal_refuses_and_says_so(own_house: House) -> None:
    """What cannot be recorded is not billed, so it is not served; when there is room again, it is."""
    house = own_house
    (gateway,) = house.program.children("gateway --supervised")
    with full_disk(gateway):
        for stream in (False, True):
            reply = house.ask(stream=stream)
            assert not (reply.status == 200 and not stream)
            assert reply.error["code"] in {"journal_unwritable", "journal_full", "disk_full"}
            assert reply.error["hint"]
            assert not stream or not reply.ends_well
    wait_until(lambda: house.ask().status == 200)
    assert house.program.children("gateway --supervised") == [gateway]
