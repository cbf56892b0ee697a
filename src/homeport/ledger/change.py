"""Why spending changed between two periods: volume, model mix, tokens per request, price per token.

    cost = requests x sum over models of (share of the requests x tokens per request x cost per token)

Each of the four gets its Shapley value: its effect averaged over every order in which the four could have
changed (Shapley, "A Value for n-Person Games", 1953; for decompositions Shorrocks, J. Econ. Inequality 11,
2013). Computed in fractions and rounded once, so that the parts add up to the change, to the nano-dollar.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from itertools import chain, combinations
from math import factorial

import msgspec
from sqlalchemy import BigInteger, Engine, and_, cast, func, or_, select

from homeport.core.money import Nano
from homeport.ledger.spending import below
from homeport.stats.apportion import apportion
from homeport.storage.tables import requests


class Factor(StrEnum):
    """What can have changed."""

    VOLUME = "volume"
    MIX = "mix"
    TOKENS = "tokens"
    PRICE = "price"


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """What one model was used for in a period. `cost` is in nano-dollars, `tokens` are input and output."""

    requests: int = 0
    tokens: int = 0
    cost: int = 0


Period = Mapping[str, Use]
"""By model."""


class ModelChange(msgspec.Struct, frozen=True, kw_only=True):
    """One model in both periods, and its part of each factor's effect; they add up to the change of its cost."""

    model: str
    before: Use
    after: Use
    parts: Mapping[Factor, int]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Two periods side by side. Money is in nano-dollars.

    Attributes:
        parts: the effect of each factor; they add up to `after` - `before`.
        models: the largest change first; their parts add up to `parts`.
    """

    before: Nano
    after: Nano
    parts: Mapping[Factor, int]
    models: Sequence[ModelChange]


def period(engine: Engine, start: int, until: int, project: str = "") -> Period:
    """What each model was used for from `start` to just before `until`, nanoseconds since the epoch.

    Requests that no model answered and that cost nothing are left out.
    """
    worth = or_(requests.c.target != "", requests.c.cost != 0)
    within = and_(requests.c.started_at >= start, requests.c.started_at < until, worth, below(requests, project))
    tokens = func.sum(requests.c.input_tokens + requests.c.output_tokens)
    sums = (func.count(), cast(tokens, BigInteger), cast(func.sum(requests.c.cost), BigInteger))
    query = select(requests.c.target, *sums).where(within).group_by(requests.c.target)
    with engine.connect() as connection:
        return {
            model: Use(requests=int(count), tokens=int(tokens), cost=int(cost))
            for model, count, tokens, cost in connection.execute(query)
        }


def explain(before: Period, after: Period) -> Change:
    """The change of the cost from one period to the next, in parts that add up to it exactly.

    A model that is in one period only is a change of the mix. A model that has no tokens in one of the
    periods is taken to cost by the request: then its change is one of price.
    """
    names = sorted({*before, *after})
    pairs = [_Pair.of(before.get(name, Use()), after.get(name, Use()), before, after) for name in names]
    volumes = (_requests(before), _requests(after))
    models = [
        ModelChange(
            model=name,
            before=before.get(name, Use()),
            after=after.get(name, Use()),
            parts=dict(zip(Factor, apportion(_shapley(pair, volumes)), strict=True)),
        )
        for name, pair in zip(names, pairs, strict=True)
    ]
    return Change(
        before=_cost(before),
        after=_cost(after),
        parts={factor: sum(model.parts[factor] for model in models) for factor in Factor},
        models=sorted(models, key=lambda model: (-abs(model.after.cost - model.before.cost), model.model)),
    )


Two = tuple[Fraction, Fraction]
"""Before, after."""


class _Pair(msgspec.Struct, frozen=True):
    """One model's share of the requests, tokens per request and cost per token, before and after."""

    share: Two
    tokens: Two
    price: Two

    @classmethod
    def of(cls, one: Use, other: Use, before: Period, after: Period) -> "_Pair":
        by_token = all(use.tokens or not use.requests for use in (one, other))
        units = [use.tokens if by_token else use.requests for use in (one, other)]
        return cls(
            _both(_over(one.requests, _requests(before)), _over(other.requests, _requests(after))),
            _both(_over(units[0], one.requests), _over(units[1], other.requests)),
            _both(_over(one.cost, units[0]), _over(other.cost, units[1])),
        )


def _over(amount: int, whole: int) -> Fraction | None:
    return Fraction(amount, whole) if whole else None


def _both(one: Fraction | None, other: Fraction | None) -> Two:
    """What is not known of one period is taken from the other: then it did not change."""
    known = one if one is not None else other if other is not None else Fraction(0)
    return (known if one is None else one, known if other is None else other)


def _shapley(pair: _Pair, volumes: tuple[int, int]) -> list[Fraction]:
    """The effect of each factor, in the order of `Factor`; together they are the change of the model's cost."""

    def cost(changed: Sequence[Factor]) -> Fraction:
        volume, share = volumes[Factor.VOLUME in changed], pair.share[Factor.MIX in changed]
        return volume * share * pair.tokens[Factor.TOKENS in changed] * pair.price[Factor.PRICE in changed]

    return [_effect(factor, cost) for factor in Factor]


def _effect(factor: Factor, cost: Callable[[Sequence[Factor]], Fraction]) -> Fraction:
    """The mean over all orders of what changes when this factor does, others before it or after it."""
    others, count = [other for other in Factor if other is not factor], len(Factor)
    effect = Fraction(0)
    for first in chain.from_iterable(combinations(others, size) for size in range(count)):
        orders = factorial(len(first)) * factorial(count - 1 - len(first))
        effect += Fraction(orders, factorial(count)) * (cost([*first, factor]) - cost(first))
    return effect


def _requests(period: Period) -> int:
    return sum(use.requests for use in period.values())


def _cost(period: Period) -> Nano:
    return Nano(sum(use.cost for use in period.values()))
