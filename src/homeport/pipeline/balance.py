"""Choosing among replicas: targets of the same name, one after the other in a decision.

Remote ones by the power of two choices: of two drawn at random, the one with less work. Own engines
by the prompt's first words, so that a conversation finds its prefix in the engine's cache, unless
that engine has far more work than the others.

Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001; Mirrokni, Thorup and
Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2016.
"""

import hashlib
import random
from collections.abc import Callable, Sequence
from itertools import groupby

from homeport.core.types import Target

_BOUND = 1.25
_SLACK_TOKENS = 4096
Load = Callable[[Target], int]


def balanced(candidates: Sequence[Target], load: Load, prefix: bytes, dice: random.Random) -> list[Target]:
    """The candidates, each run of replicas in the order in which to ask them.

    Args:
        load: tokens that a target works on.
        prefix: what two requests share if a cached prefix would serve both.
    """
    ordered: list[Target] = []
    for _, run in groupby(candidates, key=lambda target: target.name):
        replicas = list(run)
        if len(replicas) == 1:
            ordered += replicas
        elif all(target.local for target in replicas):
            ordered += _sticky(replicas, load, prefix)
        else:
            ordered += _two_choices(replicas, load, dice)
    return ordered


def _two_choices(replicas: list[Target], load: Load, dice: random.Random) -> list[Target]:
    first, second = sorted(dice.sample(replicas, 2), key=load)
    rest = sorted((target for target in replicas if target is not first and target is not second), key=load)
    return [first, second, *rest]


def _sticky(replicas: list[Target], load: Load, prefix: bytes) -> list[Target]:
    """Rendezvous hashing; whoever has more than its bounded share of the work comes last."""
    bound = _BOUND * sum(load(target) for target in replicas) / len(replicas) + _SLACK_TOKENS
    ranked = sorted(replicas, key=lambda target: _score(target, prefix), reverse=True)
    return sorted(ranked, key=lambda target: load(target) > bound)


def _score(target: Target, prefix: bytes) -> bytes:
    return hashlib.blake2b(prefix, key=target.upstream.encode()[:64], digest_size=8).digest()
