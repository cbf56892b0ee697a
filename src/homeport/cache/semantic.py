"""Answers of questions that ask for the same in other words.

A text is compared only with texts of its own partition, which says that everything else of both requests is the same.
The nearest ones are found by their vectors; a verifier decides, for near is not the same.
"""

import logging
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Protocol

import msgspec

from homeport.cache.index.base import VALUE_BYTES
from homeport.cache.index.growing import SCANNED, GrowingIndex, prepare
from homeport.cache.verifier.verify import SAME_COSINE, Ruling
from homeport.core.caching import Card, Mode
from homeport.core.ports import Clock
from homeport.embeddings.base import Embedder

logger = logging.getLogger(__name__)

FLOOR = SAME_COSINE
"""Texts with a smaller cosine are not looked at: no verifier accepts them."""
NEIGHBOURS = 4
_SHORTEST, _LONGEST = 0.98, 1.02
"""Squares of the lengths that rounding to float16 leaves of 1."""
_REMEMBERED = 256
_REMEMBERED_CHARS = 4_000
_MINUTE = 60_000_000_000


class Rules(Protocol):
    """What decides whether two texts ask for the same; `Verifier` does."""

    def rule(self, asked: str, kept: str, cosine: float, mode: Mode) -> Ruling: ...


IDENTICAL = Ruling(same=True, reason="identical")


class Match(msgspec.Struct, frozen=True):
    """An entry whose text is near. It answers only where the ruling says that it is the same.

    Attributes:
        id: of the entry.
        similarity: the cosine of both texts.
    """

    id: bytes
    similarity: float
    ruling: Ruling


class _Partition:
    """Texts that may answer each other."""

    __slots__ = ("index", "texts")

    def __init__(self, index: GrowingIndex) -> None:
        self.index = index
        self.texts: dict[str, bytes] = {}


class SemanticTier:
    """What a process knows of the texts of entries. It belongs to one thread and waits for nothing.

    Args:
        neighbours: so many of the nearest texts are shown to the verifier.
        scanned: the vectors of a partition with more are put into a graph, by `work`.
    """

    def __init__(
        self,
        embedder: Embedder,
        verifier: Rules,
        *,
        clock: Clock,
        neighbours: int = NEIGHBOURS,
        scanned: int = SCANNED,
    ) -> None:
        self._embedder = embedder
        self._verifier = verifier
        self._clock = clock
        self._neighbours = neighbours
        self._scanned = scanned
        self._cards: dict[bytes, Card] = {}
        self._partitions: dict[bytes, _Partition] = {}
        self._behind: set[bytes] = set()
        self._remembered = lru_cache(_REMEMBERED)(self._embed)
        self._quiet_until = 0
        prepare(embedder.dimensions)

    @property
    def partitions(self) -> int:
        return len(self._partitions)

    @property
    def behind(self) -> int:
        """How many vectors wait for `work`. They are found all the same, only slower."""
        return sum(self._partitions[partition].index.behind for partition in self._behind)

    def work(self, most: int = 16) -> int:
        """Move up to `most` vectors into a graph, about 0.1 ms each; 0 where nothing waits.

        Call it again and again while nobody waits for the thread; `add` says nothing of it.
        """
        while self._behind:
            partition = next(iter(self._behind))
            if moved := self._partitions[partition].index.work(most):
                return moved
            self._behind.remove(partition)
        return 0

    def add(self, card: Card) -> None:
        """Know a text. One without a usable vector is left out: nothing is near to it."""
        self.keep(without_vector(card), card.vector)

    def keep(self, card: Card, vector: bytes) -> None:
        """The same, of a card whose vector comes beside it, so that it is held in memory once."""
        self.remove(card.id)
        if not card.text or not self._usable(vector):
            return
        partition = self._partitions.get(card.partition)
        if partition is None:
            partition = _Partition(GrowingIndex(self._embedder.dimensions, scanned=self._scanned))
            self._partitions[card.partition] = partition
        partition.index.add(card.id, vector)
        partition.texts[card.text] = card.id
        self._cards[card.id] = card
        if partition.index.behind:
            self._behind.add(card.partition)

    def remove(self, entry_id: bytes) -> None:
        """Forget a text, if it is known."""
        card = self._cards.pop(entry_id, None)
        if card is None:
            return
        partition = self._partitions[card.partition]
        partition.index.remove(entry_id)
        if partition.texts.get(card.text) == entry_id:
            del partition.texts[card.text]
        if not len(partition.index):
            del self._partitions[card.partition]
            self._behind.discard(card.partition)

    def lookup(self, partition: bytes, text: str, mode: Mode, now_ns: int) -> Match | None:
        """The nearest text that is the same to the verifier, else the nearest that only a judge can tell from it.

        A model or a rule that fails finds nothing, and the log says so, once a minute.
        """
        known = self._partitions.get(partition)
        if known is None or mode is Mode.OFF or not text.strip():
            return None
        same = known.texts.get(text)
        if same is not None and self._lives(same, now_ns):
            return Match(same, 1.0, IDENTICAL)
        try:
            return self._nearest(known, text, mode, now_ns)
        except Exception as error:  # noqa: BLE001 - whatever a model or a rule raises, the request goes on
            self._complain("look a question up", error)
            return None

    def near(self, partition: bytes, text: str, mode: Mode, now_ns: int) -> Sequence[Match]:
        """The nearest texts and what the verifier says of each, the nearest first; those it looks at in `lookup`.

        A model or a rule that fails finds nothing.
        """
        known = self._partitions.get(partition)
        if known is None or mode is Mode.OFF or not text.strip():
            return ()
        try:
            return [*self._ruled(known, text, mode, now_ns)]
        except Exception as error:  # noqa: BLE001 - whatever a model or a rule raises, the answer is that there is none
            self._complain("look a question up", error)
            return ()

    def vector(self, text: str) -> bytes:
        """Of a text, as in `Card.vector`; b"" for one that says nothing, and where the model fails."""
        try:
            return self._embed(text) if len(text) > _REMEMBERED_CHARS else self._remembered(text)
        except Exception as error:  # noqa: BLE001 - whatever a model raises, the entry is found by its id
            self._complain("embed a question", error)
            return b""

    def __len__(self) -> int:
        return len(self._cards)

    def _nearest(self, known: _Partition, text: str, mode: Mode, now_ns: int) -> Match | None:
        doubtful: Match | None = None
        for match in self._ruled(known, text, mode, now_ns):
            if match.ruling.same:
                return match
            if match.ruling.doubtful and doubtful is None:
                doubtful = match
        return doubtful

    def _ruled(self, known: _Partition, text: str, mode: Mode, now_ns: int) -> Iterator[Match]:
        """The nearest texts with their rulings, the nearest first."""
        vector = self.vector(text)
        for entry_id, cosine in known.index.search(vector, self._neighbours) if vector else ():
            if not cosine >= FLOOR:
                break
            if self._lives(entry_id, now_ns):
                ruling = self._verifier.rule(text, self._cards[entry_id].text, cosine, mode)
                yield Match(entry_id, min(1.0, cosine), ruling)

    def _embed(self, text: str) -> bytes:
        row = self._embedder.embed([text])[0]
        return row.astype("<f2").tobytes() if row.any() else b""

    def _usable(self, vector: bytes) -> bool:
        """Whether it is what `_embed` made: one of another model, or a broken one, would be near to anything."""
        if len(vector) != VALUE_BYTES * self._embedder.dimensions:
            return False
        import numpy as np

        row = np.frombuffer(vector, dtype="<f2").astype(np.float32)
        return bool(_SHORTEST < row @ row < _LONGEST)

    def _lives(self, entry_id: bytes, now_ns: int) -> bool:
        return self._cards[entry_id].expires_at > now_ns

    def _complain(self, what: str, error: Exception) -> None:
        now = self._clock.monotonic_ns()
        if now >= self._quiet_until:
            self._quiet_until = now + _MINUTE
            logger.warning("The semantic cache cannot %s, so it finds nothing: %r", what, error)


def without_vector(card: Card) -> Card:
    """The same card, smaller: an index holds the vector."""
    return msgspec.structs.replace(card, vector=b"") if card.vector else card
