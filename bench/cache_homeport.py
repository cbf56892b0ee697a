"""Homeport's semantic tier as a contender, and cosine alone."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bench.cache_figures import NEVER
from bench.cache_pairs import Pair
from bench.cache_rivals import Contender, Work, crowd_outcomes, pair_outcomes
from homeport.bootstrap.path import SystemClock
from homeport.cache.semantic import SemanticTier
from homeport.cache.verifier.verify import Verifier
from homeport.core.caching import Card, Mode

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

    from homeport.embeddings.base import Embedder

PLAIN_COSINE = 0.95
_BATCH = 256
_PARTITION = b"p" * 16


class Doubt(msgspec.Struct, frozen=True):
    """A pair that the verifier leaves to a judge, at its place among all pairs."""

    place: int
    pair: Pair


class Decided(msgspec.Struct, frozen=True):
    """What Homeport does with one embedder: by mode, and what is left open in balanced mode."""

    contenders: dict[str, Contender]
    doubts: list[Doubt]


class Remembered:
    """An embedder that was asked for every text beforehand."""

    def __init__(self, embedder: "Embedder", texts: Sequence[str]) -> None:
        self.name, self.dimensions = embedder.name, embedder.dimensions
        batches = (embedder.embed(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH))
        self._rows = dict(zip(texts, (row for batch in batches for row in batch), strict=True))

    def embed(self, texts: Sequence[str]) -> "NDArray[float32]":
        return np.array([self._rows[text] for text in texts])


class Tier:
    """A process's semantic tier of one partition, as the gateway has it."""

    def __init__(self, embedder: Remembered, verifier: Verifier) -> None:
        self._tier = SemanticTier(embedder, verifier, clock=SystemClock())

    def keep(self, places: Iterable[int], texts: Sequence[str]) -> None:
        for place in places:
            text = texts[place]
            self._tier.add(
                Card(
                    id=_id(place), partition=_PARTITION, tenant="t", expires_at=1 << 62, size=0, cost=0,
                    text=text, vector=self._tier.vector(text),
                )
            )  # fmt: skip

    def drop(self, places: Iterable[int]) -> None:
        for place in places:
            self._tier.remove(_id(place))

    def ask(self, text: str, mode: Mode) -> tuple[bool, float, bool]:
        """Whether an answer is served, how near it is, and whether only a judge can tell."""
        match = self._tier.lookup(_PARTITION, text, mode, 0)
        if match is None:
            return False, NEVER, False
        ruling = match.ruling
        return ruling.same, match.similarity if ruling.same else NEVER, ruling.doubtful


def run_homeport(embedder: "Embedder", label: str, work: Work) -> Decided:
    """Every mode; names are such as `Homeport balanced, static`."""
    remembered, verifier = Remembered(embedder, work.texts), Verifier()
    contenders, doubts = {}, []
    for mode in (Mode.STRICT, Mode.BALANCED):
        alone = _alone(Tier(remembered, verifier), work.pairs, mode)
        pairs = pair_outcomes(work.pairs, [(served, score) for served, score, _ in alone])
        crowd = crowd_outcomes(_among(Tier(remembered, verifier), work, mode))
        about = {"embedder": embedder.name, "mode": mode.value}
        contenders[f"Homeport {mode}, {label}"] = Contender(about, pairs, crowd)
        doubts = [Doubt(place, work.pairs[place]) for place, (_, _, doubtful) in enumerate(alone) if doubtful]
    return Decided(contenders, doubts)


def _alone(tier: Tier, pairs: Sequence[Pair], mode: Mode) -> list[tuple[bool, float, bool]]:
    found = []
    for pair in pairs:
        tier.keep([0], [pair.kept])
        found.append(tier.ask(pair.asked, mode))
        tier.drop([0])
    return found


def _among(tier: Tier, work: Work, mode: Mode) -> list[tuple[bool, float]]:
    tier.keep(range(len(work.crowd.kept)), work.crowd.kept)
    found = []
    for asked in work.crowd.asked:
        tier.drop(asked.without)
        served, score, _ = tier.ask(asked.text, mode)
        found.append((served, score))
        tier.keep(asked.without, work.crowd.kept)
    return found


def run_plain(vectors: "NDArray[float32]", name: str, work: Work) -> Contender:
    """What is served where the cosine alone decides."""
    rows = dict(zip(work.texts, vectors, strict=True))
    pairs = [_cosine(pair, rows) for pair in work.pairs]
    kept, crowd = np.array([rows[text] for text in work.crowd.kept]), []
    for asked in work.crowd.asked:
        cosines = kept @ rows[asked.text]
        cosines[list(asked.without)] = NEVER
        crowd.append(float(cosines.max()))
    about = {"embedder": name, "cosine": PLAIN_COSINE}
    return Contender(about, pair_outcomes(work.pairs, _above(pairs)), crowd_outcomes(_above(crowd)))


def _above(cosines: Sequence[float]) -> list[tuple[bool, float]]:
    return [(cosine >= PLAIN_COSINE, cosine) for cosine in cosines]


def _id(place: int) -> bytes:
    return place.to_bytes(16, "big")


def _cosine(pair: Pair, rows: "dict[str, NDArray[float32]]") -> float:
    return min(1.0, float(rows[pair.asked] @ rows[pair.kept]))
