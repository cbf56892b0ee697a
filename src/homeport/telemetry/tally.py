"""What is counted of each finished request.

It is plain arithmetic, because it happens for every request; it becomes Prometheus' families when
somebody asks. Labels take values from the configuration only (tiers, models, stable error codes),
so callers cannot grow the number of series; `bounds.py` has how many there are at most.
"""

from collections.abc import Iterable, Iterator

from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from homeport.core.events import RequestFinished
from homeport.telemetry.bounded import Bounded, Counts
from homeport.telemetry.bounds import (
    MOST_ATTEMPTS,
    MOST_CODES,
    MOST_KINDS,
    MOST_MODELS,
    MOST_REQUESTS,
    MOST_UPSTREAMS,
)
from homeport.telemetry.times import Times, histogram

_BY_MODEL = ("tier", "model")


class _Answers:
    """The answers of one model."""

    __slots__ = ("cost", "duration", "first_byte", "first_token", "tokens")

    def __init__(self) -> None:
        self.tokens = {"input": 0, "cached_input": 0, "cache_write": 0, "output": 0}
        self.cost = 0
        self.duration = Times()
        self.first_byte = Times()
        self.first_token = Times()


class RequestTally(Collector):
    """Counts of requests, attempts, tokens, money and time."""

    def __init__(self) -> None:
        self._requests = Counts(MOST_REQUESTS)
        self._errors = Counts(MOST_CODES)
        self._attempts = Counts(MOST_ATTEMPTS)
        self._answers = Bounded(MOST_MODELS, _Answers)
        self._own_first_tokens = Bounded(MOST_UPSTREAMS, Times)
        self._cache = Counts(MOST_KINDS)
        self._saved = 0

    def add(self, event: RequestFinished) -> None:
        self._requests.add(event.surface, event.tier, event.target, event.outcome)
        if event.error:
            self._errors.add(event.error)
        for attempt in event.attempts:
            self._attempts.add(attempt.target, attempt.error)
        if event.cache:
            self._cache.add(event.cache)
            self._saved += event.saved_cost
        if event.target:
            self._add_answer(event)

    def _add_answer(self, event: RequestFinished) -> None:
        answers = self._answers[event.tier, event.target]
        answers.tokens["input"] += event.input_tokens
        answers.tokens["cached_input"] += event.cached_input_tokens
        answers.tokens["cache_write"] += event.cache_write_tokens
        answers.tokens["output"] += event.output_tokens
        answers.cost += event.cost
        ended = event.started_at + event.latency_ns
        answers.duration.add(event.latency_ns, event.trace, ended)
        if event.ttft_ns:
            answers.first_byte.add(event.ttft_ns, event.trace, ended)
            if event.stream and event.cache in ("", "miss"):
                self._add_first_token(event, answers, ended)

    def _add_first_token(self, event: RequestFinished, answers: _Answers, ended: int) -> None:
        answers.first_token.add(event.ttft_ns, event.trace, ended)
        if event.local:
            self._own_first_tokens[(event.upstream,)].add(event.ttft_ns, event.trace, ended)

    def collect(self) -> Iterator[Metric]:
        by_outcome = ("surface", *_BY_MODEL, "outcome")
        yield counter("homeport_requests", "Requests that ended", by_outcome, self._requests.items())
        yield counter("homeport_errors", "Requests that ended in an error", ("code",), self._errors.items())
        yield counter("homeport_upstream_attempts", "Calls of upstreams", ("model", "error"), self._attempts.items())
        tokens = [
            ((*by_model, kind), count)
            for by_model, answers in self._answers.items()
            for kind, count in answers.tokens.items()
        ]
        yield counter("homeport_tokens", "Tokens", (*_BY_MODEL, "type"), tokens)
        costs = [(by_model, answers.cost) for by_model, answers in self._answers.items()]
        yield counter("homeport_cost_nanodollars", "Cost in 1e-9 USD", _BY_MODEL, costs)
        yield counter("homeport_cache_requests", "Requests that asked the cache", ("kind",), self._cache.items())
        saved = CounterMetricFamily(
            "homeport_cache_saved_nanodollars", "What cached answers would have cost, in 1e-9 USD"
        )
        saved.add_metric((), self._saved)
        yield saved
        yield from self._times()

    def _times(self) -> Iterator[Metric]:
        answers = self._answers.items()
        durations = [(by_model, one.duration) for by_model, one in answers]
        yield histogram("homeport_request_duration_seconds", "Request to last byte", _BY_MODEL, durations)
        firsts = [(by_model, one.first_byte) for by_model, one in answers]
        yield histogram("homeport_time_to_first_byte_seconds", "Request to first byte", _BY_MODEL, firsts)
        tokens = [(by_model, one.first_token) for by_model, one in answers]
        yield histogram("homeport_time_to_first_token_seconds", "Request to a stream's first", _BY_MODEL, tokens)
        yield histogram(
            "homeport_engine_time_to_first_token_seconds",
            "The same of own engines' streams",
            ("pool",),
            self._own_first_tokens.items(),
        )


def counter(name: str, what: str, labels: tuple[str, ...], counts: Iterable[tuple[tuple[str, ...], int]]) -> Metric:
    """The family of several counts, by the values of their labels."""
    family = CounterMetricFamily(name, what, labels=labels)
    for values, count in counts:
        family.add_metric(values, count)
    return family
