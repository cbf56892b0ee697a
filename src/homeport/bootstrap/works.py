"""What a gateway's console asks of the gateway itself: its policy, its cache, its engines and its request path."""

from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from homeport.api.auth import StoredKeyRing
from homeport.api.cache_admin import process
from homeport.api.requests import RequestStore
from homeport.bootstrap.answerer import rendered_prompt
from homeport.bootstrap.cache import terms_of
from homeport.bootstrap.inspect import question_of_captured
from homeport.bootstrap.orders import give
from homeport.bootstrap.path import RequestPath
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.console.figures.machines import Engines, Package, Replica
from homeport.console.figures.replayed import Chances
from homeport.console.figures.routed import Wanted
from homeport.console.works import Works
from homeport.core.captured import Captured
from homeport.core.errors import ConfigError, HomeportError
from homeport.core.types import Target
from homeport.routing.policies.complexity import Complexity


def build_works(settings: Settings, home: Home, path: RequestPath, keys: StoredKeyRing, store: RequestStore) -> Works:
    """Over a gateway's own parts."""
    cache = path.cache
    return Works(
        wanted=lambda: wanted(settings.routing.policy, path),
        ladder=lambda: ladder(path),
        chances=lambda: chances(path),
        models=lambda: models(path.targets),
        terms=terms_of(settings.cache),
        held=lambda: process(cache.desk.library, len(cache.flights)),
        purge=cache.desk.purge,
        resume=cache.desk.resume,
        prompt_of=cache.keys.prompt,
        orders=ControlOrders(home),
        ask=path.run,
        lend=keys.lend,
        store=store,
        rendered=partial(rendered, path),
    )


class ControlOrders:
    """`Orders` to the running `homeport up` of a state folder."""

    def __init__(self, home: Home) -> None:
        self._place = home.control

    async def engines(self, packages: bool = True) -> Engines:
        try:
            replicas = msgspec.convert(await give(self._place, "list"), tuple[Replica, ...])
            told = msgspec.convert(await give(self._place, "packages"), tuple[Package, ...]) if packages else ()
        except HomeportError as error:
            return Engines(why=f"{error.message}: {error.hint}" if error.hint else error.message)
        return Engines(replicas=replicas, packages=told)

    async def drain(self, engine: str) -> None:
        await give(self._place, "drain", engine)

    async def restart(self, engine: str) -> None:
        await give(self._place, "restart", engine)


def wanted(name: str, path: RequestPath) -> Wanted:
    """What the policy in effect wants, as far as it holds shares."""
    policy = path.policy
    if not isinstance(policy, Complexity):
        return Wanted(policy=name)
    return Wanted(policy=name, split=policy.split, cuts=policy.cuts, version=path.router.router.version)


def ladder(path: RequestPath) -> Mapping[str, Target]:
    """The tiers of the configuration that have a priced target, each with its first one."""
    found: dict[str, Target] = {}
    for target in path.targets:
        if target.price is not None and not target.draining:
            found.setdefault(target.tier, target)
    return found


def chances(path: RequestPath) -> Chances | None:
    """What the router's version learned of the tiers; None for nothing."""
    policy = path.policy
    if not isinstance(policy, Complexity) or not path.router.router.scorer.chances(0.0):
        return None
    targets = tuple(path.targets)
    tiers = tuple(tier for tier in policy.ladder if any(target.tier == tier for target in targets))
    return lambda score: policy.success(score, tiers, targets)


def models(targets: Sequence[Target]) -> tuple[str, ...]:
    """What a request may name, tiers first."""
    return tuple(dict.fromkeys((*(target.tier for target in targets), *(target.name for target in targets))))


async def rendered(path: RequestPath, captured: Captured) -> str | None:
    """A kept chat as the engine that answered it renders it now; None where it does not say, or is gone."""
    endpoint = path.engine_of(captured.upstream, captured.revision)
    if endpoint is None or not captured.local:
        return None
    try:
        question = question_of_captured(captured)
    except ConfigError:  # pictures and the like: nobody could say how they are rendered
        return None
    if question.messages is None:
        return question.prompt
    return await rendered_prompt(path.transport, endpoint, captured.model, question.messages)
