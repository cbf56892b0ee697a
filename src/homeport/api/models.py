"""GET /v1/models: what a key may name as `model`."""

from collections.abc import Iterable

from homeport.core.types import Key, Surface, Target
from homeport.routing.eligibility import AUTO, Catalogue, permitted


def listing(catalogue: Catalogue, key: Key, created: int) -> list[dict[str, object]]:
    """OpenAI's model objects: `auto`, the tiers, the models and the aliases that this key may use."""
    targets = [target for target in catalogue.targets if permitted(key, target)]
    tiers = dict.fromkeys(target.tier for target in targets)
    names: dict[str, list[Target]] = {AUTO: targets} if targets else {}
    names |= {tier: [target for target in targets if target.tier == tier] for tier in tiers}
    names |= {name: [target for target in targets if target.name == name] for name in _names(targets)}
    names |= {alias: names[name] for alias, name in catalogue.aliases.items() if name in names}
    return [_model(name, group, created) for name, group in names.items()]


def _names(targets: Iterable[Target]) -> Iterable[str]:
    return dict.fromkeys(target.name for target in targets)


def _model(name: str, targets: list[Target], created: int) -> dict[str, object]:
    return {
        "id": name,
        "object": "model",
        "created": created,
        "owned_by": targets[0].origin if len({(one.name, one.origin) for one in targets}) == 1 else "homeport",
        "homeport": {
            "tiers": list(dict.fromkeys(target.tier for target in targets)),
            "local": all(target.local for target in targets),
            "surfaces": sorted(_surfaces(targets)),
        },
    }


def _surfaces(targets: Iterable[Target]) -> set[Surface]:
    return {surface for target in targets for surface in target.surfaces}
