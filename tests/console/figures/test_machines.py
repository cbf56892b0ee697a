"""What engines and providers did in the last five minutes."""

import pytest

from homeport.console.figures.machines import RATE_NS, Engines, Replica, rates
from tests.ledger.requests import NOW, SECOND, ledger, request


def test_tokens_a_second() -> None:
    engine = ledger(
        request(NOW - 1, upstream="own", input_tokens=600, output_tokens=300, latency_ns=2 * SECOND),
        request(NOW - 2, upstream="own", input_tokens=0, output_tokens=0, latency_ns=SECOND),
        request(NOW - 3, upstream="own", output_tokens=9_999, cache="hit"),
        request(NOW - RATE_NS - 1, upstream="own", output_tokens=9_999),
        request(NOW - 4, upstream=""),
    )
    [(place, found)] = rates(engine, NOW).items()
    assert place == ("own", "smollm2")
    assert (found.requests, found.written, found.read) == (2, 1.0, 2.0)
    assert found.each == pytest.approx(100)


def test_two_models_of_a_provider_have_figures_of_their_own() -> None:
    engine = ledger(
        request(NOW - 1, upstream="p", target="small", output_tokens=300),
        request(NOW - 2, upstream="p", target="large", output_tokens=600),
    )
    found = rates(engine, NOW)
    assert (found["p", "small"].written, found["p", "large"].written) == (1.0, 2.0)


def test_nothing_was_written() -> None:
    assert rates(ledger(request(NOW, output_tokens=0)), NOW)["smollm2", "smollm2"].each is None
    assert rates(ledger(), NOW) == {}


def test_each_engine_is_named_once() -> None:
    def replica(engine: str, name: str) -> Replica:
        return Replica(engine=engine, replica=name, state="serving", version="1", digest="", revision="", pid=1)

    assert Engines(replicas=(replica("a", "a"), replica("b", "b"), replica("a", "a-2"))).names == ("a", "b")
