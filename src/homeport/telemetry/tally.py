"""What is counted of each finished request.

It is plain arithmetic, because it happens for every request; it becomes Prometheus' families when
somebody asks. Labels take values from the configuration only (tiers, models, stable error codes),
so callers cannot grow the number of series.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from homeport.core.events import RequestFinished

_BOUNDS_NS = tuple(10_000_000 * 2**n for n in range(14))
_BOUNDS = tuple(str(bound / 1e9) for bound in _BOUNDS_NS)
_BY_MODEL = ("tier", "model")


class _Times:
    """A histogram of durations."""

    __slots__ = ("counts", "total_ns")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BOUNDS_NS) + 1)
        self.total_ns = 0

    def add(self, nanoseconds: int) -> None:
        self.counts[bisect_left(_BOUNDS_NS, nanoseconds)] += 1
        self.total_ns += nanoseconds

    def buckets(self) -> list[tuple[str, float]]:
        """Prometheus' cumulative counts."""
        seen, found = 0, []
        for bound, count in zip((*_BOUNDS, "+Inf"), self.counts, strict=True):
            seen += count
            found.append((bound, float(seen)))
        return found


class _Answers:
    """The answers of one model."""

    __slots__ = ("cost", "duration", "tokens", "ttft")

    def __init__(self) -> None:
        self.tokens = {"input": 0, "cached_input": 0, "cache_write": 0, "output": 0}
        self.cost = 0
        self.duration = _Times()
        self.ttft = _Times()


class RequestTally(Collector):
    """Counts of requests, attempts, tokens, money and time."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, str, str]] = Counter()
        self._errors: Counter[tuple[str]] = Counter()
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._answers: dict[tuple[str, str], _Answers] = {}
        self._cache: Counter[tuple[str]] = Counter()
        self._saved = 0

    def add(self, event: RequestFinished) -> None:
        self._requests[event.surface, event.tier, event.target, event.outcome] += 1
        if event.error:
            self._errors[(event.error,)] += 1
        for attempt in event.attempts:
            self._attempts[attempt.target, attempt.error] += 1
        if event.cache:
            self._cache[(event.cache,)] += 1
            self._saved += event.saved_cost
        if event.target:
            self._add_answer(event)

    def _add_answer(self, event: RequestFinished) -> None:
        by_model = (event.tier, event.target)
        answers = self._answers.get(by_model)
        if answers is None:
            answers = self._answers[by_model] = _Answers()
        answers.tokens["input"] += event.input_tokens
        answers.tokens["cached_input"] += event.cached_input_tokens
        answers.tokens["cache_write"] += event.cache_write_tokens
        answers.tokens["output"] += event.output_tokens
        answers.cost += event.cost
        answers.duration.add(event.latency_ns)
        if event.ttft_ns:
            answers.ttft.add(event.ttft_ns)

    def collect(self) -> Iterator[Metric]:
        by_outcome = ("surface", *_BY_MODEL, "outcome")
        yield _counter("homeport_requests", "Requests that ended", by_outcome, self._requests.items())
        yield _counter("homeport_errors", "Requests that ended in an error", ("code",), self._errors.items())
        yield _counter("homeport_upstream_attempts", "Calls of upstreams", ("model", "error"), self._attempts.items())
        tokens = [
            ((*by_model, kind), count)
            for by_model, answers in self._answers.items()
            for kind, count in answers.tokens.items()
        ]
        yield _counter("homeport_tokens", "Tokens", (*_BY_MODEL, "type"), tokens)
        costs = [(by_model, answers.cost) for by_model, answers in self._answers.items()]
        yield _counter("homeport_cost_nanodollars", "Cost in 1e-9 USD", _BY_MODEL, costs)
        yield _counter("homeport_cache_requests", "Requests that asked the cache", ("kind",), self._cache.items())
        saved = CounterMetricFamily(
            "homeport_cache_saved_nanodollars", "What cached answers would have cost, in 1e-9 USD"
        )
        saved.add_metric((), self._saved)
        yield saved
        durations = [(by_model, answers.duration) for by_model, answers in self._answers.items()]
        yield _histogram("homeport_request_duration_seconds", "Request to last byte", durations)
        firsts = [(by_model, answers.ttft) for by_model, answers in self._answers.items()]
        yield _histogram("homeport_time_to_first_byte_seconds", "Request to first byte", firsts)


def _counter(name: str, what: str, labels: tuple[str, ...], counts: Iterable[tuple[tuple[str, ...], int]]) -> Metric:
    family = CounterMetricFamily(name, what, labels=labels)
    for values, count in counts:
        family.add_metric(values, count)
    return family


def _histogram(name: str, what: str, times: Iterable[tuple[tuple[str, ...], _Times]]) -> Metric:
    family = HistogramMetricFamily(name, what, labels=_BY_MODEL)
    for values, one in times:
        family.add_metric(values, one.buckets(), one.total_ns / 1e9)
    return family
