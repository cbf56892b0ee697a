"""What a round notices, and what it forgets."""

from homeport.jobs.signals import Signals
from homeport.storage.feedback import RETRY, rate, said_of_tiers
from tests.ledger.requests import DAY, NOW, SECOND, add, ledger, request


def test_a_round_notices_what_came_since_the_last_one() -> None:
    engine = ledger(request(NOW - 50 * SECOND, prompt_id="a", score=0.5))
    signals = Signals(engine, retry_ns=60 * SECOND, keep_ns=DAY)
    assert signals.look(NOW) == 0
    add(engine, request(NOW - 10 * SECOND, prompt_id="a", score=0.5))
    assert [signals.look(NOW + 60 * SECOND), signals.look(NOW + 120 * SECOND)] == [1, 0]
    [said] = said_of_tiers(engine, 0)
    assert (said.source, said.bad) == (RETRY, 1)


def test_what_is_old_is_forgotten() -> None:
    engine = ledger(*(request(NOW - 3 * DAY - place, prompt_id="a", score=0.5) for place in range(1_200)))
    for place in range(1_200):
        rate(engine, f"r{place}", "user", 1.0, "", "", NOW - 3 * DAY)
    rate(engine, "r0", "review", 1.0, "", "", NOW)
    Signals(engine, retry_ns=SECOND, keep_ns=DAY).look(NOW)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM decisions").scalar_one() == 0
        assert connection.exec_driver_sql("SELECT source FROM feedback").scalars().all() == ["review"]
