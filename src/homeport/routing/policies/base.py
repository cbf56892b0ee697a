"""What a policy is made from, and what policies have in common."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from homeport.core.errors import ConfigError
from homeport.core.ports import Policy
from homeport.core.routing import Decision, Prompt, Question
from homeport.core.types import CONVERSATIONS, Surface, Target

GENERATING = CONVERSATIONS | {Surface.COMPLETION}
"""Where one model can stand in for another. Vectors, rankings and verdicts of two models do not compare."""

Options = TypeVar("Options", bound=msgspec.Struct)


class Scored(Protocol):
    """A prompt's score: the higher, the more a dearer tier is worth for it."""

    @property
    def score(self) -> float: ...

    @property
    def contributions(self) -> tuple[tuple[str, float], ...]:
        """What moved it, by feature, the strongest first; never a word of the prompt."""


class Scorer(Protocol):
    """A fitted model of what dearer tiers are worth. Pure."""

    def score(self, prompt: Prompt) -> Scored: ...

    def chances(self, score: float) -> Mapping[str, float]:
        """The probability that an answer is good, by tier or model, the weakest first; empty where it has none."""


class Router(msgspec.Struct, frozen=True, kw_only=True):
    """The router's version in use, as far as policies need it.

    Attributes:
        version: 0 for the one that comes with Homeport.
        tiers: in the order of measured quality, the weakest first; empty where nobody measured.
        shares: the split that it was calibrated for, by `tiers`; empty for none.
        sketch: evenly spaced quantiles of the scores of ordinary prompts.
    """

    version: int
    scorer: Scorer
    sketch: tuple[float, ...]
    tiers: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()


class Memory(Protocol):
    """A few numbers that all gateway processes of a machine share. It may forget, and never fails."""

    def read(self, meaning: bytes) -> tuple[float, ...] | None:
        """What was written last; None where that had another meaning, or nothing was."""

    def write(self, meaning: bytes, numbers: Sequence[float]) -> None: ...


class PolicySetup(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy is made from.

    Attributes:
        options: `routing.options` as it was written.
        tiers: the names of the tiers, in the order of the configuration.
        models: the tier of each model.
        router: None where none is loaded.
        memory: None where what is learned is this process's own.
    """

    options: Mapping[str, Any] = {}
    tiers: tuple[str, ...] = ()
    models: Mapping[str, str] = {}
    router: Router | None = None
    memory: Memory | None = None


class PolicyModule(Protocol):
    """An adapter is a module with this function. Raises ConfigError, code policy_option_invalid."""

    def create(self, setup: PolicySetup) -> Policy: ...


def read_options(setup: PolicySetup, kind: type[Options]) -> Options:
    """The options as a policy's own struct.

    Raises:
        ConfigError: policy_option_invalid: an unknown option, one of the wrong type, or one out of range.
    """
    known = kind.__struct_fields__
    unknown = sorted(str(name) for name in set(setup.options) - set(known))
    if unknown:
        hint = f"use: {', '.join(known)}" if known else "remove routing.options"
        raise ConfigError(
            f"the routing policy has no option {unknown[0][:64]!r}", code="policy_option_invalid", hint=hint
        )
    try:
        return msgspec.convert(dict(setup.options), kind)
    except (msgspec.ValidationError, TypeError) as error:
        raise option_error(str(error)) from None


def option_error(message: str, hint: str = "see docs/how-to/choose-a-policy.md") -> ConfigError:
    return ConfigError(f"routing.options: {message}", code="policy_option_invalid", hint=hint)


def in_order(policy: str, question: Question, eligible: tuple[Target, ...]) -> Decision:
    """The configured order. Embeddings get one candidate: vectors of two models do not mix."""
    candidates = eligible[:1] if question.inference.surface is Surface.EMBEDDING else eligible
    return Decision(candidates=candidates, reason=f"{policy}:{candidates[0].tier}")


def tiers_of(eligible: Sequence[Target]) -> tuple[str, ...]:
    """The tiers of some targets, in the order of the targets."""
    return tuple(dict.fromkeys(target.tier for target in eligible))


def led_by(eligible: tuple[Target, ...], first: Sequence[Target]) -> tuple[Target, ...]:
    """Some targets, then the others in their order."""
    chosen = {id(target) for target in first}
    return (*first, *(target for target in eligible if id(target) not in chosen))


class Pick(msgspec.Struct, frozen=True):
    """What came of exploring: a choice, and the probability of it."""

    choice: str
    propensity: float
    explored: bool


def explore(choice: str, among: Sequence[str], share: float, draw: float) -> Pick:
    """Keep a choice, or in a share of conversations take any of some, each as likely.

    Args:
        among: has the choice in it.
        draw: of the conversation, so that all of its turns go the same way.
    """
    base = share / len(among)
    if draw >= share:
        return Pick(choice, 1 - share + base, explored=False)
    found = among[min(math.floor(draw / share * len(among)), len(among) - 1)]
    return Pick(found, base + (1 - share if found == choice else 0.0), explored=found != choice)
