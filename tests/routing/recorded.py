"""Invented recordings, of the kind that real ones are: several benchmarks, models that are sure and wrong."""

import json
import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ABILITY: Mapping[str, float] = {
    "a1b": -1.2, "a3b": -0.4, "a8b": 0.1, "b32b": 0.9, "a70b": 1.3, "b72b": 1.4, "c-mini": 1.2,
    "a405b": 1.6, "c-4": 1.75,
}  # fmt: skip
"""Nine models, by how much they can do."""

_BENCHMARKS = (
    # a template, base ease, how much log-probabilities tell, what is asked about
    ("The following is a question about {0}.\n{1}?\nA. {2}\nB. {3}\nC. {4}\nD. {5}\nAnswer:", 0.3, 0.9),
    ("A patient has {1} and {2}. Which of {0} is indicated?\n(A) {3}\n(B) {4}\n(C) {5}", -0.1, 0.7),
    ("{2} buys {n} {3} at ${m} each and gives away half. How many dollars of {4} are left for {1}?", 0.8, 1.2),
    ("Who, in {0}, first described the {1} of {2}?", -0.6, 1.1),
)
_STARTS = ("bra", "cle", "dro", "fen", "gri", "hol", "jun", "kes", "lor", "mon")
_ENDS = ("tal", "vic", "ner", "sip", "dox", "gan", "pel", "ruk", "zim", "wot")
_WORDS = [start + end for start in _STARTS for end in _ENDS]


def make_rows(count: int, seed: int = 0, models: Sequence[str] = tuple(ABILITY)) -> list[dict[str, Any]]:
    """Half of them of `train`."""
    rng = random.Random(seed)
    return [_row(rng, "train" if place % 2 else "test", models) for place in range(count)]


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _row(rng: random.Random, split: str, models: Sequence[str]) -> dict[str, Any]:
    place = rng.randrange(len(_BENCHMARKS))
    template, ease, telling = _BENCHMARKS[place]
    words = [rng.choice(_WORDS) for _ in range(6)]
    hard = rng.gauss(0, 1.3) + 0.2 * (hash_of(words[0]) - 0.5)
    prompt = template.format(*words, n=rng.randint(2, 90), m=rng.randint(2, 90))
    told = {}
    for name in models:
        # Each model has strengths of its own, so that the larger one is not always the better one.
        own = 0.5 * (hash_of(f"{name}{place}") - 0.5) + rng.gauss(0, 0.5)
        able = 1.4 * (ABILITY[name] + ease + own - hard)
        right = rng.random() < 1 / (1 + math.exp(-able))
        sure = telling * (0.5 if right else -0.5) + 0.5 * able + rng.gauss(0, 1.3) + 1.5
        logconf: float | None = round(-math.log1p(math.exp(-2 * sure)), 4)
        told[name] = {
            "correct": int(right),
            "logconf": None if rng.random() < 0.01 or name == "c-4" else logconf,
            "cost_usd": 1e-4 * math.exp(ABILITY[name]),
        }
    return {"split": split, "prompt": prompt, "models": told}


def hash_of(text: str) -> float:
    return random.Random(text).random()
