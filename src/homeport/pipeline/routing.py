"""From a request to a decision: the mask, what is known at this moment, the policy."""

from collections.abc import Callable, Sequence

import msgspec

from homeport.core.money import Nano
from homeport.core.ports import Clock, Health, Learner, Policy, Pricing
from homeport.core.routing import Decision, Facts, Prompt, Question, Removed
from homeport.core.types import DataClass, Inference, Key, MachinePrice, Surface, Target
from homeport.ledger.usage import estimate
from homeport.pipeline.deployments import NOT_READY, Deployments
from homeport.pipeline.sessions import Conversation, Sessions
from homeport.pipeline.versions import Hearing, Turn, Versions
from homeport.routing.eligibility import NOT_SAYABLE, Catalogue, eligible, set_aside
from homeport.routing.prompt import draw, read_prompt

NO_CAPACITY = "no_capacity"

_QUANTILE = 0.95
_ANSWER_TOKENS = 256
_TOKENS_PER_S = 50


class ServedFacts:
    """`Facts` of a process that answers requests."""

    def __init__(self, *, pricing: Pricing, deployments: Deployments, health: Health, clock: Clock) -> None:
        self._pricing = pricing
        self._deployments = deployments
        self._health = health
        self._clock = clock

    def prompt(self, inference: Inference) -> Prompt:
        return read_prompt(inference)

    def draw(self, inference: Inference) -> float:
        return draw(inference)

    def cost(self, inference: Inference, target: Target, *, warm: bool = False) -> Nano | None:
        """For an answer of ordinary length; an own engine costs the time that it takes."""
        if target.price is None:
            return None
        seconds = _ANSWER_TOKENS / _TOKENS_PER_S if isinstance(target.price, MachinePrice) else 0.0
        usage = estimate(inference.input_chars, _ANSWER_TOKENS)
        if warm:
            usage = msgspec.structs.replace(usage, cached_input_tokens=usage.input_tokens)
        return self._pricing.cost(target, usage, round(seconds * 1e9))

    def first_token_s(self, target: Target) -> float | None:
        return self._deployments.of(target).quantile_s(_QUANTILE)

    def load(self, target: Target) -> int:
        return self._deployments.of(target).outstanding

    def closed(self, target: Target) -> str:
        """Its engine is down, its circuit is open, it said when to come back, or it has as much to do as it may."""
        if not self._health.ready(target.upstream):
            return NOT_READY
        most = target.max_outstanding_tokens
        if most is not None and self.load(target) >= most:
            return NO_CAPACITY
        return self._deployments.of(target).closed(self._clock.monotonic_ns())


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A decision with all that it was made of.

    Attributes:
        offered: what the policy could choose from.
        removed: what it could not, and why.
        pinned: the caller named the one model.
        conversation: None where none is remembered.
        turn: what its answer means for the versions of own engines; None where it means nothing.
    """

    question: Question
    decision: Decision
    offered: tuple[Target, ...]
    removed: tuple[Removed, ...] = ()
    pinned: bool = False
    conversation: Conversation | None = None
    turn: Turn | None = None

    def listen(self, target: Target, surface: Surface) -> Hearing | None:
        """What is to hear the answer of a target; None where nobody needs to."""
        return None if self.turn is None else self.turn.listen(target, surface)

    def answered_by(self, target: Target, heard: Hearing | None = None) -> None:
        """The conversation goes on where this answer came from."""
        if self.conversation is not None:
            self.conversation.answered_by(target.tier)
        if self.turn is not None:
            self.turn.answered_by(target, heard)


class RouteStage:
    """Decides where requests go.

    Args:
        facts: of the moment; all else is the configuration's.
        sessions: None where conversations are not remembered.
        versions: None where no engine changes its version.

    Attributes:
        catalogue: what callers can name.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        policy: Policy,
        facts: Facts,
        sessions: Sessions | None = None,
        versions: Versions | None = None,
    ) -> None:
        self.catalogue = catalogue
        self._policy = policy
        self._facts = facts
        self._sessions = sessions
        self._versions = versions
        self._learner = policy if isinstance(policy, Learner) else None
        self._steers = not getattr(policy, "keeps_order", False)

    def decide(
        self,
        inference: Inference,
        key: Key,
        data_class: DataClass,
        sayable: Callable[[Sequence[Target]], Sequence[Target]] = tuple,
    ) -> Route:
        """Where a request goes that is about to be sent there; as `consider`, and the policy learns of it."""
        route = self.consider(inference, key, data_class, sayable)
        if self._learner is not None and not route.pinned:
            self._learner.decided(route.question, route.offered, route.decision)
        if route.turn is not None:
            route.turn.taken(route.decision)
        return route

    def consider(
        self,
        inference: Inference,
        key: Key,
        data_class: DataClass,
        sayable: Callable[[Sequence[Target]], Sequence[Target]] = tuple,
    ) -> Route:
        """Where a request goes, and why. Nothing is learned from the question.

        A policy that steers chooses among those that can be called now; the others stand behind its choice, for
        they may be back when it fails.

        Args:
            sayable: those of some targets that all of the request can be said to.

        Raises:
            HomeportError: as `eligible`, `sayable` and `Turn.choose`.
        """
        conversation = self._sessions.of(inference, key) if self._steers and self._sessions is not None else None
        question = Question(inference, self._facts, conversation.tier if conversation is not None else "")
        mask = eligible(self.catalogue, question, key, data_class)
        targets, removed = tuple(sayable(mask.targets)), mask.removed
        if len(targets) < len(mask.targets):
            removed += tuple(Removed(target, NOT_SAYABLE) for target in mask.targets if target not in targets)
        turn = None if self._versions is None else self._versions.of(inference, key)
        if turn is not None:
            targets, away = turn.choose(targets)
            removed += away
        closed: tuple[Removed, ...] = ()
        if self._steers and not mask.pinned:
            targets, closed = set_aside(targets, question)
        decision = self._policy.decide(question, targets)
        if mask.pinned:
            decision = decision.pinned(inference.model)
        elif closed and not decision.cascade:
            behind = (*decision.candidates, *(one.target for one in closed))
            decision = msgspec.structs.replace(decision, candidates=behind)
        return Route(
            question=question,
            decision=decision if turn is None else turn.told(decision),
            offered=targets,
            removed=removed + closed,
            pinned=mask.pinned,
            conversation=conversation,
            turn=turn,
        )
