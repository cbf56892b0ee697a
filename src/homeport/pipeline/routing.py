"""From a request to a decision: the mask, what is known at this moment, the policy."""

from collections.abc import Callable, Sequence

from homeport.core.money import Nano
from homeport.core.ports import Policy, Pricing
from homeport.core.routing import Decision, Facts, Prompt, Question
from homeport.core.types import DataClass, Inference, Key, MachinePrice, Target
from homeport.ledger.usage import estimate
from homeport.pipeline.deployments import Deployments
from homeport.routing.eligibility import Catalogue, eligible
from homeport.routing.prompt import draw, read_prompt

_QUANTILE = 0.95
_ANSWER_TOKENS = 256
_TOKENS_PER_S = 50


class ServedFacts:
    """`Facts` of a process that answers requests."""

    def __init__(self, *, pricing: Pricing, deployments: Deployments) -> None:
        self._pricing = pricing
        self._deployments = deployments

    def prompt(self, inference: Inference) -> Prompt:
        return read_prompt(inference)

    def draw(self, inference: Inference) -> float:
        return draw(inference)

    def cost(self, inference: Inference, target: Target) -> Nano | None:
        """For an answer of ordinary length; an own engine costs the time that it takes."""
        if target.price is None:
            return None
        seconds = _ANSWER_TOKENS / _TOKENS_PER_S if isinstance(target.price, MachinePrice) else 0.0
        usage = estimate(inference.input_chars, _ANSWER_TOKENS)
        return self._pricing.cost(target, usage, round(seconds * 1e9))

    def first_token_s(self, target: Target) -> float | None:
        return self._deployments.of(target).quantile_s(_QUANTILE)

    def load(self, target: Target) -> int:
        return self._deployments.of(target).outstanding


class RouteStage:
    """Decides where requests go.

    Args:
        facts: of the moment; all else is the configuration's.
    """

    def __init__(self, catalogue: Catalogue, policy: Policy, facts: Facts) -> None:
        self._catalogue = catalogue
        self._policy = policy
        self._facts = facts

    def decide(
        self,
        inference: Inference,
        key: Key,
        data_class: DataClass,
        sayable: Callable[[Sequence[Target]], Sequence[Target]] = tuple,
    ) -> Decision:
        """Where a request goes.

        Args:
            sayable: those of some targets that all of the request can be said to.

        Raises:
            HomeportError: as `eligible` and `sayable`.
        """
        mask = eligible(self._catalogue, inference, key, data_class)
        decision = self._policy.decide(Question(inference, self._facts), tuple(sayable(mask.targets)))
        return decision.pinned(inference.model) if mask.pinned else decision
