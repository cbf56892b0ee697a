"""The mask before any preference: which targets may answer this request at all."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from homeport.core.errors import InvalidRequest, NotFound, NotPermitted
from homeport.core.routing import Question, Removed
from homeport.core.types import Capability, DataClass, Key, Surface, Target
from homeport.routing.needs import fits, needs

AUTO = "auto"
"""The model name that leaves the choice to the policy."""

CONTEXT_LENGTH = "context_length"
NOT_SAYABLE = "not_translatable"

_REASONS = {
    Capability.TOOLS: "no_tools",
    Capability.JSON: "no_json",
    Capability.VISION: "no_vision",
    Capability.FILES: "no_files",
}


_ALL = frozenset(Capability)


class Eligible(msgspec.Struct, frozen=True, kw_only=True):
    """Targets that may answer, in configured order; `pinned`: the caller named exactly one.

    Attributes:
        removed: those that may not, and why. What the key may not use is not told.
    """

    targets: tuple[Target, ...]
    pinned: bool
    removed: tuple[Removed, ...] = ()


class Catalogue:
    """The models callers can name: `auto`, tiers, targets and aliases."""

    def __init__(self, targets: Iterable[Target], aliases: Mapping[str, str]) -> None:
        self.targets = tuple(targets)
        self.aliases = dict(aliases)
        self._by_name: dict[str, tuple[Target, ...]] = {}
        for target in self.targets:
            # Replicas share a name.
            self._by_name[target.name] = (*self._by_name.get(target.name, ()), target)
        self._models = frozenset(self._by_name)
        for target in self.targets:
            tier = tuple(other for other in self.targets if other.tier == target.tier)
            self._by_name.setdefault(target.tier, tier)

    def resolve(self, model: str) -> tuple[tuple[Target, ...], bool]:
        """The targets a model name stands for, and whether it names exactly one model.

        Raises:
            NotFound: nothing has that name. The name is not echoed in full: it may be anything.
        """
        name = self.aliases.get(model, model)
        if name == AUTO:
            return self.targets, False
        if name not in self._by_name:
            raise NotFound(
                f"the model {model[:64]!r} does not exist",
                code="model_not_found",
                hint="GET /v1/models lists the models; `auto` lets the policy choose",
                param="model",
            )
        return self._by_name[name], name in self._models


def eligible(catalogue: Catalogue, question: Question, key: Key, data_class: DataClass) -> Eligible:
    """Apply every hard rule: the key's models and tiers, the data class, the surface, abilities, length; real before
    simulated.

    What is too long by estimate is left to the models themselves where it is too long for all of them. Embeddings
    have no such rule: vectors of two models do not mix, so the length of a text must not choose its model.

    Raises:
        NotFound: no such model.
        NotPermitted: the key may use none of the targets the name stands for; or the data is private
            (private_model_is_remote) and all of them run elsewhere, which no repetition can change.
        InvalidRequest: none of them can do what is asked.
    """
    inference = question.inference
    named, pinned = catalogue.resolve(inference.model)
    removed: list[Removed] = []
    targets = [target for target in named if permitted(key, target)]
    if not targets:
        raise _not_permitted()
    if data_class is DataClass.PRIVATE:
        targets = _kept(targets, removed, lambda target: "" if target.local else "data_class")
        if not targets:
            raise _private()
    targets = _kept(targets, removed, lambda target: "" if target.answers(inference.surface) else "surface")
    if not targets:
        raise _no_surface(inference.surface)
    targets = _able(targets, removed, question)
    # A local function costs as much as the rule, so it is made only where it can remove something.
    if any(target.context_tokens is not None for target in targets):
        fitting = [target for target in targets if fits(inference, target)]
        if fitting and len(fitting) < len(targets):
            removed += [Removed(target, CONTEXT_LENGTH) for target in targets if target not in fitting]
            targets = fitting
    real = [target for target in targets if not target.simulated]
    if real and len(real) < len(targets):
        removed += [Removed(target, "simulated") for target in targets if target.simulated]
        targets = real
    return Eligible(targets=tuple(targets), pinned=pinned, removed=tuple(removed))


def set_aside(targets: Sequence[Target], question: Question) -> tuple[tuple[Target, ...], tuple[Removed, ...]]:
    """Those that can be called now, and the others; all of them where none can: they may be back in a moment.

    Of embeddings none is set aside: the vectors of another model are of no use.
    """
    if len(targets) == 1 or question.inference.surface is Surface.EMBEDDING:
        return tuple(targets), ()
    closed = tuple(Removed(target, why) for target in targets if (why := question.closed(target)))
    if not closed or len(closed) == len(targets):
        return tuple(targets), ()
    shut = {id(one.target) for one in closed}
    return tuple(target for target in targets if id(target) not in shut), closed


def permitted(key: Key, target: Target) -> bool:
    """Whether a key may use a target at all."""
    return (not key.models or target.name in key.models) and (not key.tiers or target.tier in key.tiers)


def _kept(targets: list[Target], removed: list[Removed], why: Callable[[Target], str]) -> list[Target]:
    reasons = [why(target) for target in targets]
    if not any(reasons):
        return targets
    removed += [Removed(target, reason) for target, reason in zip(targets, reasons, strict=True) if reason]
    return [target for target, reason in zip(targets, reasons, strict=True) if not reason]


def _able(targets: list[Target], removed: list[Removed], question: Question) -> list[Target]:
    known = [target.capabilities for target in targets if target.capabilities is not None]
    if not known or not (lacking := _ALL.difference(frozenset.intersection(*known))):
        return targets
    needed = needs(question, lacking)
    if not needed:
        return targets
    left = _kept(targets, removed, lambda target: _lacks(target, needed))
    if not left:
        raise _unable(min(_lacks(target, needed) for target in targets))
    return left


def _lacks(target: Target, needed: frozenset[Capability]) -> str:
    missing = needed - target.capabilities if target.capabilities is not None else ()
    return min((_REASONS[capability] for capability in missing), default="")


def _not_permitted() -> NotPermitted:
    return NotPermitted(
        "this key may not use that model",
        code="model_not_permitted",
        hint="ask for a key with that model or tier: homeport keys create --help",
    )


def _private() -> NotPermitted:
    return NotPermitted(
        "this request is private and the model it names runs elsewhere, so it was not sent",
        code="private_model_is_remote",
        hint="use `auto` or a model of a local tier",
    )


def _no_surface(surface: Surface) -> InvalidRequest:
    return InvalidRequest(
        f"no model of that name can answer /v1/{surface}",
        code="surface_not_supported",
        hint="GET /v1/models says what each model can do",
        param="model",
    )


def _unable(reason: str) -> InvalidRequest:
    return InvalidRequest(
        f"no model that may answer this request can do what it asks for ({reason})",
        code="capability_not_supported",
        hint="use `auto` or a model that can, or mend `capabilities` of the target",
        param="model",
    )
