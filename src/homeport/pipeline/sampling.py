"""Asking a model again what it has answered: further answers show how sure it is, where its tokens do not.

Only an own engine is asked, and only the one that has answered: nothing goes where the request has not been.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from homeport.core.errors import UpstreamError
from homeport.core.ports import AnswerReading
from homeport.core.types import Completion, Surface, Target
from homeport.pipeline.attempts import SAMPLED
from homeport.pipeline.dispatch import Dispatcher
from homeport.pipeline.exchange import Exchange
from homeport.routing.agreement import agree

_NOT_ASKED = frozenset({"logprobs", "top_logprobs", "seed", "n", "best_of", "top_p", "top_k"})
"""Nobody reads it of a further answer, or it would make each the same as the first."""


class SamplingPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is asked again.

    Attributes:
        samples: answers in all, the first among them.
        temperature: of the further ones.
    """

    samples: int = 3
    temperature: float = 0.7


class Again:
    """What a target is asked for a further answer."""

    def __init__(self, temperature: float) -> None:
        self._temperature = Raw(msgspec.json.encode(temperature))

    def __call__(self, target: Target, surface: Surface, fields: Mapping[str, Raw]) -> Mapping[str, Raw]:
        kept = {name: value for name, value in fields.items() if name not in _NOT_ASKED}
        return {**kept, "temperature": self._temperature}


async def is_agreed(
    exchange: Exchange,
    target: Target,
    first: Completion,
    *,
    reading: AnswerReading,
    dispatcher: Dispatcher,
    policy: SamplingPolicy,
) -> bool | None:
    """Whether most answers of a target agree with its first one.

    It is asked one time after the other, no longer than it takes to know, and not again where it fails. Each call is an
    attempt with its cost, and load of its deployment, as any other.

    Returns:
        None where no further answer came.
    """
    votes = Votes(policy.samples)
    said, asking, noted = reading.whole(first.body), exchange.asking, len(exchange.attempts)
    exchange.asking = Again(policy.temperature)
    try:
        while not votes.decided:
            other = await dispatcher.beside(exchange, target, SAMPLED)
            votes.count(agree(said, reading.whole(other.body)))
    except UpstreamError:
        votes.close()
    finally:
        exchange.asking = asking
        _mark(exchange, noted)
    return votes.carried


class Votes:
    """Of answers, on the first one, which votes for itself.

    Args:
        voters: how many there may be.
    """

    def __init__(self, voters: int) -> None:
        self._voters = voters
        self._cast = self._yes = 1

    def count(self, yes: bool) -> None:
        self._cast += 1
        self._yes += yes

    def close(self) -> None:
        """No more will come."""
        self._voters = self._cast

    @property
    def decided(self) -> bool:
        """Whether those that are not cast cannot change it."""
        missing = self._voters - self._cast
        return 2 * self._yes > self._voters or 2 * (self._yes + missing) <= self._voters

    @property
    def carried(self) -> bool | None:
        """Whether more than half say yes; None where nobody else voted."""
        return None if self._cast == 1 else 2 * self._yes > self._voters


def _mark(exchange: Exchange, since: int) -> None:
    """A further answer that failed is no failure of the request."""
    for place, attempt in enumerate(exchange.attempts[since:], since):
        if not attempt.error.startswith(SAMPLED):
            told = msgspec.structs.replace(attempt, error=f"{SAMPLED}_{attempt.error}")
            exchange.attempts[place] = told
