"""When a failed call is made again, and after how long. Pure but for the budget's own count."""

import msgspec

from homeport.core.errors import BadAnswer, ConnectFailed, StreamCut, UpstreamError, UpstreamRefused, UpstreamTimeout

_HAD_IT_NS = 1_000_000_000
"""A connection that ends later than this without an answer was not stale: its server had the request."""
_SOON = frozenset({408, 425, 429, 500, 502, 503, 504, 529})


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often to ask again.

    Attributes:
        rounds: how many times the candidates are gone through; 1 means that none is asked twice.
        base: seconds; round n waits a random part of base * 2**n.
        longest_wait: seconds; a Retry-After beyond it ends the request instead.
        budget: calls that may be repeated for each request that came, so that retries cannot multiply an
            overload. Asking another model is not a repetition.
        reserve: repetitions that may be saved up, and that there are at the start.
    """

    rounds: int = 3
    base: float = 0.1
    longest_wait: float = 10.0
    budget: float = 0.2
    reserve: float = 20.0


class RetryBudget:
    """A bucket that requests fill and repetitions empty. Source: Finagle's retry budgets."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._left = policy.reserve

    def deposit(self) -> None:
        self._left = min(self._policy.reserve, self._left + self._policy.budget)

    def withdraw(self) -> bool:
        """Take one repetition; False when there is none left."""
        if self._left < 1:
            return False
        self._left -= 1
        return True


def pause_s(policy: RetryPolicy, round_number: int, retry_after: float, dice: float) -> float:
    """Seconds to wait before the next round: full jitter, but not before `retry_after`.

    Args:
        dice: a uniform random number from 0 to 1.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return float(max(retry_after, policy.base * 2**round_number * dice))


def worth_repeating(error: UpstreamError) -> bool:
    """Whether the same upstream may do better in a moment. A timeout may not: it would wait as long again."""
    if isinstance(error, UpstreamRefused):
        return error.status in _SOON
    return isinstance(error, ConnectFailed | StreamCut)


def counts_as_failure(error: UpstreamError) -> bool:
    """Whether the error says that the upstream is broken, and not only busy or asked for nonsense."""
    return error.retryable and getattr(error, "status", 0) not in {408, 409, 425, 429}


def may_have_worked(error: UpstreamError, lasted_ns: int = 0) -> bool:
    """Whether the upstream may have worked on the request, and will bill it, before it failed after `lasted_ns`."""
    late = isinstance(error, UpstreamTimeout) and error.code != "upstream_connect_timeout"
    cut = isinstance(error, StreamCut) and (error.code != "upstream_disconnected" or lasted_ns >= _HAD_IT_NS)
    # A redirect is an answer of the way there, not of the model.
    return late or cut or (isinstance(error, BadAnswer) and error.status < 300)
