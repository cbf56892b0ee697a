"""Answers to other questions are checked: some are asked for again, live, and compared with what was given.

The caller has his answer by then and is told nothing. What the checks of a partition came to is counted by the
guard; where it was wrong, the entry is taken out at once, and where too much was, the partition switches itself off.
"""

import logging
import struct
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Raw

from homeport.cache import judge
from homeport.cache.agreement import agree
from homeport.cache.library import Library
from homeport.core.alerts import CacheSwitchedOff
from homeport.core.caching import Entry, Kind, Place, Purge, Standing
from homeport.core.errors import StorageError
from homeport.core.ports import Clock, Dialect
from homeport.core.purposes import CACHE_CHECK
from homeport.core.routing import Answer
from homeport.core.types import Key, Outcome, Surface
from homeport.pipeline.errands import Asker, Errands
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.judging import PairJudge
from homeport.pipeline.visit import Visit
from homeport.protocols.answers.readings import readings
from homeport.protocols.replay.replays import Admission
from homeport.telemetry.logs import FIELDS

logger = logging.getLogger(__name__)

PURPOSE = CACHE_CHECK
BARRED_S = 3_600
"""Seconds for which a wrong answer is not kept again."""

_KIND = "check"
_NOT_ASKED = frozenset({"stream", "stream_options"})

Page = Callable[[CacheSwitchedOff], None]


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that was given to another question, and all that is needed to ask again."""

    asker: Asker
    key: Key
    surface: Surface
    dialect: Dialect
    fields: Mapping[str, Raw]
    place: Place
    entry: Entry


class Checks:
    """Checks hits by one configuration.

    Args:
        page: told of each partition that switches itself off; returns at once.
        one: decides where rules cannot tell whether two answers say the same; without one they do not.
    """

    def __init__(
        self, library: Library, errands: Errands, page: Page, clock: Clock, one: PairJudge | None = None
    ) -> None:
        self._library = library
        self._errands = errands
        self._page = page
        self._clock = clock
        self._judge = one
        self._readings = readings()
        self._admission = Admission()

    def follow(self, exchange: Exchange, visit: Visit) -> None:
        """A request is settled: check the answer, if it was made for another question and its turn has come."""
        found, place = visit.found, visit.place
        if found is None or place is None or found.kind is Kind.EXACT or exchange.outcome is not Outcome.COMPLETED:
            return
        assert exchange.inference is not None
        assert exchange.key is not None
        if not self._library.guard.begin(place.partition):
            return
        fields = {name: raw for name, raw in exchange.inference.fields.items() if name not in _NOT_ASKED}
        given = _Given(
            asker=Asker.of(exchange),
            key=exchange.key,
            surface=exchange.surface,
            dialect=exchange.dialect,
            fields=fields,
            place=place,
            entry=found.entry,
        )
        if not self._errands.send(_KIND, lambda: self._check(given)):
            self._library.guard.saw(place.partition, None, 0)

    async def _check(self, given: _Given) -> None:
        right: bool | None = None
        try:
            right = await self._is_right(given)
        finally:
            over = self._library.guard.saw(given.place.partition, right, self._clock.wall_ns())
        self._errands.count(_KIND, "nothing" if right is None else "right" if right else "wrong")
        if over is not None:
            self._tell(given, over)
        if right is False:
            await self._take_out(given.entry.card.id)

    async def _is_right(self, given: _Given) -> bool | None:
        """None where the live answer says nothing: it failed, was cut short, or another model gave it."""
        live = await self._errands.ask(
            given.asker, given.surface, given.dialect, given.fields, purpose=PURPOSE, control="no-cache"
        )
        told = self._live(live, given.entry)
        kept = self._kept(given.entry)
        if told is None or kept is None:
            return None
        same = agree(told, kept, self._cosine)
        if same is None and self._judge is not None:
            asked = judge.request_of_answers(given.place.text, told.text, kept.text)
            same = await self._judge.says_yes(given.asker, asked)
        return bool(same)

    def _live(self, live: Exchange, entry: Entry) -> Answer | None:
        target, completion = live.target, live.completion
        if live.outcome is not Outcome.COMPLETED or target is None or completion is None or target.name != entry.target:
            return None
        surface = target.answers(live.surface)
        reading = self._readings.get(surface) if surface is not None else None
        if surface is None or reading is None or self._admission.defect(surface, completion.body, streamed=False):
            return None
        return reading.whole(completion.body)

    def _kept(self, entry: Entry) -> Answer | None:
        reading = self._readings.get(entry.surface)
        if reading is None or not entry.streamed:
            return None if reading is None else reading.whole(entry.body)
        growing = reading.growing()
        growing.feed(entry.body)
        return growing.answer(whole=True)

    def _cosine(self, one: str, other: str) -> float:
        first, second = _row(self._library.vector(one)), _row(self._library.vector(other))
        return sum(a * b for a, b in zip(first, second, strict=False))

    async def _take_out(self, entry_id: bytes) -> None:
        try:
            await self._library.purge(Purge(id=entry_id), bar_s=BARRED_S)
        except StorageError as error:
            logger.warning("a wrong answer is out of this process alone: %s", error.message)

    def _tell(self, given: _Given, standing: Standing) -> None:
        guard, partition = self._library.guard, standing.partition.hex()
        told = {"partition": partition, "key": given.key.id, "checked": standing.checked, "wrong": standing.wrong}
        logger.warning("semantic answers of a partition are switched off", extra={FIELDS: told})
        self._errands.count(_KIND, "switched_off")
        self._page(
            CacheSwitchedOff(
                at=standing.off,
                partition=partition,
                key_id=given.key.id,
                project=given.key.project,
                model=given.entry.target,
                checked=standing.checked,
                wrong=standing.wrong,
                bound=round(100 * guard.terms.bound(standing.checked, standing.wrong), 2),
                budget=round(100 * guard.terms.budget, 2),
            )
        )


def _row(vector: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(vector) // 2}e", vector)
