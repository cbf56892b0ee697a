"""Which outputs are looked at more closely: nested samples, each with the probability that it had to be in them.

Every output has a draw, a keyed hash of its id, spread evenly over [0, 1). It is in a sample where its draw is below
its probability for that sample. One draw serves all samples, and nobody's probability for the smaller one is the
larger: so what people review was judged, and what is judged was measured. Nobody without the key can choose an id that
is drawn, or one that is not.

Outputs that automatic metrics find low are drawn more often, all others never less than the floor allows. A mean over a
sample weighs each output by one over its probability (Horvitz and Thompson, "A generalization of sampling without
replacement from a finite universe", JASA 1952); draws that several samples share are permanent random numbers (Brewer,
Early and Joyce, "Selecting several samples from a single population", 1972).
"""

from hashlib import blake2b
from typing import Annotated

import msgspec
from msgspec import Meta

_PERSON = b"homeport-sample"
_BITS = 53
_KEY_BYTES = 64

Share = Annotated[float, Meta(ge=0, le=1)]


class Shares(msgspec.Struct, frozen=True, kw_only=True):
    """How much of all outputs each sample is to have.

    Attributes:
        judge: the share that a judge model looks at.
        human: the share that people review, at most `judge`.
        floor: the part of each share that is drawn from all outputs alike. 1: nothing is drawn more often.
        most: an output is drawn at most so many times as often as its share says.
        low: an output whose score is below this is drawn more often.
    """

    judge: Share = 0.15
    human: Share = 0.07
    floor: Annotated[float, Meta(gt=0, le=1)] = 0.6
    most: Annotated[float, Meta(ge=1, le=100)] = 4.0
    low: Share = 0.5

    def __post_init__(self) -> None:
        if self.human > self.judge:
            raise ValueError("the share of people is a part of the judge's, so it cannot be larger")


class Probabilities(msgspec.Struct, frozen=True, kw_only=True):
    """Of being in each sample; `human` is never above `judge`."""

    judge: float
    human: float


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided of one output.

    Attributes:
        draw: in [0, 1); the same for outputs that are drawn together.
        low: it is one of those that are drawn more often.
    """

    draw: float
    low: bool
    probabilities: Probabilities
    for_judge: bool
    for_human: bool


NEVER = Probabilities(judge=0.0, human=0.0)
"""Of an output that nobody can look at, for what was said was not kept."""


def sampling_key(secret: bytes) -> bytes:
    """The key of the draws, from a secret of the state folder; another one draws other outputs."""
    return blake2b(secret[:_KEY_BYTES], digest_size=32, person=_PERSON).digest()


def draw(key: bytes, identity: str) -> float:
    """A number in [0, 1) that follows from an id, and from nothing that its chooser knows."""
    digest = blake2b(identity.encode("utf-8", "surrogatepass"), key=key, digest_size=8, person=_PERSON).digest()
    return (int.from_bytes(digest) >> (64 - _BITS)) / (1 << _BITS)


def probabilities(shares: Shares, *, low: bool, low_share: float | None) -> Probabilities:
    """With what probability an output is drawn.

    Over all outputs, the expected share of a sample is what `shares` says, as long as `low_share` of them are low.

    Args:
        low: it is one of those that are drawn more often.
        low_share: how many of the outputs before were low; None while too few are known: then all are drawn alike.
    """
    judge, human = (_probability(shares, share, low=low, low_share=low_share) for share in (shares.judge, shares.human))
    return Probabilities(judge=judge, human=min(human, judge))  # whatever was rounded


def decide(key: bytes, identity: str, score: float | None, shares: Shares, low_share: float | None) -> Drawn:
    """Draw one output. Pure: the same arguments give the same decision, whenever and wherever it is made.

    Args:
        identity: the id of the request, or of the trace where its requests are to be drawn together.
        score: the worst that automatic metrics say of it, 1 for nothing bad; None where what was said is not known,
            and so nobody can look at it.
        low_share: as in `probabilities`.
    """
    drawn = draw(key, identity)
    low = score is not None and score < shares.low
    chances = NEVER if score is None else probabilities(shares, low=low, low_share=low_share)
    return Drawn(
        draw=drawn,
        low=low,
        probabilities=chances,
        for_judge=drawn < chances.judge,
        for_human=drawn < chances.human,
    )


def _probability(shares: Shares, share: float, *, low: bool, low_share: float | None) -> float:
    """The floor is drawn from all, and the rest of the share from low outputs, as far as these may be drawn."""
    if low_share is None or not 0 < low_share < 1:
        return share
    of_low = min(1.0, share * min(shares.most, shares.floor + (1 - shares.floor) / low_share))
    if low:
        return of_low
    # Where nearly all are low, rounding is more than what is left of the share: the bounds are what it comes to.
    return min(share, max(shares.floor * share, (share - low_share * of_low) / (1 - low_share)))
