"""How many right and how many wrong answers a cache serves. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from homeport.stats.proportions import wilson

NEVER = -1.0
"""The score of what would not be served at any threshold."""

BUDGETS = (0.01, 0.02, 0.05)


class Outcome(msgspec.Struct, frozen=True):
    """What a cache did with one question.

    Attributes:
        right: serving it was right.
        score: how sure the cache was, a cosine or what it has in its place; NEVER where no threshold would have served.
    """

    category: str
    right: bool
    served: bool
    score: float


def figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Rates with 95 % intervals (Wilson), in all and by category, and how well the score ranks.

    `precision` is of what was served: it depends on how many traps there are among the questions.
    """
    categories = dict.fromkeys(one.category for one in outcomes)
    served = [one for one in outcomes if one.served]
    return {
        **_rates(outcomes),
        "precision": _share([one.right for one in served]),
        "p_chr_auc": p_chr_auc(outcomes),
        "recall_at_wrong": {f"{budget:g}": recall_at(outcomes, budget) for budget in BUDGETS},
        "by_category": {name: _rates([one for one in outcomes if one.category == name]) for name in categories},
    }


def p_chr_auc(outcomes: Sequence[Outcome]) -> float | None:
    """The area under precision over the share of questions that are served, from the surest on.

    Source: Gill et al., "Advancing semantic caching for LLMs with domain-specific embeddings and synthetic data"
    (arXiv 2504.02268). Questions with equal scores come in random order: the value is the expected one.
    """
    right = done = 0
    precisions = []
    for equal in _by_score(outcomes):
        hits = sum(one.right for one in equal)
        precisions += [(right + hits * count / len(equal)) / (done + count) for count in range(1, len(equal) + 1)]
        right, done = right + hits, done + len(equal)
    return sum(precisions) / len(precisions) if precisions else None


def recall_at(outcomes: Sequence[Outcome], budget: float) -> float | None:
    """The largest share of the right ones that a threshold serves with at most `budget` of the wrong ones."""
    rights = sum(one.right for one in outcomes)
    wrongs = len(outcomes) - rights
    if not rights or not wrongs:
        return None
    best = hits = traps = 0
    for equal in _by_score(outcomes):
        if equal[0].score == NEVER:
            break
        hits += sum(one.right for one in equal)
        traps += sum(not one.right for one in equal)
        if traps <= budget * wrongs:
            best = hits
    return best / rights


def _by_score(outcomes: Sequence[Outcome]) -> Iterator[list[Outcome]]:
    """Those with the same score together, the highest first."""
    ordered = sorted(outcomes, key=lambda one: -one.score)
    return (list(equal) for _, equal in groupby(ordered, key=lambda one: one.score))


def _rates(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    right = [one.served for one in outcomes if one.right]
    wrong = [one.served for one in outcomes if not one.right]
    found: dict[str, Any] = {}
    for name, of in (("hit", right), ("wrong_serve", wrong)):
        found[f"{name}_rate"] = _share(of)
        found[f"{name}_interval"] = wilson(sum(of), len(of)) if of else None
        found[f"{name}_of"] = len(of)
    return found


def _share(of: Sequence[bool]) -> float | None:
    return sum(of) / len(of) if of else None


def per_cent(rates: Mapping[str, Any], name: str) -> str:
    """Such as `36.7 % (31.4..42.3)`."""
    value, interval = rates[f"{name}_rate"], rates[f"{name}_interval"]
    return "-" if value is None else f"{100 * value:.1f} % ({100 * interval[0]:.1f}..{100 * interval[1]:.1f})"
