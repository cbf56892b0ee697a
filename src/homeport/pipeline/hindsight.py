"""What a finished request leaves behind for those who learn from it: what else it would have cost, and how it
was decided.

Content is never kept. What is derived from it, fingerprints and the features of the router, is kept only of
requests whose data class is open, and only where a router scored them and `routing.learn` is on.
"""

from collections.abc import Callable, Sequence

import msgspec

from homeport.core.ports import Pricing
from homeport.core.privacy import Action
from homeport.core.routing import Prompt
from homeport.core.types import CONVERSATIONS, DataClass, Key, Outcome, Surface, Target, Usage
from homeport.pipeline.exchange import Exchange
from homeport.privacy.fingerprints import fingerprints
from homeport.routing.eligibility import permitted
from homeport.routing.prompt import read_prompt
from homeport.routing.reasks import asks_again

_COMPARED = CONVERSATIONS | {Surface.COMPLETION}
_BATCH = "batch"


def no_features(_: Prompt) -> bytes:
    """Of a process that keeps none."""
    return b""


class Hindsight(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of `RequestFinished` with the same names."""

    baseline_cost: int = 0
    decided: str = ""
    propensity: float = 1.0
    router_version: int = 0
    score: float | None = None
    explored: bool = False
    escalation: str = ""
    prompt_id: str = ""
    follows: str = ""
    reask: bool = False
    features: bytes = b""


class LookBack:
    """Works out the hindsight of requests.

    Args:
        targets: of the configuration, in its order.
        learn: whether anything that is derived from content may be kept.
        features: of a prompt, as a router is fitted on them.
    """

    def __init__(
        self,
        targets: Sequence[Target] = (),
        pricing: Pricing | None = None,
        *,
        learn: bool = False,
        features: Callable[[Prompt], bytes] = no_features,
    ) -> None:
        self._pricing = pricing
        self._ladder = _from_the_top(targets)
        self._learn = learn
        self._features = features

    def of(self, exchange: Exchange, usage: Usage) -> Hindsight:
        """What is known of a request that has ended.

        Args:
            usage: what it is billed for.
        """
        decision = exchange.decision
        if decision is None or exchange.key is None:
            return Hindsight()
        why = decision.explanation
        known = Hindsight(
            baseline_cost=self._baseline(exchange, exchange.key, usage),
            escalation=_code(exchange.escalation),
            propensity=decision.propensity,
            decided=decision.candidates[0].tier if why is not None or decision.propensity != 1.0 else "",
        )
        if why is None:
            return known
        scored = msgspec.structs.replace(known, router_version=why.version, score=why.score, explored=why.explored)
        if not self._learn or not _may_be_learned_from(exchange):
            return scored
        return self._with_traces(scored, exchange, exchange.key)

    def _baseline(self, exchange: Exchange, key: Key, usage: Usage) -> int:
        """What the usage of an answer would have cost at the strongest remote tier that might have given it."""
        private = exchange.data_class is not DataClass.OPEN
        if exchange.outcome is not Outcome.COMPLETED or exchange.target is None or self._pricing is None or private:
            return 0
        if exchange.is_hit:
            return 0  # What the cache saved is told by itself.
        if exchange.surface not in _COMPARED:
            return 0  # Vectors and scores of another model are not the same thing dearer.
        if exchange.batch and not usage.service_tier:
            usage = msgspec.structs.replace(usage, service_tier=_BATCH)  # It would have waited there too, for less.
        for target in self._ladder:
            if permitted(key, target) and target.answers(exchange.surface) is not None:
                return self._pricing.cost(target, usage, 0)
        return 0

    def _with_traces(self, known: Hindsight, exchange: Exchange, key: Key) -> Hindsight:
        assert exchange.inference is not None
        prompt = read_prompt(exchange.inference)
        # Two users of one key who say the same are not one who says it again.
        scope = f"{key.id}/{exchange.end_user}"
        chain = [fingerprint.hex() for fingerprint in fingerprints(exchange.inference, scope)]
        return msgspec.structs.replace(
            known,
            prompt_id=chain[-1] if chain and not exchange.batch else "",
            follows=chain[-3] if len(chain) > 2 and not exchange.batch else "",
            reask=asks_again(prompt),
            features=self._features(prompt),
        )


def _from_the_top(targets: Sequence[Target]) -> tuple[Target, ...]:
    """Remote targets with a price, those of the last tier first; within a tier the preferred one first."""
    tiers = list(dict.fromkeys(target.tier for target in targets))
    priced = [target for target in targets if not target.local and target.price is not None]
    return tuple(target for tier in reversed(tiers) for target in priced if target.tier == tier)


def _may_be_learned_from(exchange: Exchange) -> bool:
    """Open, and nothing in it is to be hidden from anybody."""
    if exchange.assessment is None or exchange.redaction is not None:
        return False
    return exchange.data_class is DataClass.OPEN and exchange.assessment.action is Action.ALLOW


def _code(escalation: str) -> str:
    """Why the last answer that was looked at was not good enough: the word after its target's name."""
    told = escalation.rpartition(",")[2].split(":")
    return told[-2] if "<" in told[-1] and len(told) > 1 else told[-1]
