"""RedisVL's SemanticCache, driven as its own documents do it: `store` and `check`, with a Redis that has search.

Run by bench/cache_rivals.py in RedisVL's environment: a job as JSON on stdin, what was served as JSON on stdout.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
from redis import Redis
from redisvl.extensions.cache.llm import SemanticCache
from redisvl.utils.vectorize import CustomVectorizer

_FARTHEST = 2.0


class Kept:
    """Vectors that one embedder made for every contender."""

    def __init__(self, texts: Sequence[str], vectors: "numpy.ndarray[Any, Any]") -> None:
        self._vectors = dict(zip(texts, vectors, strict=True))
        self._any = vectors[0]

    def __call__(self, text: str) -> list[float]:
        # RedisVL asks once for a text of its own to learn how many values a vector has.
        vector: list[float] = self._vectors.get(text, self._any).tolist()
        return vector


def ask(cache: SemanticCache, asked: str) -> tuple[bool, float]:
    """Whether a kept answer is served, and the cosine of the nearest whether or not it is; -1 where nothing is kept."""
    served = bool(cache.check(prompt=asked))
    nearest = cache.check(prompt=asked, distance_threshold=_FARTHEST)
    return served, 1.0 - float(nearest[0]["vector_distance"]) if nearest else -1.0


def alone(cache: SemanticCache, pairs: Sequence[tuple[str, str]]) -> list[tuple[bool, float]]:
    """Each pair in an empty cache: the second text is kept, the first is asked."""
    found = []
    for asked, kept in pairs:
        key = cache.store(prompt=kept, response=f"the answer to: {kept}")
        found.append(ask(cache, asked))
        cache.drop(keys=[key])
    return found


def among(
    cache: SemanticCache, kept: Sequence[str], asked: Sequence[tuple[str, Sequence[int]]]
) -> list[tuple[bool, float]]:
    """Each text against all that is kept but some, which are taken out while it is asked."""
    keys = {index: cache.store(prompt=text, response=f"the answer to: {text}") for index, text in enumerate(kept)}
    found = []
    for text, without in asked:
        cache.drop(keys=[keys[own] for own in without])
        found.append(ask(cache, text))
        for own in without:
            keys[own] = cache.store(prompt=kept[own], response=f"the answer to: {kept[own]}")
    cache.clear()
    return found


def main() -> None:
    """Do what stdin says."""
    job: Mapping[str, Any] = json.load(sys.stdin)
    vectorizer = CustomVectorizer(embed=Kept(job["texts"], numpy.load(job["vectors"])))
    client = Redis(unix_socket_path=job["socket"])
    served = {}
    for name, threshold in job["thresholds"].items():
        cache = SemanticCache(
            name=name, distance_threshold=threshold, redis_client=client, vectorizer=vectorizer, overwrite=True
        )
        pairs = alone(cache, job["pairs"])
        served[name] = {"alone": pairs, "among": among(cache, job["kept"], job["asked"])}
    json.dump(served, sys.stdout)


if __name__ == "__main__":
    main()
