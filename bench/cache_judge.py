"""What an asynchronous judge adds: pairs that the verifier leaves open, put to small models behind a real gateway.

The threshold of each judge is chosen on other pairs than it is counted on: of five parts, four choose and one counts.
"""

import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.small_models import Asker, start_models
from homeport.cache import judge
from homeport.stats.ranking import auroc

BUDGET = 0.015
"""Of all traps, so many may be served wrong once the judge has spoken: what the balanced mode promises."""

PARTS = 5


class Doubted(msgspec.Struct, frozen=True):
    """What a judge is asked, whether it would be right to approve, and how probable it holds that; None: no word."""

    asked: str
    kept: str
    same: bool
    probability: float | None = None


def ask_judges(doubted: Sequence[Doubted]) -> dict[str, tuple[list[Doubted], float]]:
    """The pairs with each judge's probability, and its seconds a pair."""
    found = {}
    with tempfile.TemporaryDirectory() as folder, start_models(Path(folder)) as asker:
        for name, (path, body) in _JUDGES.items():
            started = time.monotonic()
            told = [_ask(asker, name, path, body(one.asked, one.kept), one) for one in doubted]
            found[name] = told, (time.monotonic() - started) / max(len(told), 1)
    return found


def gain(told: Sequence[Doubted], *, rights: int, traps: int, served_wrong: int, seed: int = 0) -> dict[str, Any]:
    """Hits gained and wrong answers added, each part by the threshold that the other four choose.

    Args:
        rights, traps: how many there are in the whole set, open or not.
        served_wrong: traps that are served wrong without a judge.
    """
    order = list(told)
    random.Random(seed).shuffle(order)
    parts = [order[part::PARTS] for part in range(PARTS)]
    approved: list[Doubted] = []
    thresholds = []
    for part in range(PARTS):
        others = [one for other in range(PARTS) if other != part for one in parts[other]]
        threshold = choose(others, (PARTS - 1) / PARTS * (BUDGET * traps - served_wrong))
        thresholds.append(threshold)
        approved += [one for one in parts[part] if judge.approves(one.probability, threshold)]
    hits, wrong = sum(one.same for one in approved), sum(not one.same for one in approved)
    return {
        "asked": len(told),
        "of_them_the_same": sum(one.same for one in told),
        "said_nothing": sum(one.probability is None for one in told),
        "auroc": _auroc(told),
        "thresholds": [threshold if threshold <= 1 else None for threshold in thresholds],
        "hits_gained": hits,
        "wrong_added": wrong,
        "hit_rate_gained": hits / rights if rights else None,
        "wrong_serve_rate_added": wrong / traps if traps else None,
    }


def choose(told: Sequence[Doubted], may_be_wrong: float) -> float:
    """The threshold that gains the most hits with at most so many wrong approvals; above 1 where none gains any."""
    best, threshold, hits, wrong = 0, 2.0, 0, 0
    ranked = sorted((one for one in told if one.probability is not None), key=lambda one: -(one.probability or 0.0))
    for place, one in enumerate(ranked):
        hits, wrong = hits + one.same, wrong + (not one.same)
        last = place + 1 == len(ranked) or ranked[place + 1].probability != one.probability
        if last and wrong <= may_be_wrong and hits > best:
            best, threshold = hits, one.probability or 0.0
    return threshold


def _auroc(told: Sequence[Doubted]) -> float | None:
    known = [one for one in told if one.probability is not None]
    if len({one.same for one in known}) < 2:
        return None
    return auroc([one.probability or 0.0 for one in known], [one.same for one in known])


def _ask(asker: Asker, name: str, path: str, body: Mapping[str, Any], one: Doubted) -> Doubted:
    model = name.partition(",")[0]
    choice, _ = asker.ask(path, {"model": model, **body})
    return msgspec.structs.replace(one, probability=judge.read(choice))


def _text(asked: str, kept: str) -> dict[str, Any]:
    return {"prompt": judge.prompt(asked, kept), "max_tokens": 1, "temperature": 0, "logprobs": 10}


_JUDGES: Mapping[str, tuple[str, Callable[[str, str], dict[str, Any]]]] = {
    "smollm2, chat": ("/v1/chat/completions", judge.request),
    "gemma, text": ("/v1/completions", _text),
}
