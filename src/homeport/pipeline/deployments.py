"""What this process knows of each model at each upstream: its load, its failures, its speed.

It outlives a change of the configuration.
"""

from collections.abc import Iterable

from homeport.cache.prefix import PrefixTable
from homeport.core.errors import UpstreamError, UpstreamRefused
from homeport.core.types import Target
from homeport.pipeline.breaker import Breaker, BreakerPolicy
from homeport.pipeline.retry import counts_as_failure
from homeport.pipeline.window import Window

CIRCUIT_OPEN = "circuit_open"
COOLING_DOWN = "cooling_down"
NOT_READY = "not_ready"
_SAMPLES = 512
_ENOUGH = 20


class Deployment:
    """One model at one upstream. Times are monotonic nanoseconds.

    Attributes:
        outstanding: tokens of the requests that it works on.
        breaker: opens when it keeps failing.
    """

    def __init__(self, policy: BreakerPolicy) -> None:
        self.outstanding = 0
        self.breaker = Breaker(policy)
        self._resume_at = 0
        self._first_tokens = Window(_SAMPLES)

    def closed(self, now: int) -> str:
        """Why it must not be called now; "" where it may."""
        if now < self._resume_at:
            return COOLING_DOWN
        return "" if self.breaker.allows(now) else CIRCUIT_OPEN

    def wait_s(self, now: int) -> float:
        """Seconds until it may be called again."""
        return max(self.breaker.wait_s(now), (self._resume_at - now) / 1e9, 0.0)

    def begin(self, tokens: int, now: int) -> None:
        self.outstanding += tokens
        self.breaker.begin(now)

    def end(self, tokens: int) -> None:
        self.outstanding -= tokens

    def began(self, elapsed: int, now: int) -> None:
        """It began to answer (a stream), or answered (the whole), after so many nanoseconds."""
        self._first_tokens.add(elapsed)
        if self.breaker.is_open:
            self.breaker.succeeded(now)  # Others need not wait for the end of a long stream.

    def outlasted(self, elapsed: int) -> None:
        """A call ended after so many nanoseconds and had not begun to answer: the first token takes at least that.

        Only for one that lasted longer than most: it stands among the late ones, however late it would have been.
        Without it the latest calls would be missing, and the quantile would sink with each race that they lose.
        """
        self._first_tokens.add(elapsed)

    def failed(self, error: UpstreamError, now: int, began: int) -> None:
        if isinstance(error, UpstreamRefused) and error.retry_after:
            self._resume_at = now + error.retry_after * 1_000_000_000
        if counts_as_failure(error):
            self.breaker.failed(now, began)
        else:
            self.breaker.abandoned(began)

    def quantile_s(self, quantile: float) -> float | None:
        """Seconds to the first token that this share of the last calls stayed within; None while too few are known."""
        return self._first_tokens.quantile(quantile) / 1e9 if len(self._first_tokens) >= _ENOUGH else None


class Deployments:
    """All of them, made when they are first asked for.

    Attributes:
        prefixes: what replicas of own engines were sent.
    """

    def __init__(self, policy: BreakerPolicy) -> None:
        self.prefixes = PrefixTable()
        self._policy = policy
        self._by_place: dict[tuple[str, str], Deployment] = {}

    def adopt(self, policy: BreakerPolicy) -> None:
        """Judge failures by a new policy; what is known stays."""
        self._policy = policy
        for deployment in self._by_place.values():
            deployment.breaker.policy = policy

    def forget(self, targets: Iterable[Target]) -> None:
        """What is none of these and works on nothing is gone: nothing needs to be known of it any more."""
        places = {_place(target) for target in targets}
        for place in [place for place, one in self._by_place.items() if place not in places and not one.outstanding]:
            del self._by_place[place]
            self.prefixes.forget("/".join(place))

    def of(self, target: Target) -> Deployment:
        place = _place(target)
        if place not in self._by_place:
            self._by_place[place] = Deployment(self._policy)
        return self._by_place[place]


def _place(target: Target) -> tuple[str, str]:
    return target.upstream, target.model
