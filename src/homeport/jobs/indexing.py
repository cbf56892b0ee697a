"""The words of what was kept whole, indexed a moment after it was kept and forgotten with it."""

import logging
from collections.abc import Iterator, Sequence

from homeport.core.captured import Captured
from homeport.core.errors import StorageError
from homeport.core.types import DataClass
from homeport.storage.bodies import BodyStore
from homeport.storage.words import Text, WordIndex
from homeport.traces.said import text_of

logger = logging.getLogger(__name__)

EVERY_S = 1.0
_AT_ONCE = 100
_MOST = 2_000


class Indexer:
    """Of one state folder."""

    def __init__(self, bodies: BodyStore, index: WordIndex) -> None:
        self._bodies = bodies
        self._index = index
        self._begun = False

    def work(self, _: int = 0) -> int:
        """Index what is new, a bounded part of it; how much. Raises SQLAlchemyError, StorageError."""
        if not self._begun:
            self._begin()
        done = 0
        while done < _MOST and (ids := self._bodies.new(_AT_ONCE)):
            self._index.add([_text(kept) for kept in self._read(ids)])
            self._bodies.seen(ids)
            done += len(ids)
        return done

    def sweep(self) -> int:
        """Forget the words of what is not kept any more; how many requests. The oldest went first, so it ends early."""
        after = swept = 0
        while hits := self._index.oldest(after, _AT_ONCE):
            gone = [hit.request_id for hit in hits if not self._bodies.has(hit.request_id, hit.place)]
            if not gone:
                break
            self._index.remove(gone)
            swept += len(gone)
            after = hits[-1].place
        return swept

    def tidy(self, now: int) -> int:
        """Remove bodies that are too old or too much, and their words. Raises as the two do."""
        removed = self._bodies.tidy(now)
        return removed + self.sweep()

    def _begin(self) -> None:
        """An index that is new has to read all there is."""
        if not self._index.oldest(0, 1):
            self._bodies.renew()
        self._begun = True

    def _read(self, ids: Sequence[str]) -> Iterator[Captured]:
        for request_id in ids:
            try:
                kept = self._bodies.get(request_id)
            except StorageError as error:
                logger.error("the words of request %s are not indexed: %s", request_id, error.message)
                continue
            if kept is not None:
                yield kept


def _text(kept: Captured) -> Text:
    private = kept.data_class is not DataClass.OPEN
    return Text(request_id=kept.request_id, at=kept.at, text=text_of(kept), private=private)
