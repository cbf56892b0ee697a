"""Choosing among replicas: targets of the same name, one after the other in a decision.

Remote ones by the power of two choices: of two drawn at random, the one with less work. Own engines by the beginning
of the prompt, so that a conversation finds what an engine has read of it, unless that engine has far more work than
the others; what has no such beginning, as for remote ones.

Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.
"""

import random
from collections.abc import Sequence
from itertools import groupby

from homeport.cache.prefix import Prefix, read_prefix
from homeport.core.types import Target, Usage
from homeport.pipeline.deployments import Deployments
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.salting import scope_of_prompts


class Balancer:
    """Knows the load of each replica, and what it was sent."""

    def __init__(self, deployments: Deployments, dice: random.Random) -> None:
        self._deployments = deployments
        self._dice = dice

    def in_order(self, exchange: Exchange, candidates: Sequence[Target]) -> list[Target]:
        """The candidates, each run of replicas in the order in which to ask them."""
        if len(candidates) == 1:
            return list(candidates)
        ordered: list[Target] = []
        for _, run in groupby(candidates, key=lambda target: target.name):
            replicas = list(run)
            ordered += replicas if len(replicas) == 1 else self._balanced(exchange, replicas)
        return ordered

    def served(self, exchange: Exchange, target: Target) -> None:
        """A target began to answer."""
        if prefix := _known(exchange, target):
            self._deployments.prefixes.served(prefix, _place(target))

    def began(self, exchange: Exchange, target: Target) -> None:
        """A target is asked."""
        if prefix := _known(exchange, target):
            self._deployments.prefixes.began(prefix, _place(target), target.slots)

    def ended(self, exchange: Exchange, target: Target, usage: Usage | None) -> None:
        """It works no longer on what it was asked; `usage` is what it told, if it did."""
        if prefix := _known(exchange, target):
            cached = usage.cached_input_tokens / usage.input_tokens if usage and usage.input_tokens else None
            self._deployments.prefixes.ended(prefix, _place(target), cached)

    def _balanced(self, exchange: Exchange, replicas: list[Target]) -> list[Target]:
        prefix = _prefix(exchange, replicas[0]) if all(target.local for target in replicas) else None
        if prefix is None:
            return self._two_choices(replicas)
        exchange.prefix = {**(exchange.prefix or {}), replicas[0].name: prefix}
        by_place = {_place(target): target for target in replicas}
        loads = {place: self._load(target) for place, target in by_place.items()}
        return [by_place[place] for place in self._deployments.prefixes.ranked(prefix, loads)]

    def _two_choices(self, replicas: list[Target]) -> list[Target]:
        first, second = sorted(self._dice.sample(replicas, 2), key=self._load)
        rest = sorted((target for target in replicas if target is not first and target is not second), key=self._load)
        return [first, second, *rest]

    def _load(self, target: Target) -> int:
        return self._deployments.of(target).outstanding


def _place(target: Target) -> str:
    return f"{target.upstream}/{target.model}"


def _known(exchange: Exchange, target: Target) -> Prefix | None:
    """The beginnings of the prompt, where the target is one of replicas that were chosen by them."""
    return exchange.prefix.get(target.name) if exchange.prefix is not None else None


def _prefix(exchange: Exchange, target: Target) -> Prefix | None:
    assert exchange.inference is not None
    scope = f"{target.name}\0{scope_of_prompts(exchange.key, target)}"
    return read_prefix(exchange.inference.surface, exchange.inference.fields, scope)
