"""What is known of the calls of one request while they are made."""

from homeport.core.errors import EngineBusy
from homeport.core.money import Nano
from homeport.core.types import Attempt, Target
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.gate import TURNED_AWAY, Place
from homeport.pipeline.load import Load
from homeport.pipeline.spending import Hold

ESCALATED = "escalated_"
"""How the code of an attempt begins that answered, and whose answer was not good enough."""

SAMPLED = "sampled"
"""How the code of a further answer begins, which shows how sure its model is: it never is the caller's."""


class Try:
    """One call of one upstream, while it is made.

    Attributes:
        started: monotonic nanoseconds; 0 before.
        lasted: nanoseconds until it ended unanswered; 0 where it did not.
        span_id, trace_id: of its span, where it is traced and was made.
        hedge: it races a call that is late.
        waited: nanoseconds until it had a place.
        hold: what it may cost, where a budget applies.
        place: at an own engine, until it is sent; then `load` has it.
    """

    def __init__(self, target: Target, *, hedge: bool = False) -> None:
        self.target = target
        self.hedge = hedge
        self.started = 0
        self.lasted = 0
        self.answered = False
        self.failed = False
        self.span_id = self.trace_id = ""
        self.waited = 0
        self.hold: Hold | None = None
        self.place: Place | None = None
        self.load: Load | None = None

    def noted(self, error: str, ended: int, cost: Nano) -> Attempt:
        """What is remembered of it; where it is not traced, no more than is billed and reported."""
        name = self.target.name
        if not self.span_id:
            return Attempt(target=name, error=error, started_ns=self.started, ended_ns=ended, cost=cost)
        return Attempt(
            target=name,
            error=error,
            started_ns=self.started,
            ended_ns=ended,
            cost=cost,
            span_id=self.span_id,
            upstream=self.target.upstream,
            hedge=self.hedge,
            waited_ns=self.waited,
            trace_id=self.trace_id,
        )


class Rounds:
    """What is known after some candidates failed.

    Attributes:
        asked: names of models that were called.
        waiting: targets whose engine may come back.
        again: some upstream may do better in a moment.
        busy: what the engine said that has a place the soonest, where one had none.
    """

    def __init__(self, exchange: Exchange, targets: list[Target]) -> None:
        self.exchange = exchange
        self.targets = targets
        self.asked: set[str] = set()
        self.waiting: list[Target] = []
        self.again = False
        self.busy: EngineBusy | None = None

    def turned_away(self, target: Target, error: EngineBusy) -> None:
        """An engine had no place, so it was not called."""
        self.asked.discard(target.name)
        if self.busy is None or error.retry_after < self.busy.retry_after:
            self.busy = error

    def repeats(self, target: Target) -> bool:
        """Whether calling it repeats a call of this request: asking another model does not."""
        return target.name in self.asked


def give_reason(exchange: Exchange) -> None:
    """Say why who is called now is called, where another was called before."""
    # What a cascade went on from is told apart from what failed.
    assert exchange.target is not None
    failed = [attempt for attempt in exchange.attempts if not attempt.error.startswith((ESCALATED, SAMPLED))]
    # That a replica is full, and another is not, is nothing to tell.
    failed = [one for one in failed if one.target != exchange.target.name or one.error not in TURNED_AWAY]
    if failed:
        first = failed[0]
        same = "restarted" if exchange.target.local else "again"
        how = same if first.target == exchange.target.name else "failover"
        exchange.reason = f"{how}:{first.target}:{first.error}"
