"""A cap of one dollar, three gateways and a jobs worker, callers of every kind, and one gateway killed midway.

The upstream's own bill, our ledger and the budget are compared; `make bench-overspend` does it fifty times.
"""

from pathlib import Path

import pytest

from bench.overspend.fleet import Layout
from bench.overspend.trial import CAP, USABLE, Trial, run
from bench.postgres_server import PostgresServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def holds(seed: int, layout: Layout, *, killed: bool) -> None:
    outcome = await run(Trial(seed=seed, layout=layout, killed=killed))
    assert outcome.wrong == [], outcome
    assert USABLE * CAP <= outcome.ledger <= CAP
    assert outcome.billed <= CAP
    assert (outcome.corrections > 0) is killed
    assert {"whole", "stream", "left_stream", "left_whole", "embedding", "budget_exceeded"} <= outcome.seen.keys()


@pytest.mark.parametrize("killed", [True, False])
async def test_on_sqlite(tmp_path: Path, killed: bool) -> None:
    await holds(1, Layout(folder=tmp_path, url=f"sqlite:///{tmp_path / 'homeport.db'}"), killed=killed)


async def test_on_postgresql_as_on_machines_of_their_own(tmp_path: Path, postgres_server: PostgresServer) -> None:
    url = postgres_server.new_database()
    await holds(2, Layout(folder=tmp_path, url=url, apart=True), killed=True)
    postgres_server.drop(url)
