"""What answers were like: how long they get, and whether prompts were longer than was thought.

Bounded in memory, kept by one process for itself, and nothing but numbers.
"""

from bisect import bisect_left
from collections import OrderedDict

_MODELS = 1_024
_BUCKETS = 100
_PER_OCTAVE = 4
_KEPT = 512
_ENOUGH = 8
_ONE = 1_000
_TEMPLATE = 8
_MOST = 64 * _ONE

_ENDS = tuple(int(2 ** (bucket / _PER_OCTAVE)) for bucket in range(_BUCKETS))

Route = tuple[str, str, str]
"""Project, model and surface."""

Asked = tuple[str, str, bool]
"""Upstream, its model, and whether a stream is asked for: some take less of those who ask for none."""


class OutputHistory:
    """The lengths of answers of each route, as a histogram whose buckets grow by a quarter of an octave.

    Old answers fade: all counts are halved whenever there are more than some hundred.
    """

    def __init__(self) -> None:
        self._counts: OrderedDict[Route, list[int]] = OrderedDict()
        self._seen: dict[Route, int] = {}
        self._q90: dict[Route, int] = {}

    def note(self, route: Route, tokens: int) -> None:
        """An answer had so many tokens."""
        counts = self._counts.get(route)
        if counts is None:
            counts = self._counts[route] = [0] * _BUCKETS
            if len(self._counts) > _MODELS:
                old, _ = self._counts.popitem(last=False)
                self._q90.pop(old, None)
                self._seen.pop(old, None)
        else:
            self._counts.move_to_end(route)
        counts[_bucket(tokens)] += 1
        seen = self._seen[route] = self._seen.get(route, 0) + 1
        if seen > _KEPT:
            counts[:] = [count // 2 for count in counts]
            self._seen[route] = sum(counts)
        if seen % _ENOUGH == 0:
            self._q90[route] = _q90(counts)

    def q90(self, route: Route) -> int | None:
        """Tokens that nine of ten answers do not exceed; None while too few are known."""
        return self._q90.get(route)


class PromptHistory:
    """How long the prompts of a model are beside our upper bound, and beside our estimate."""

    def __init__(self) -> None:
        self._factors: dict[str, int] = {}
        self._usual: dict[str, int] = {}

    def note(self, model: str, *, bound: int, estimate: int, tokens: int) -> None:
        """A prompt that was held for as `bound` tokens and estimated as `estimate` had so many."""
        if tokens > bound and (model in self._factors or len(self._factors) < _MODELS):
            factor = min(_MOST, -(-tokens * _ONE // max(bound, 1)))
            self._factors[model] = max(factor, self._factors.get(model, _ONE))
        if model in self._usual or len(self._usual) < _MODELS:
            factor = min(_MOST, max(tokens - _TEMPLATE, 0) * _ONE // max(estimate, 1))
            self._usual[model] = max(factor, self._usual.get(model, _ONE) * 99 // 100, _ONE)

    def bound(self, model: str, tokens: int) -> int:
        """The upper bound with what was learned of the model."""
        factor = self._factors.get(model)
        return tokens if factor is None else -(-tokens * factor // _ONE)

    def presumed(self, model: str, estimate: int) -> int:
        """A prompt's tokens where nobody says them: rather more than there are."""
        return -(-estimate * self._usual.get(model, _ONE) // _ONE) + _TEMPLATE


class OutputLimits:
    """How long an answer the models take, as their upstreams said when they refused a longer one."""

    def __init__(self) -> None:
        self._tokens: dict[Asked, int] = {}

    def note(self, asked: Asked, tokens: int) -> bool:
        """The upstream takes at most so many; whether that is news."""
        known = self._tokens.get(asked)
        if (known is None and len(self._tokens) >= _MODELS) or (known is not None and known <= tokens):
            return False
        self._tokens[asked] = tokens
        return True

    def of(self, asked: Asked) -> int | None:
        """None while nothing was refused."""
        return self._tokens.get(asked)


def _bucket(tokens: int) -> int:
    return min(bisect_left(_ENDS, tokens), _BUCKETS - 1)


def _q90(counts: list[int]) -> int:
    left = -(-sum(counts) * 9 // 10)
    for bucket, count in enumerate(counts):
        left -= count
        if left <= 0:
            return _ENDS[bucket]
    return _ENDS[-1]
