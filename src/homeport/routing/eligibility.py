"""The mask before any preference: which targets may answer this request at all."""

from collections.abc import Iterable, Mapping

import msgspec

from homeport.core.errors import InvalidRequest, NotFound, NotPermitted
from homeport.core.types import DataClass, Inference, Key, Target

AUTO = "auto"
"""The model name that leaves the choice to the policy."""


class Eligible(msgspec.Struct, frozen=True, kw_only=True):
    """Targets that may answer, in configured order; `pinned`: the caller named exactly one."""

    targets: tuple[Target, ...]
    pinned: bool


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


def eligible(catalogue: Catalogue, inference: Inference, key: Key, data_class: DataClass) -> Eligible:
    """Apply every hard rule: the key's models and tiers, the data class, the surface; real before simulated.

    Raises:
        NotFound: no such model.
        NotPermitted: the key may use none of the targets the name stands for; or the data is private
            (private_model_is_remote) and all of them run elsewhere, which no repetition can change.
        InvalidRequest: none of them can do what is asked.
    """
    named, pinned = catalogue.resolve(inference.model)
    private = data_class is DataClass.PRIVATE
    targets = [target for target in named if permitted(key, target)]
    if not targets:
        raise _refusal("key", inference)
    if private and not (targets := [target for target in targets if target.local]):
        raise _refusal("data_class", inference)
    targets = [target for target in targets if target.answers(inference.surface) is not None]
    if not targets:
        raise _refusal("surface", inference)
    real = [target for target in targets if not target.simulated]
    return Eligible(targets=tuple(real or targets), pinned=pinned)


def permitted(key: Key, target: Target) -> bool:
    """Whether a key may use a target at all."""
    return (not key.models or target.name in key.models) and (not key.tiers or target.tier in key.tiers)


def _refusal(why: str, inference: Inference) -> Exception:
    if why == "key":
        return NotPermitted(
            "this key may not use that model",
            code="model_not_permitted",
            hint="ask for a key with that model or tier: homeport keys create --help",
        )
    if why == "data_class":
        return NotPermitted(
            "this request is private and the model it names runs elsewhere, so it was not sent",
            code="private_model_is_remote",
            hint="use `auto` or a model of a local tier",
        )
    return InvalidRequest(
        f"no model of that name can answer /v1/{inference.surface}",
        code="surface_not_supported",
        hint="GET /v1/models says what each model can do",
        param="model",
    )
