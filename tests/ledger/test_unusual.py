"""A fault is told of at the right level, in one sentence and once; quiet traffic is not, whatever its crowds do."""

import copy
from collections.abc import Iterator
from random import Random

import msgspec
import pytest

from bench.anomaly_traffic import SECOND, Fault, Traffic, attempt, dearer, emptied, failing, inflated, slower
from homeport.core.unusual import Level, Measure, Unusual
from homeport.ledger.unusual import Observatory
from homeport.storage.arrivals import Arrival

STRETCH = 10
LEARNED = 900
"""Seconds; by then everything is judged."""


class Watcher:
    """An observatory, and the traffic that it sees."""

    def __init__(self, seed: int = 1, rate: float = 20.0) -> None:
        self.traffic = Traffic(seed, rate)
        self.observatory = Observatory(0)
        self.now = 0
        self.changes: list[Unusual] = []

    def go(self, seconds: int, fault: Fault | None = None, only: str = "") -> None:
        """Watch for so long; the fault is one of a model, or of a key."""
        for start in range(self.now, self.now + seconds, STRETCH):
            self.observatory.see(faulty(self.traffic.between(start, start + STRETCH), fault, only))
            self.now = start + STRETCH
            self.changes += [change.now for change in self.observatory.close(self.now * SECOND)]

    @property
    def unexplained(self) -> list[Unusual]:
        """Without spending: sessions are dear for some minutes, and whether that is news the jobs worker decides."""
        return [one for one in self.changes if one.measure is not Measure.SPEND]

    @property
    def told(self) -> list[tuple[Level, str, Measure, bool]]:
        return [(one.level, one.subject, one.measure, one.until is not None) for one in self.unexplained]


def faulty(rows: Iterator[Arrival], fault: Fault | None, only: str) -> Iterator[Arrival]:
    for one in rows:
        concerned = only in ("", one.key_id, one.target)
        yield fault(one) if fault is not None and concerned else one


@pytest.fixture(scope="module")
def learned() -> Watcher:
    made = Watcher()
    made.go(LEARNED)
    assert made.unexplained == []
    made.changes.clear()
    return made


@pytest.fixture
def watcher(learned: Watcher) -> Watcher:
    """Somebody who knows what is usual."""
    return copy.deepcopy(learned)


@pytest.mark.parametrize(
    ("fault", "measures", "words"),
    [
        (failing(0.5, Random(1)), {Measure.ERRORS}, "Model mid has failed"),
        (emptied(0.5, Random(1)), {Measure.EMPTY}, "Model mid has answered"),
        (slower(4), {Measure.LATENCY, Measure.TTFT}, "Model mid has taken"),
        (inflated(2), {Measure.OUTPUT_TOKENS}, "Model mid has answered with"),
    ],
    ids=["errors", "empty", "latency", "tokens"],
)
def test_a_fault_of_a_model_is_told_within_two_minutes_and_its_end(
    watcher: Watcher, fault: Fault, measures: set[Measure], words: str
) -> None:
    began = watcher.now
    watcher.go(120, fault, "mid")
    assert watcher.told
    assert {(level, subject) for level, subject, _, _ in watcher.told} == {(Level.MODEL, "mid")}
    assert {measure for _, _, measure, _ in watcher.told} <= measures
    first = watcher.unexplained[0]
    assert first.sentence.startswith(words)
    assert "would be usual" in first.sentence
    assert abs(first.since / SECOND - began) <= 20
    watcher.go(300)
    assert {one.measure for one in watcher.observatory.unusual} <= {Measure.SPEND}
    assert len(watcher.told) == 2 * len({one.measure for one in watcher.unexplained})
    assert watcher.unexplained[-1].sentence.startswith("It is over since")


def test_a_key_whose_requests_grow_is_told_of_and_not_its_models(watcher: Watcher) -> None:
    watcher.go(300, inflated(3), "key_1")
    assert set(watcher.told) == {(Level.KEY, "key_1", Measure.OUTPUT_TOKENS, False)}


def test_spending_of_everybody_is_told_where_no_size_explains_it(watcher: Watcher) -> None:
    watcher.go(180, dearer(12))
    (dear,) = [one for one in watcher.changes if one.level is Level.ALL]
    assert dear.found > 6 * dear.usual
    assert watcher.unexplained == []


def test_few_requests_are_no_evidence() -> None:
    watcher = Watcher(rate=0.01)
    watcher.go(LEARNED)
    watcher.go(300, failing(1.0, Random(1)))
    assert watcher.changes == []


def test_what_fails_for_hours_does_not_become_the_usual() -> None:
    watcher = Watcher(rate=3.0)
    watcher.go(600)
    watcher.go(3 * 3_600, failing(1.0, Random(1)), "mid")
    assert watcher.told == [(Level.MODEL, "mid", Measure.ERRORS, False)]


def test_what_fails_from_its_first_request_on_is_told() -> None:
    watcher = Watcher(rate=6.0)
    watcher.go(200, failing(0.9, Random(1)), "mid")
    assert watcher.told == [(Level.MODEL, "mid", Measure.ERRORS, False)]
    assert watcher.observatory.judged == 0, "what is presumed is not known"


def test_what_answers_a_few_failing_requests_is_not_silent() -> None:
    """Two requests in ten seconds are too few for a stretch, and enough to know that it lasts."""
    watcher = Watcher(rate=6.0)
    watcher.go(200, failing(1.0, Random(1)), "mid")
    row = msgspec.structs.replace(next(watcher.traffic.between(0, 100)), outcome="failed", target="")
    for _ in range(2_000):
        watcher.now += STRETCH
        failed = msgspec.structs.replace(row, attempts=(attempt("mid", "upstream_failed"),))
        watcher.observatory.see([failed] * (watcher.now % 20 == 0))
        watcher.changes += [change.now for change in watcher.observatory.close(watcher.now * SECOND)]
    assert watcher.told == [(Level.MODEL, "mid", Measure.ERRORS, False)]


def test_what_becomes_critical_is_told_once_more() -> None:
    watcher = Watcher(rate=12.0)
    watcher.go(600)
    watcher.go(300, failing(0.15, Random(1)), "mid")
    [first] = watcher.unexplained
    assert str(first.severity) == "warning"
    watcher.go(300, failing(0.9, Random(1)), "mid")
    [_, second] = watcher.unexplained
    assert str(second.severity) == "critical"
    assert (second.since, second.until) == (first.since, None)
    assert watcher.observatory.unusual == (second,)
    watcher.go(300)
    assert str(watcher.unexplained[-1].severity) == "critical"
    assert not watcher.observatory.unusual


def test_what_outlasts_its_cause_is_told_by_itself(watcher: Watcher) -> None:
    """A provider that fails and is slow by that, and when it fails no more is still slow."""
    slow, fails, began = slower(4), failing(0.5, Random(1)), watcher.now
    watcher.go(180, lambda one: slow(fails(one)), "mid")
    assert {(one.subject, one.measure) for one in watcher.unexplained} == {("mid", Measure.ERRORS)}
    watcher.go(400, slow, "mid")
    late = [one for one in watcher.unexplained if one.measure is not Measure.ERRORS]
    assert {one.measure for one in late} <= {Measure.LATENCY, Measure.TTFT}
    assert late
    assert all(abs(one.since / SECOND - began) <= 60 for one in late), "it says since when"
    watcher.go(300)
    assert {one.measure for one in watcher.observatory.unusual} <= {Measure.SPEND}


def test_what_never_says_a_word_is_not_empty() -> None:
    observatory = Observatory(0)
    rows = [msgspec.structs.replace(one, output_tokens=0) for one in Traffic(1, 20.0).between(0, 900)]
    for start in range(0, 900, STRETCH):
        observatory.see(one for one in rows if start <= one.ended_at // SECOND < start + STRETCH)
        observatory.close((start + STRETCH) * SECOND)
    assert not any(name[2] is Measure.EMPTY for name in observatory._series)


def test_a_crowd_with_long_prompts_is_no_change(watcher: Watcher) -> None:
    """A new key asks the same model, with prompts and answers ten times as long, as often as all others together."""
    for start in range(watcher.now, watcher.now + 600, STRETCH):
        rows = list(watcher.traffic.between(start, start + STRETCH))
        crowd = [
            msgspec.structs.replace(
                one,
                key_id="key_new",
                input_tokens=10 * one.input_tokens,
                output_tokens=10 * one.output_tokens,
                latency_ns=10 * one.latency_ns,
            )
            for one in rows
        ]
        watcher.observatory.see(rows + crowd)
        watcher.now = start + STRETCH
        watcher.changes += [change.now for change in watcher.observatory.close(watcher.now * SECOND)]
    assert watcher.unexplained == []


def test_when_nobody_asks_any_more_it_is_over(watcher: Watcher) -> None:
    watcher.go(120, failing(0.5, Random(1)), "mid")
    assert watcher.observatory.unusual
    for _ in range(70):
        watcher.now += STRETCH
        watcher.changes += [change.now for change in watcher.observatory.close(watcher.now * SECOND)]
    told = [one.sentence for one in watcher.unexplained if one.until is not None]
    assert told
    assert all(words.startswith("Nobody asks any more, so whether it lasts is not known: ") for words in told)
    assert watcher.observatory.unusual == ()


@pytest.mark.parametrize("error", ["upstream_rejected_request", "hedge_lost", "escalated_refusal", "engine_full"])
def test_what_is_not_the_upstreams_fault_is_no_error_of_it(error: str) -> None:
    observatory = Observatory(0)
    row = next(Traffic(1).between(0, 100))
    row = msgspec.structs.replace(row, outcome="rejected", attempts=(attempt("mid", error),))
    for place in range(60):
        observatory.see([row] * 20)
        assert observatory.close((place + 1) * STRETCH * SECOND) == []
    assert not any(name[2] is Measure.ERRORS for name in observatory._series)


def test_an_hour_of_quiet_traffic_tells_nothing() -> None:
    """The long version is `make bench-anomalies`."""
    watcher = Watcher(seed=5, rate=4.0)
    watcher.go(3_600)
    assert watcher.unexplained == []


def test_what_is_forgotten_is_told_as_over(watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    watcher.go(120, failing(0.5, Random(1)), "mid")
    monkeypatch.setattr("homeport.ledger.unusual._MOST_SERIES", 0)
    watcher.go(10)
    assert watcher.observatory.unusual == ()
    assert {(level, is_over) for level, _, _, is_over in watcher.told[-1:]} == {(Level.MODEL, True)}


def test_the_number_of_series_is_bounded() -> None:
    observatory = Observatory(0)
    row = next(Traffic(1).between(0, 100))
    for place in range(5):
        observatory.see(
            msgspec.structs.replace(row, key_id=f"key_{place}_{number}", outcome="completed") for number in range(2_000)
        )
        observatory.close((place + 1) * STRETCH * SECOND)
    assert len(observatory._series) <= 2_000
