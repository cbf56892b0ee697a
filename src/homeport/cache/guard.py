"""How often a partition's answers to other questions were wrong, and when it is to stop giving them.

Some hits are asked again live and compared. What came out is counted for each partition; what may be wrong of all its
hits is bounded from above with 95 % confidence (Clopper and Pearson, Biometrika 26, 1934). A partition whose bound
exceeds the budget switches itself off, and stays so until somebody switches it on.

A young partition has few checks, and with few checks every bound is high: by itself it could never begin. So each
starts with `ceil(6 / budget)` checks that were right. It is what the verifier has earned: on pairs that are made to
mislead it, it serves few wrong (`homeport bench cache`), and on others fewer. At a budget of a few percent one wrong
answer to begin with is then within it, and two are not. The bound without that start is told beside it.
"""

import math
import random
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import msgspec

from homeport.core.caching import Standing
from homeport.stats.proportions import upper_bound

FIRST = 20
"""So many hits of a partition are all checked; after a wrong one, all until so many in a row were right."""

_PRIOR = 6
_MOST_KNOWN = 10_000
_MOST_OFF = 100_000


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration says.

    Attributes:
        budget: the share of a partition's answers that may be wrong.
        share: of its hits that are checked once it has proven itself; 0: none is ever checked.
    """

    budget: float = 0.02
    share: float = 0.02

    @property
    def prior(self) -> int:
        """Checks that every partition is taken to have passed."""
        return math.ceil(_PRIOR / self.budget)

    def bound(self, checked: int, wrong: int) -> float:
        """What may be wrong of a partition's answers, with 95 % confidence."""
        return upper_bound(wrong, checked + self.prior)

    def exceeded(self, checked: int, wrong: int) -> bool:
        return self.bound(checked, wrong) > self.budget


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one partition.

    Attributes:
        bound: what may be wrong of its answers, with 95 % confidence.
        bare: the same by its own checks alone.
    """

    standing: Standing
    bound: float
    bare: float


class _Known:
    """Of one partition; `streak` is how many checks in a row were right, `running` how many go on."""

    __slots__ = ("running", "standing", "streak")

    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        self.streak = 0
        self.running = 0

    @property
    def is_on_trial(self) -> bool:
        """It is new, or was wrong not long ago."""
        return self.standing.checked < FIRST or (self.standing.wrong > 0 and self.streak < FIRST)


class Guard:
    """Of one process. It belongs to one thread and waits for nothing; it is the same over every configuration.

    It remembers what it saw last: of partitions that answer ten thousand, of those that are off ten times as many.
    One that it forgot begins anew, with all its hits checked.

    Attributes:
        terms: another one holds from the next check on.
    """

    def __init__(self, terms: Terms | None = None, dice: random.Random | None = None) -> None:
        self.terms = terms or Terms()
        self._dice = dice or random.Random()  # noqa: S311  it draws a sample, and protects nothing
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._off: OrderedDict[bytes, Standing] = OrderedDict()
        self._changed: dict[bytes, Standing] = {}

    def answers(self, partition: bytes) -> bool:
        """Whether it may answer a question by the answer to another.

        Not while it has yet to prove itself and `FIRST` checks of it go on: it could be wrong in all that it answers
        until they are back.
        """
        if partition in self._off:
            return False
        known = self._known.get(partition)
        return known is None or known.running < FIRST or not known.is_on_trial

    def begin(self, partition: bytes) -> bool:
        """It has answered: whether that is to be checked. Where it is, `saw` must follow."""
        known = self._of(partition)
        wanted = self.terms.share > 0 and self._wants(known)
        known.running += int(wanted)
        return wanted

    def saw(self, partition: bytes, right: bool | None, now: int) -> Standing | None:
        """What a check came to; None where it said nothing.

        Returns:
            How the partition stands, where this has switched it off.
        """
        # One that was forgotten, or is off by now, is not to be known again because a check said nothing.
        running = self._known.get(partition)
        if running is not None:
            running.running = max(0, running.running - 1)
        if right is None:
            return None
        known = self._of(partition)
        before = self._off.get(partition, known.standing)
        after = msgspec.structs.replace(before, checked=before.checked + 1, wrong=before.wrong + int(not right))
        known.streak = known.streak + 1 if right else 0
        is_over = not before.off and self.terms.exceeded(after.checked, after.wrong)
        if is_over:
            after = msgspec.structs.replace(after, off=now)
        self._put(after)
        self._changed[partition] = after
        return after if is_over else None

    def resume(self, partition: bytes) -> None:
        """Let it answer again, as if it were new."""
        standing = fresh(partition)
        self._put(standing)
        self._changed[partition] = standing

    def take(self, standings: Iterable[Standing]) -> None:
        """What other processes know, or this one before it ended. What is wrong is never forgotten but by `resume`."""
        for other in standings:
            if _is_fresh(other):
                self._changed.pop(other.partition, None)
                self._put(other)
            else:
                self._put(_joined(self._standing(other.partition), other))

    def changed(self) -> Sequence[Standing]:
        """What the store does not know yet; call `stored` when it does."""
        return tuple(self._changed.values())

    def stored(self, standings: Iterable[Standing]) -> None:
        for standing in standings:
            if self._changed.get(standing.partition) == standing:
                del self._changed[standing.partition]

    def records(self) -> list[Record]:
        """Of every partition that was checked, those that are off first."""
        standings = [*self._off.values(), *(one.standing for one in self._known.values())]
        return [self._record(standing) for standing in standings if standing.checked or standing.off]

    def _record(self, standing: Standing) -> Record:
        checked, wrong = standing.checked, standing.wrong
        return Record(standing=standing, bound=self.terms.bound(checked, wrong), bare=upper_bound(wrong, checked))

    def _wants(self, known: _Known) -> bool:
        return known.is_on_trial or self._dice.random() < self.terms.share

    def _standing(self, partition: bytes) -> Standing:
        off = self._off.get(partition)
        known = self._known.get(partition)
        return off or (known.standing if known is not None else fresh(partition))

    def _of(self, partition: bytes) -> _Known:
        known = self._known.get(partition)
        if known is None:
            known = self._known[partition] = _Known(self._off.get(partition) or fresh(partition))
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        self._known.move_to_end(partition)
        return known

    def _put(self, standing: Standing) -> None:
        if standing.off:
            self._known.pop(standing.partition, None)
            self._off[standing.partition] = standing
            if len(self._off) > _MOST_OFF:
                self._off.popitem(last=False)
            return
        self._off.pop(standing.partition, None)
        known = self._of(standing.partition)
        known.standing = standing
        known.streak = known.streak if standing.checked else 0


def fresh(partition: bytes) -> Standing:
    """Of a partition about which nothing is known; stored, it switches one on in every process."""
    return Standing(partition=partition, checked=0, wrong=0)


def _is_fresh(standing: Standing) -> bool:
    return not (standing.checked or standing.wrong or standing.off)


def _joined(one: Standing, other: Standing) -> Standing:
    """The worse of both: two processes that count the same partition each know a part."""
    return Standing(
        partition=one.partition,
        checked=max(one.checked, other.checked),
        wrong=max(one.wrong, other.wrong),
        off=one.off or other.off,
    )
