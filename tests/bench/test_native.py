"""The mock upstream and the load generator, against each other."""

from collections.abc import Iterator

import pytest

from bench import native, traffic
from bench.machine import choose_cores
from bench.native import Mock, Report, Request, has_compiler, load, mock_upstream

pytestmark = pytest.mark.skipif(not has_compiler(), reason="no C compiler is here")

CORE = choose_cores().load


@pytest.fixture(scope="module")
def mock() -> Iterator[Mock]:
    with mock_upstream(CORE) as running:
        yield running


def ask(mock: Mock, *requests: Request, **options: float) -> Report:
    return load(CORE, mock.port, "key", requests, credits=mock.port, **options)


def steered(name: str, steering: str, chunks: int = 0, end: str = "answer") -> Request:
    return Request(name=name, body=traffic.chat(steering, chunks), end=end)


def test_the_bodies_are_of_the_published_size() -> None:
    for request in (traffic.whole_chat(), traffic.eager_stream(200), traffic.paced_stream(40, 100_000)):
        assert len(request.encoded) == 1024


def test_fifty_requests_get_fifty_answers(mock: Mock) -> None:
    before = mock.stats()["requests"]
    report = ask(mock, traffic.whole_chat(), connections=4, requests=50)
    assert (report.requests, report.good, report.errors) == (50, 50, 0)
    assert report.kinds["whole"].statuses == {"200": 50}
    assert report.latency_us is not None
    assert report.latency_us.samples == 50
    assert 0 < report.latency_us.p50 <= report.latency_us.p99 <= report.latency_us.max
    assert mock.stats()["requests"] - before == 50


def test_an_open_loop_asks_as_often_as_it_was_told(mock: Mock) -> None:
    report = ask(mock, traffic.whole_chat(), connections=8, rate=500, requests=50)
    assert (report.good, report.errors) == (50, 0)


@pytest.mark.parametrize("request_", [traffic.eager_stream(20), traffic.paced_stream(20, 100)], ids=["eager", "paced"])
def test_streams_bring_every_chunk(mock: Mock, request_: Request) -> None:
    report = ask(mock, request_, connections=5, requests=50)
    assert (report.good, report.errors, report.chunks) == (50, 0, 50 * 20)
    assert report.first_chunk_us is not None
    assert report.first_chunk_us.samples == 50
    assert report.chunk_us is not None
    assert report.chunk_us.samples == 50 * 19


def test_a_ramp_opens_every_stream_once_and_all_are_open_together(mock: Mock) -> None:
    report = ask(mock, traffic.paced_stream(20, 50_000), connections=50, ramp=0.2)
    assert (report.requests, report.good, report.peak_open) == (50, 50, 50)


@pytest.mark.parametrize(
    ("steering", "chunks", "ended"),
    [
        ("fault=500;", 0, "bad_status"),
        ("fault=500;", 9, "bad_status"),
        ("fault=close;", 0, "cut"),
        ("fault=cut;", 0, "cut"),
        ("fault=cut;", 9, "cut"),
        ("fault=garbage;", 0, "short_body"),
        ("fault=stall;", 0, "timed_out"),
        ("fault=stall;", 9, "timed_out"),
        ("fault=stale;", 0, "good"),
        ("fault=stale;", 9, "good"),
    ],
)
def test_each_fault_is_seen_for_what_it_is(mock: Mock, steering: str, chunks: int, ended: str) -> None:
    report = ask(mock, steered("faulty", steering, chunks), connections=2, requests=6, timeout=0.2)
    assert report.kinds["faulty"].ended == {ended: 6}
    assert report.errors == (0 if ended == "good" else 6)


def test_leaving_is_no_error_and_the_upstream_notices(mock: Mock) -> None:
    before = mock.stats()["aborted"]
    stays, leaves = steered("whole", ""), steered("leaves", "fault=stall;", end="leave_1")
    at_chunk = steered("at_chunk", "pace_us=50000;", 20, end="leave_at_chunk")
    report = ask(mock, stays, leaves, at_chunk, connections=4, requests=50)
    assert report.errors == 0
    assert report.good == report.kinds["whole"].ended["good"]
    assert report.left == report.kinds["leaves"].ended["left"] + report.kinds["at_chunk"].ended["left"]
    assert mock.stats()["aborted"] - before == report.left


def test_faults_come_by_themselves_at_the_share_that_was_asked_for() -> None:
    with mock_upstream(CORE, faults=0.5) as faulty:
        report = ask(faulty, traffic.whole_chat(), connections=8, requests=200, timeout=0.2)
        stats = faulty.stats()
    injected = {name: count for name, count in stats.items() if name.startswith("fault_") and name != "fault_none"}
    assert 60 <= sum(injected.values()) <= 140
    assert all(injected.values())
    # A connection that is closed instead of an answer looks stale where it was kept alive: the request is sent again.
    again = stats["requests"] - 200
    assert 0 <= again <= injected["fault_close"]
    assert report.errors == sum(injected.values()) - injected["fault_stale"] - again


def test_some_calls_stall_and_the_others_are_late_as_an_api_is() -> None:
    late = steered("late", "p50_us=2000;p99_us=6000;stall_permille=50;stall_us=30000;")
    stalled = []
    for seed in (1, 1, 2):
        with mock_upstream(CORE, seed=seed) as mock:
            report = ask(mock, late, connections=32, requests=2_000)
            stalled.append(mock.stats()["stalled"])
    assert 60 <= stalled[0] <= 140
    assert stalled[0] == stalled[1] != stalled[2], "the dice are the seed's"
    found = report.latency_us
    assert found is not None
    assert found.p50 >= 1_800
    assert found.p90 >= 3_000, "1.28 sigmas up are 3.7 ms"
    assert found.p90 <= found.p95 <= found.p99
    assert found.p99 >= 30_000, "the stalled ones"


def test_embeddings_are_answered_as_such(mock: Mock) -> None:
    request = Request(name="embedding", path="/v1/embeddings", body=traffic.embedding())
    assert ask(mock, request, connections=2, requests=50).good == 50


def test_a_port_where_nobody_listens_is_an_error_not_a_crash() -> None:
    with mock_upstream(CORE) as gone:
        pass
    assert ask(gone, traffic.whole_chat(), connections=2, requests=10).kinds["whole"].ended == {"refused": 10}


def test_a_wrong_mix_is_told() -> None:
    with pytest.raises(native.BenchmarkError, match="load generator"):
        load(CORE, 1, "key", [])
