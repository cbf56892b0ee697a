"""What is unusual is counted by what it is, and says of whom nothing."""

import msgspec

from homeport.core.unusual import Level, Measure
from homeport.storage.unusual import Noticed, Unusuals
from homeport.telemetry.metrics import Metrics
from tests.storage.test_unusual import noticed, state


def samples(found: Unusuals | None) -> dict[str, float]:
    page = Metrics(unusual=lambda: found).page().decode().splitlines()
    lines = [line for line in page if line.startswith("homeport_unusual")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def of(level: Level, measure: Measure) -> str:
    return f'homeport_unusual{{level="{level}",measure="{measure}"}}'


def of_key(row: Noticed, key: str) -> Noticed:
    return msgspec.structs.replace(row, unusual=msgspec.structs.replace(row.unusual, level=Level.KEY, subject=key))


def test_each_kind_has_its_number() -> None:
    spend = noticed(Measure.SPEND)
    found = samples(state(noticed(), noticed(), of_key(spend, "key_secret"), judged=7))
    assert found.pop(of(Level.MODEL, Measure.ERRORS)) == 2
    assert found.pop(of(Level.KEY, Measure.SPEND)) == 1
    assert found.pop("homeport_unusual_judged") == 7
    assert set(found.values()) == {0}, "what is as usual is 0, so that an alert clears"
    assert len(found) == len(Level) * len(Measure) - 2


def test_what_was_not_told_does_not_count() -> None:
    untold = msgspec.structs.replace(noticed(), told=False)
    assert samples(state(untold))[of(Level.MODEL, Measure.ERRORS)] == 0


def test_nobody_is_named() -> None:
    metrics = Metrics(unusual=lambda: state(of_key(noticed(), "key_secret")))
    assert b"key_secret" not in metrics.page()


def test_where_nobody_looks_nothing_is_shown() -> None:
    assert samples(None) == {}
