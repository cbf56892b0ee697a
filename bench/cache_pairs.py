"""Pairs of questions that have, or do not have, the same answer, and a crowd of kept ones to find a wrong answer in."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.kept import unpack_wheel
from bench.native import BenchmarkError

FOW = "fow-cache==0.1.0"
REWORDED, OTHER = "reworded", "other_origin"


class Pair(msgspec.Struct, frozen=True):
    """`asked` comes when the answer to `kept` is in the cache; to serve it is right if `same_answer`."""

    asked: str
    kept: str
    same_answer: bool
    category: str


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """A question to a crowd: an answer of those at the places `without` would be right, so they are taken out."""

    text: str
    without: tuple[int, ...]


class Crowd(msgspec.Struct, frozen=True):
    """Many kept questions, and questions that none of them answers."""

    kept: tuple[str, ...]
    asked: tuple[Asked, ...]


def read_fow() -> list[Pair]:
    """The 600 pairs of fow-cache 0.1.0 (CC BY 4.0), from PyPI. Raises BenchmarkError."""
    path = unpack_wheel(FOW, "fow-cache-0.1.0") / "fow_cache" / "data" / "pairs.jsonl"
    return parse_pairs(path.read_text(encoding="utf-8").splitlines())


def parse_pairs(lines: Iterable[str]) -> list[Pair]:
    """JSON lines of {"a": what is asked, "b": what is kept, "same_answer", "category"}."""
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines if line.strip()]
    return [Pair(row["a"], row["b"], row["same_answer"], row["category"]) for row in rows]


def find_mock() -> Path:
    """GPTCache's 999 pairs, in the reference data. Raises BenchmarkError."""
    here = os.environ.get("HOMEPORT_DATA") or Path(__file__).parents[2] / "shared" / "data"
    path = Path(here) / "cache" / "gptcache_mock_data.json"
    if not path.is_file():
        raise BenchmarkError(f"{path} is not there: set HOMEPORT_DATA")
    return path


def read_mock(rows: Sequence[dict[str, str]]) -> tuple[list[Pair], Crowd]:
    """Each rewording beside its origin, and among all origins but its own.

    Some origins are in the data several times: an answer to any of these would be right.
    """
    kept = tuple(dict.fromkeys(row["origin"] for row in rows))
    places: dict[str, list[int]] = {}
    for place, text in enumerate(kept):
        places.setdefault(_same(text), []).append(place)
    pairs = [Pair(row["similar"], row["origin"], True, REWORDED) for row in rows]
    asked = [Asked(row["similar"], tuple(places[_same(row["origin"])])) for row in rows]
    return pairs, Crowd(kept, tuple(asked))


def texts_of(pairs: Iterable[Pair], crowd: Crowd) -> list[str]:
    """Every text once."""
    words = [text for pair in pairs for text in (pair.asked, pair.kept)]
    return list(dict.fromkeys([*words, *crowd.kept, *(one.text for one in crowd.asked)]))


def _same(text: str) -> str:
    return " ".join(text.casefold().split())
