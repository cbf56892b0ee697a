"""Rate limits of keys, exact over every gateway process of one machine.

Requests and tokens are counted with the generic cell rate algorithm (ATM Forum, Traffic Management
4.0, section 4.4.2): one number a limit, the time at which all that was let in will have been
earned. It is a bucket that holds one minute's worth and fills evenly. So in any span of time a key
gets at most what the span earns, and one bucket.

Times are CLOCK_MONOTONIC, which all processes of a machine share: setting the clock changes nothing.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from homeport.core.errors import RateLimited, StorageError
from homeport.core.types import Allowance, Key, RateLimits
from homeport.storage.shared import NUMBERS, PLACES, SharedTable, tag_of

MINUTE_NS: Final = 60_000_000_000
FARTHEST_NS: Final = 60 * MINUTE_NS
"""The longest that a key can be kept waiting by the tokens of an answer that was longer than expected."""

# The numbers of a row: when the requests, and when the tokens, that were let in will have been earned; the
# nanoseconds of tokens that were given back, ever; and how many requests are in progress.
_REQUESTS, _TOKENS, _RETURNED, _IN_PROGRESS = range(4)
_LOOK_FOR_DEAD_NS = 1_000_000_000


class SharedLimiter:
    """`Limiter` over a table that all gateway processes have mapped.

    Args:
        folder: of the table.
        monotonic_ns: of the machine, not of this process.
    """

    def __init__(self, folder: Path, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._table = SharedTable(folder)
        self._monotonic_ns = monotonic_ns
        self._counters: dict[str, _Counter] = {}
        self._late: list[tuple[CountedRequest, int]] = []
        self._looked_at = -_LOOK_FOR_DEAD_NS

    def enter(self, key: Key) -> "CountedRequest":
        assert key.limits is not None, "only keys with limits are counted"
        with self._table:
            self._leave_late()
            counter = self._counter(key)
            request = CountedRequest(self._table, counter, self._monotonic_ns, self._late)
            try:
                request.enter()
            except RateLimited as error:
                if error.allowances[0].kind != "concurrent" or not self._forget_dead(counter):
                    raise
                request.enter()
        return request

    def close(self) -> None:
        self._table.close()

    def _leave_late(self) -> None:
        while self._late:
            request, used = self._late.pop()
            request.leave_locked(used)

    def _counter(self, key: Key) -> "_Counter":
        counter = self._counters.get(key.id)
        ours = counter is not None and self._table.belongs(counter.row, counter.tag)
        if counter is None or not ours or counter.key is not key:
            assert key.limits is not None
            row = counter.row if counter is not None and ours else self._table.find(key.id)
            counter = self._counters[key.id] = _Counter(key, key.limits, row)
        return counter

    def _forget_dead(self, counter: "_Counter") -> bool:
        """Take the requests of processes that died out of the count; True if there were any.

        Once a second at most: it opens files, and refusals may come as fast as somebody can ask.
        """
        now = self._monotonic_ns()
        if now - self._looked_at < _LOOK_FOR_DEAD_NS:
            return False
        self._looked_at = now
        cells, places = self._table.cells, counter.row + NUMBERS
        for place in range(PLACES):
            if cells[places + place] and not self._table.living(place):
                cells[places + place] = 0
        before = cells[counter.row + _IN_PROGRESS]
        cells[counter.row + _IN_PROGRESS] = sum(cells[places : places + PLACES])
        return cells[counter.row + _IN_PROGRESS] < before


class _Counter:
    """A key's limits as the algorithm needs them, and its row."""

    __slots__ = ("concurrent", "key", "request_ns", "requests", "row", "tag", "token_ns", "tokens")

    def __init__(self, key: Key, limits: RateLimits, row: int) -> None:
        self.key = key
        self.row = row
        self.tag = tag_of(key.id)
        self.requests = limits.requests_per_minute
        self.tokens = limits.tokens_per_minute
        self.concurrent = limits.concurrent_requests
        # Rounded up, so that never more than the limit is earned in a minute.
        self.request_ns = -(-MINUTE_NS // self.requests) if self.requests else 0
        self.token_ns = -(-MINUTE_NS // self.tokens) if self.tokens else 0


class CountedRequest:
    """`Ticket` of a `SharedLimiter`."""

    __slots__ = (
        "_charged",
        "_counter",
        "_end",
        "_late",
        "_now",
        "_requests_at",
        "_returned",
        "_table",
        "_tokens_at",
        "_when",
    )

    def __init__(
        self,
        table: SharedTable,
        counter: _Counter,
        monotonic_ns: Callable[[], int],
        late: "list[tuple[CountedRequest, int]]",
    ) -> None:
        self._late = late
        self._table = table
        self._counter = counter
        self._now = monotonic_ns
        self._when = 0
        self._requests_at = 0
        self._tokens_at = 0
        self._charged = 0
        self._end = 0
        self._returned = 0

    def enter(self) -> None:
        """Check every limit, then count; only while the table is locked. Raises RateLimited."""
        cells, counter, row = self._table.cells, self._counter, self._counter.row
        now = self._when = self._now()
        self._requests_at = _earned(cells[row + _REQUESTS], now)
        self._tokens_at = _earned(cells[row + _TOKENS], now)
        if counter.concurrent and cells[row + _IN_PROGRESS] >= counter.concurrent:
            raise self._too_many_at_once(counter.concurrent)
        if counter.requests:
            after = self._requests_at + counter.request_ns
            if after - now > counter.requests * counter.request_ns:
                raise self._refusal("requests", after - now - counter.requests * counter.request_ns)
        if counter.tokens and self._tokens_at + counter.token_ns - now > counter.tokens * counter.token_ns:
            raise self._refusal("tokens", self._tokens_at - now - (counter.tokens - 1) * counter.token_ns)
        if counter.requests:
            self._requests_at = cells[row + _REQUESTS] = after
        cells[row + _IN_PROGRESS] += 1
        cells[row + NUMBERS + self._table.place] += 1

    def charge(self, least: int, expected: int) -> None:
        counter = self._counter
        if not counter.tokens:
            return
        if least > counter.tokens:
            raise RateLimited(
                f"this request has about {least} tokens, and its key may use {counter.tokens} a minute",
                allowances=(self._allowance("tokens", counter.tokens, counter.token_ns, self._tokens_at),),
                hint="send less, or ask for a higher limit: homeport keys update ID --tpm",
            )
        amount = min(expected, counter.tokens) * counter.token_ns
        with self._table:
            cells, cell = self._table.cells, counter.row + _TOKENS
            now = self._when = self._now()
            self._tokens_at = _earned(cells[cell], now)
            excess = self._tokens_at + amount - now - counter.tokens * counter.token_ns
            if excess > 0:
                raise self._refusal("tokens", excess)
            self._charged = amount
            self._tokens_at = self._end = cells[cell] = self._tokens_at + amount
            self._returned = cells[counter.row + _RETURNED]

    def leave(self, used: int) -> None:
        try:
            with self._table:
                self.leave_locked(used)
        except StorageError:
            # The answer is there and has to be recorded: what it frees is freed by the next request.
            self._late.append((self, used))

    def leave_locked(self, used: int) -> None:
        counter, cells = self._counter, self._table.cells
        place = counter.row + NUMBERS + self._table.place
        if cells[place] and self._table.belongs(counter.row, counter.tag):
            cells[place] -= 1
            cells[counter.row + _IN_PROGRESS] -= 1
            if counter.tokens:
                self._correct(used * counter.token_ns, self._now())

    @property
    def allowances(self) -> tuple[Allowance, ...]:
        counter, found = self._counter, []
        if counter.requests:
            found.append(self._allowance("requests", counter.requests, counter.request_ns, self._requests_at))
        if counter.tokens:
            found.append(self._allowance("tokens", counter.tokens, counter.token_ns, self._tokens_at))
        return tuple(found)

    def _correct(self, used: int, now: int) -> None:
        """Count what was used instead of what was charged, both in nanoseconds.

        Tokens are earned in the order in which they were charged. Of those that were charged and
        not used, the ones that are earned by now are gone; only the others are given back. What was
        given back since then, to anybody, has moved our end nearer by that much at most.
        """
        cells, row = self._table.cells, self._counter.row
        if used > self._charged:
            at = _earned(cells[row + _TOKENS], now) + used - self._charged
            cells[row + _TOKENS] = min(at, now + FARTHEST_NS)
            return
        end = self._end - (cells[row + _RETURNED] - self._returned)
        back = min(self._charged - used, end - now)
        if back > 0:
            cells[row + _TOKENS] -= back
            cells[row + _RETURNED] += back

    def _allowance(self, kind: str, limit: int, each_ns: int, earned_at: int) -> Allowance:
        reset = max(0, earned_at - self._when)
        return Allowance(kind, limit, max(0, (limit * each_ns - reset) // each_ns), reset)

    def _refusal(self, kind: str, wait: int) -> RateLimited:
        ordered = sorted(self.allowances, key=lambda allowance: allowance.kind != kind)
        allowance = ordered[0]
        used = allowance.limit - allowance.remaining
        return RateLimited(
            f"this key may use {allowance.limit} {kind} a minute, and has used {used}; "
            f"the next try can succeed in {wait / 1e9:.3g} s",
            allowances=tuple(ordered),
            retry_after_ns=wait,
            hint="wait for Retry-After, or ask for a higher limit: homeport keys update ID --rpm, --tpm",
        )

    def _too_many_at_once(self, limit: int) -> RateLimited:
        return RateLimited(
            f"this key may have {limit} requests in progress at once, and has them",
            allowances=(Allowance("concurrent", limit, 0, 0), *self.allowances),
            retry_after_ns=1_000_000_000,
            hint="wait for one to end, or ask for a higher limit: homeport keys update ID --concurrent",
        )


def _earned(at: int, now: int) -> int:
    """When everything counted will have been earned: not before now, and nothing that cannot be."""
    return now if at < now or at > now + FARTHEST_NS else at
