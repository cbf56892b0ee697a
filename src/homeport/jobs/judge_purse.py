"""What judging may still cost today: what the ledger says was spent, and what it does not say yet.

A call is begun where its bound fits beside those that are begun with it. The bound is what its longest answer costs
at the price of tokens, and never less than the dearest call that is known: so the cap holds exactly for models that
bill tokens and answer no longer than they are told to. For own engines, whose price is time, it may be passed by one
call that takes longer than any before.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Engine

from homeport.core.money import Nano
from homeport.core.types import MachinePrice, Target, TokenPrice, Usage
from homeport.ledger.pricing import RateCard
from homeport.storage.judgements import dearest_of, spent_on_judging

_DAY_NS = 86_400 * 1_000_000_000
_AROUND_TOKENS = 64
"""What a chat template puts around two messages."""


class Purse:
    """Of one jobs worker.

    Args:
        most: nano-dollars a day (UTC); None for any.
    """

    def __init__(self, engine: Engine, most: Nano | None) -> None:
        self._engine = engine
        self.most = most
        self.spent = 0
        self._unseen: dict[str, int] = {}
        self._epoch = ""
        self._dearest = 0

    def look(self, now: int, epoch: str) -> None:
        """See what was spent on this day; `now` in nanoseconds since the epoch. Raises SQLAlchemyError."""
        told, seen = spent_on_judging(self._engine, now // _DAY_NS * _DAY_NS, tuple(self._unseen))
        for request_id in seen:
            self._unseen.pop(request_id, None)
        self.spent = told + sum(self._unseen.values())
        if epoch != self._epoch:
            self._epoch, self._dearest = epoch, dearest_of(self._engine, epoch)

    def paid(self, request_id: str, cost: int) -> None:
        """A call has ended, and is in the ledger soon."""
        if cost:
            self._unseen[request_id] = cost
        self.spent += cost
        self._dearest = max(self._dearest, cost)

    def room(self, targets: Sequence[Target], sizes: Iterable[int], longest: int) -> int:
        """How many calls may begin now, the first ones of those that wait.

        Args:
            targets: who may answer.
            sizes: an upper bound of the tokens of each prompt.
            longest: of an answer, in tokens.
        """
        if self.most is None:
            return sum(1 for _ in sizes)
        left, room = self.most - self.spent, 0
        for size in sizes:
            left -= max(self._dearest, _ceiling(targets, size, longest))
            if left < 0 or (self.most and self.spent >= self.most) or (room and self._unknown(targets)):
                break
            room += 1
        return room

    def _unknown(self, targets: Sequence[Target]) -> bool:
        """Whether nobody knows what a call costs: then one is made alone."""
        return not self._dearest and any(isinstance(target.price, MachinePrice) for target in targets)


def unpriced(targets: Iterable[Target]) -> list[str]:
    """Models elsewhere that may cost something, and nobody knows what."""
    return sorted({one.name for one in targets if one.price is None and not one.local and not one.simulated})


def _ceiling(targets: Iterable[Target], size: int, longest: int) -> int:
    usage = Usage(input_tokens=size + _AROUND_TOKENS, output_tokens=longest)
    by_token = (target for target in targets if isinstance(target.price, TokenPrice))
    return max((RateCard().cost(target, usage, 0) for target in by_token), default=0)
