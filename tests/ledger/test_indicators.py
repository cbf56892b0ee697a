"""What counts for and against an objective: cases by hand, then all cases against the same rules in Python."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.dialects import postgresql

from homeport.core.events import RequestFinished
from homeport.core.types import Outcome, Surface
from homeport.ledger.indicators import cost_by_key, quantile_ns, tallies_by_key, tallies_since
from homeport.ledger.objectives import Indicator, Objective, Promise, Route
from homeport.ledger.slo import Tally
from tests.ledger.requests import MS, NOW, add, failed, ledger, name_keys, request

AVAILABILITY, LATENCY, TTFT = Indicator.AVAILABILITY, Indicator.LATENCY, Indicator.TTFT
LATENCY_MS, TTFT_MS = 4_000, 800
PROMISES = {
    AVAILABILITY: Promise(share=999_000),
    LATENCY: Promise(share=950_000, within_ns=LATENCY_MS * MS),
    TTFT: Promise(share=950_000, within_ns=TTFT_MS * MS),
}
COMPLETED, REJECTED, FAILED, CANCELLED = (Outcome(name) for name in ("completed", "rejected", "failed", "cancelled"))
T = Route(tier="local", names=("local", "smollm2", "small"), targets=("smollm2",))


def objective(route: Route | None = None, promises: dict[Indicator, Promise] | None = None) -> Objective:
    return Objective(name="n", route=route or Route(), window="30d", days=30, promises=promises or PROMISES)


def counted(engine: Engine, of: Objective | None = None) -> dict[Indicator, tuple[int, int]]:
    """(good, valid) of all requests."""
    (found,) = tallies_since(engine, of or objective(), (0,), NOW)
    return {indicator: (tally.good, tally.valid) for indicator, tally in found.items()}


def counts(outcome: Outcome, *, stream: bool, latency: int, ttft: int) -> str:
    """How one request counts for availability, latency and ttft: + good, x bad, - not at all. Times in ms."""
    event = request(1, outcome=outcome, stream=stream, latency_ns=latency * MS, ttft_ns=ttft * MS)
    found = counted(ledger(event))
    return "".join("-" if not valid else "+" if good else "x" for good, valid in found.values())


@pytest.mark.parametrize(
    ("outcome", "latency", "expected"),
    [
        (COMPLETED, 4_000, "++-"),
        (COMPLETED, 4_001, "+x-"),
        (FAILED, 1, "xx-"),
        (FAILED, 9_000, "xx-"),
        (REJECTED, 1, "---"),
        (REJECTED, 9_000, "---"),
        (CANCELLED, 1, "---"),
        (CANCELLED, 4_000, "---"),
        (CANCELLED, 4_001, "xx-"),
    ],
)
def test_a_whole_answer(outcome: Outcome, latency: int, expected: str) -> None:
    ttft = latency if outcome is COMPLETED else 0
    assert counts(outcome, stream=False, latency=latency, ttft=ttft) == expected


@pytest.mark.parametrize(
    ("outcome", "latency", "ttft", "expected"),
    [
        (COMPLETED, 60_000, 800, "+-+"),
        (COMPLETED, 60_000, 801, "+-x"),
        (COMPLETED, 500, 0, "+-+"),
        (FAILED, 1, 0, "x-x"),
        (FAILED, 60_000, 100, "x-+"),
        (FAILED, 60_000, 900, "x-x"),
        (REJECTED, 60_000, 0, "---"),
        (CANCELLED, 100, 0, "---"),
        (CANCELLED, 800, 0, "---"),
        (CANCELLED, 801, 0, "x-x"),
        (CANCELLED, 60_000, 100, "--+"),
        (CANCELLED, 60_000, 900, "x-x"),
    ],
)
def test_a_stream(outcome: Outcome, latency: int, ttft: int, expected: str) -> None:
    assert counts(outcome, stream=True, latency=latency, ttft=ttft) == expected


def test_a_cut_stream_is_bad_whatever_its_status() -> None:
    cut = request(1, outcome=FAILED, status=200, stream=True, error="upstream_stream_cut", ttft_ns=MS)
    assert counted(ledger(cut))[AVAILABILITY] == (0, 1)


def test_without_a_promise_of_time_nobody_leaves_late() -> None:
    patient = request(1, outcome=CANCELLED, latency_ns=10**15, ttft_ns=0)
    only = objective(promises={AVAILABILITY: PROMISES[AVAILABILITY]})
    assert counted(ledger(patient), only) == {AVAILABILITY: (0, 0)}


def test_a_storm_of_wrong_requests_burns_nothing() -> None:
    storm = [failed(1, outcome=REJECTED, status=status) for status in (400, 401, 403, 404, 413, 429) for _ in range(50)]
    assert counted(ledger(*storm, request(1)))[AVAILABILITY] == (1, 1)


def test_an_upstreams_rate_limit_is_no_fault_of_the_caller() -> None:
    assert counted(ledger(failed(1, status=429, error="upstream_unavailable")))[AVAILABILITY] == (0, 1)


def test_an_empty_ledger() -> None:
    engine = ledger()
    assert counted(engine) == {AVAILABILITY: (0, 0), LATENCY: (0, 0), TTFT: (0, 0)}
    assert tallies_by_key(engine, objective(), 0, NOW) == []
    assert cost_by_key(engine, Route(), 0, NOW) == {}
    assert quantile_ns(engine, objective(), LATENCY, 0, NOW) is None


def test_a_window_holds_its_first_nanosecond_and_not_its_end() -> None:
    engine = ledger(*(request(at) for at in (9, 10, 11, 19, 20, 21)))
    found = tallies_since(engine, objective(), (10, 19, 20), 21)
    assert [tallies[AVAILABILITY].valid for tallies in found] == [4, 2, 1]


class TestRoute:
    """Which requests are on a route."""

    def on(self, route: Route, *events: RequestFinished) -> int:
        return counted(ledger(*events), objective(route))[AVAILABILITY][1]

    def test_a_tier_and_a_model_have_what_they_answered(self) -> None:
        answered = request(1, tier="local", target="smollm2")
        elsewhere = request(1, tier="mid", target="gpt", requested_model="smollm2")
        assert self.on(T, answered, elsewhere) == 1
        assert self.on(Route(model="smollm2", names=("smollm2",), targets=("smollm2",)), answered, elsewhere) == 1

    def test_what_nothing_answered_is_on_the_routes_that_were_asked_for(self) -> None:
        asked = [failed(1, requested_model=name) for name in ("local", "smollm2", "small", "mid", "auto", "")]
        assert self.on(T, *asked) == 3
        assert self.on(Route(), *asked) == 6

    def test_what_nothing_answered_is_on_the_routes_that_were_tried(self) -> None:
        tried = failed(1, requested_model="auto", tried=("gpt", "smollm2"))
        other = failed(1, requested_model="auto", tried=("gpt", "smollm2-large"))
        assert self.on(T, tried, other) == 1

    def test_what_was_tried_and_then_answered_elsewhere_is_the_others(self) -> None:
        rescued = request(1, tier="mid", target="gpt", attempts=failed(1, tried=("smollm2", "gpt")).attempts)
        assert self.on(T, rescued) == 0

    def test_names_are_no_patterns(self) -> None:
        wild = Route(model="a_b", names=("a_b",), targets=("a_b",))
        assert self.on(wild, failed(1, tried=("axb",)), failed(1, tried=("a%b",)), failed(1, tried=("a_b",))) == 1

    def test_an_alias_is_what_was_asked_for_whatever_answered(self) -> None:
        asked = [request(1, requested_model="fast", target=target) for target in ("a", "b")]
        assert self.on(Route(asked="fast"), *asked, request(1, requested_model="auto")) == 2

    def test_a_key_by_id_and_by_name_across_a_rotation(self) -> None:
        engine = ledger(*(request(1, key_id=key) for key in ("key_1", "key_2", "key_3")))
        name_keys(engine, [("key_1", "bot"), ("key_2", "bot"), ("key_3", "key_1x")])
        of = {key: counted(engine, objective(Route(key=key)))[AVAILABILITY][1] for key in ("bot", "key_1", "none")}
        assert of == {"bot": 2, "key_1": 1, "none": 0}

    def test_a_surface(self) -> None:
        chat, vectors = request(1), request(1, surface="embeddings")
        assert self.on(Route(surface=Surface.EMBEDDING), chat, vectors, chat) == 1


class TestByKey:
    def test_every_key_has_its_counts_and_all_of_its_cost(self) -> None:
        engine = ledger(
            request(1, key_id="b", cost=5),
            request(2, key_id="a", cost=7),
            failed(3, key_id="a"),
            request(4, key_id="a", cost=11, outcome=CANCELLED, latency_ns=1, ttft_ns=0),
        )
        a, b = tallies_by_key(engine, objective(), 0, NOW)
        assert (a.key_id, a.requests, a.cost, a.tallies[AVAILABILITY]) == ("a", 3, 18, Tally(good=1, valid=2))
        assert (b.key_id, b.requests, b.cost, b.tallies[AVAILABILITY]) == ("b", 1, 5, Tally(good=1, valid=1))
        assert cost_by_key(engine, Route(), 0, NOW) == {"a": 18, "b": 5}
        assert cost_by_key(engine, Route(only=("b",)), 0, NOW) == {"b": 5}


class TestQuantile:
    """The nearest rank: of n times in order, the one at place ceil(share x n)."""

    def at(self, share: int, *latencies: int) -> int | None:
        promises = {LATENCY: Promise(share=share, within_ns=1)}
        engine = ledger(*(request(1, latency_ns=latency) for latency in latencies))
        return quantile_ns(engine, objective(promises=promises), LATENCY, 0, NOW)

    def test_by_hand(self) -> None:
        hundred = [*range(100, 0, -1)]
        assert self.at(950_000, *hundred) == 95
        assert self.at(950_001, *hundred) == 96
        assert self.at(1, *hundred) == 1
        assert self.at(999_999, *hundred) == 100
        assert self.at(950_000, 42) == 42

    def test_only_answers_have_a_time(self) -> None:
        engine = ledger(
            request(1, latency_ns=3),
            request(1, latency_ns=99, stream=True, ttft_ns=5),
            failed(1, latency_ns=99),
            request(1, latency_ns=99, outcome=CANCELLED, stream=True, ttft_ns=4),
            request(1, latency_ns=99, outcome=CANCELLED, stream=True, ttft_ns=0),
        )
        assert quantile_ns(engine, objective(), LATENCY, 0, NOW) == 3
        assert quantile_ns(engine, objective(), TTFT, 0, NOW) == 5
        assert quantile_ns(engine, objective(), AVAILABILITY, 0, NOW) is None


def judged(event: RequestFinished) -> dict[Indicator, Tally]:
    """The table in the docstring of indicators.py, once more, one request at a time."""
    first = event.ttft_ns or event.latency_ns
    promised = TTFT_MS * MS if event.stream else LATENCY_MS * MS
    waited = first if event.stream else event.latency_ns
    late = event.outcome is CANCELLED and waited > promised
    known = event.outcome is COMPLETED or (event.stream and event.ttft_ns > 0 and event.outcome is not REJECTED)
    valid = event.outcome in (COMPLETED, FAILED) or late
    timed = Tally(good=known and waited <= promised, valid=valid or known)
    return {
        AVAILABILITY: Tally(good=event.outcome is COMPLETED, valid=valid),
        LATENCY: Tally() if event.stream else timed,
        TTFT: timed if event.stream else Tally(),
    }


def events() -> st.SearchStrategy[RequestFinished]:
    edges = st.sampled_from([0, 1, 799, 800, 801, 3_999, 4_000, 4_001]).map(lambda ms: ms * MS)
    fields: dict[str, st.SearchStrategy[Any]] = {
        "outcome": st.sampled_from([*Outcome]),
        "stream": st.booleans(),
        "latency_ns": edges,
        "ttft_ns": edges,
        "cost": st.integers(0, 10**15),
        "key_id": st.sampled_from(["key_1", "key_2"]),
    }
    return st.builds(lambda at, changes: request(at, **changes), st.integers(0, 99), st.fixed_dictionaries(fields))


@run(deadline=None, max_examples=200)
@given(st.lists(events(), max_size=25), st.lists(st.integers(0, 99), min_size=1, max_size=5, unique=True))
def test_sql_counts_as_the_rules_say_and_windows_merge(rows: list[RequestFinished], starts: list[int]) -> None:
    engine, ordered = ledger(*rows), sorted(starts)
    found = tallies_since(engine, objective(), ordered, 90)
    for start, tallies in zip(ordered, found, strict=True):
        inside = [judged(event) for event in rows if start <= event.started_at < 90]
        for indicator, tally in tallies.items():
            assert tally.good == sum(row[indicator].good for row in inside)
            assert tally.valid == sum(row[indicator].valid for row in inside)
            assert 0 <= tally.good <= tally.valid
    by_key = tallies_by_key(engine, objective(), ordered[0], 90)
    for indicator, tally in found[0].items():
        assert sum(row.tallies[indicator].valid for row in by_key) == tally.valid
    assert {row.key_id: row.cost for row in by_key} == cost_by_key(engine, Route(), ordered[0], 90)


def test_rows_that_come_later_are_counted() -> None:
    engine = ledger(request(1))
    add(engine, request(2), request(3))
    assert counted(engine)[AVAILABILITY] == (3, 3)


def test_postgresql_groups_by_names_not_by_expressions_with_parameters() -> None:
    statements: list[str] = []
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy leaves its constructor untyped

    class Recording:
        """An engine that only keeps what it is asked, in PostgreSQL's words."""

        def connect(self) -> "Recording":
            return self

        def __enter__(self) -> "Recording":
            return self

        def __exit__(self, *_: object) -> None: ...

        def execute(self, query: Any) -> "Recording":
            statements.append(str(query.compile(dialect=dialect)))
            return self

        def mappings(self) -> list[Any]:
            return []

        def scalar_one(self) -> int:
            return 1

    recording: Any = Recording()
    tallies_since(recording, objective(T), (1, 2), 3)
    tallies_by_key(recording, objective(T), 1, 3)
    quantile_ns(recording, objective(T), TTFT, 1, 3)
    groups = [statement.partition("GROUP BY")[2].split() for statement in statements if "GROUP BY" in statement]
    assert groups == [["anon_1.band"], ["anon_1.key_id", "ORDER", "BY", "anon_1.key_id"]]
    assert statements[-1].partition("ORDER BY")[2].split()[0] == "taken"
