"""What is known of the calls of one request while they are made."""

from homeport.core.errors import EngineBusy
from homeport.core.types import Target
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.gate import Place
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
        hold: what it may cost, where a budget applies.
        place: at an own engine, until it is sent; then `load` has it.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.started = 0
        self.lasted = 0
        self.answered = False
        self.failed = False
        self.hold: Hold | None = None
        self.place: Place | None = None
        self.load: Load | None = None


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
