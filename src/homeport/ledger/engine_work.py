"""How much of a pool's hour each of its requests used: measured work, and a bill that is shared exactly.

Work is the time that an engine is predicted to need, `a*uncached input + b*cached input + c*output`, with a, b and
c fitted to the engine's own timings by least squares that allow no negative cost (Lawson and Hanson, Solving Least
Squares Problems, 1974, chapter 23; three unknowns are few enough to try every set of them).
"""

from collections.abc import Iterable, Sequence
from itertools import combinations

import msgspec

from homeport.stats.apportion import apportion_parts

PICO_PER_NANO = 1_000
_FEWEST = 30
"""Answers below which nothing is fitted."""
_USUAL = (10, 1, 40)
"""Uncached input, cached input and output where nothing is fitted: the ratios that APIs charge, 1 to 0.1 to 4."""


class Work(msgspec.Struct, frozen=True):
    """What one request asked of an engine.

    Attributes:
        took_ns: the engine's own time, or the time to the last byte where it told none.
        is_timed: the engine told it.
    """

    request_id: str
    uncached: int
    cached: int
    output: int
    took_ns: int
    is_timed: bool

    @property
    def tokens(self) -> tuple[int, int, int]:
        return self.uncached, self.cached, self.output


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """Picoseconds of one engine slot for a token of each kind. `fitted`: from timings, not from usual ratios."""

    uncached: int
    cached: int
    output: int
    fitted: bool

    def of(self, work: Work) -> int:
        """The predicted time of a request, in picoseconds."""
        return self.uncached * work.uncached + self.cached * work.cached + self.output * work.output


class Fit:
    """Sums over requests from which the weights follow, so that none has to be kept."""

    def __init__(self) -> None:
        self._count = 0
        self._products = [[0.0] * 3 for _ in range(3)]
        self._with_time = [0.0] * 3
        self._usual_work = 0
        self._took_ns = 0

    def add(self, work: Work) -> None:
        """Count a request that was answered."""
        self._usual_work += sum(weight * tokens for weight, tokens in zip(_USUAL, work.tokens, strict=True))
        self._took_ns += work.took_ns
        if not work.is_timed:
            return
        self._count += 1
        for row, left in enumerate(work.tokens):
            self._with_time[row] += float(left) * work.took_ns
            for column, right in enumerate(work.tokens):
                self._products[row][column] += float(left) * right

    def weights(self) -> Weights:
        """Fitted where there are enough timings; else usual ratios, scaled to the times there are."""
        if self._count >= _FEWEST:
            uncached, cached, output = (round(each * PICO_PER_NANO) for each in self._least_squares())
            if uncached + output > 0:
                return Weights(uncached=uncached, cached=cached, output=output, fitted=True)
        took, work = self._took_ns * PICO_PER_NANO, max(1, self._usual_work)
        uncached, cached, output = (max(1, weight * took // work) for weight in _USUAL)
        return Weights(uncached=uncached, cached=cached, output=output, fitted=False)

    def _least_squares(self) -> tuple[float, float, float]:
        best, least = (0.0, 0.0, 0.0), 0.0
        for size in (1, 2, 3):
            for kinds in combinations(range(3), size):
                found = _solved([[self._products[i][j] for j in kinds] + [self._with_time[i]] for i in kinds])
                if found is None or min(found) < 0:
                    continue
                by_kind = dict(zip(kinds, found, strict=True))
                tried = (by_kind.get(0, 0.0), by_kind.get(1, 0.0), by_kind.get(2, 0.0))
                # Without the sum of squared times, which is the same for all, this is the squared error.
                error = -sum(x * y for x, y in zip(tried, self._with_time, strict=True))
                if error < least:
                    best, least = tried, error
        return best


def _solved(rows: list[list[float]]) -> list[float] | None:
    """The solution of a few linear equations by elimination; None where there is not exactly one."""
    size = len(rows)
    for step in range(size):
        pivot = max(range(step, size), key=lambda row: abs(rows[row][step]))
        if abs(rows[pivot][step]) <= 1e-9 * max(1.0, abs(rows[step][step])):
            return None
        rows[step], rows[pivot] = rows[pivot], rows[step]
        for other in range(size):
            if other != step:
                factor = rows[other][step] / rows[step][step]
                rows[other] = [x - factor * y for x, y in zip(rows[other], rows[step], strict=True)]
    return [rows[step][size] / rows[step][step] for step in range(size)]


def allocate(bill: int, works: Sequence[int], capacity: int) -> tuple[list[int], int]:
    """Share a bill between requests by their work; what no work stands for is idle.

    Whole nano-dollars by largest remainders, so that shares and idle add up to the bill exactly.

    Args:
        bill: nano-dollars.
        works: of each request, in the unit of `capacity`.
        capacity: the work that the bill pays for; more than that is shared as if it were all there is.

    Returns:
        The share of each request, and the idle rest.
    """
    total = sum(works)
    if not total:
        return [0] * len(works), bill
    used = bill * total // max(total, capacity)
    return apportion_parts([used * work for work in works], total), bill - used


def fitted(works: Iterable[Work]) -> Weights:
    """The weights of some requests."""
    fit = Fit()
    for work in works:
        fit.add(work)
    return fit.weights()
