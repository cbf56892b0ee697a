"""GPTCache, driven as its own documents do it: `init_similar_cache`, `put` and `get`, with SQLite and FAISS.

Run by bench/cache_rivals.py in GPTCache's environment: a job as JSON on stdin, what was served as JSON on stdout.
"""

import atexit
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy
from gptcache import Cache, Config
from gptcache.adapter.api import get, init_similar_cache, put
from gptcache.embedding.base import BaseEmbedding
from gptcache.manager.vector_data.base import VectorData

_FIRST = 1
"""SQLite numbers its rows from here, and the index goes by these numbers."""


class Kept(BaseEmbedding):  # type: ignore[misc]  # GPTCache has no types
    """Vectors that one embedder made for every contender."""

    def __init__(self, texts: Sequence[str], vectors: "numpy.ndarray[Any, Any]") -> None:
        self._vectors = dict(zip(texts, vectors, strict=True))

    def to_embeddings(self, data: str, **_: object) -> "numpy.ndarray[Any, Any]":
        vector: numpy.ndarray[Any, Any] = self._vectors[data]
        return vector

    @property
    def dimension(self) -> int:
        return len(next(iter(self._vectors.values())))


def opened(embedding: Kept, threshold: float | None) -> Cache:
    """An empty cache; None: the threshold that GPTCache has by default."""
    cache = Cache()
    config = Config() if threshold is None else Config(similarity_threshold=threshold)
    init_similar_cache(data_dir=tempfile.mkdtemp(), cache_obj=cache, embedding=embedding, config=config)
    return cache


def ask(cache: Cache, asked: str) -> tuple[bool, float]:
    """Whether a kept answer is served, and the similarity that GPTCache itself tells of it; -1 where nothing was."""
    told: list[float] = []

    def hit(found: Sequence[tuple[str, float]]) -> None:
        told.extend(similarity for _, similarity in found)

    answer = get(asked, cache_obj=cache, hit_callback=hit)
    return answer is not None, max(told, default=-1.0)


def alone(embedding: Kept, threshold: float | None, pairs: Sequence[tuple[str, str]]) -> list[tuple[bool, float]]:
    """Each pair with nothing else in the index: the second text is kept, the first is asked."""
    cache, found = opened(embedding, threshold), []
    for place, (asked, kept) in enumerate(pairs):
        put(kept, f"the answer to: {kept}", cache_obj=cache)
        found.append(ask(cache, asked))
        cache.data_manager.v.delete([place + _FIRST])
        if cache.data_manager.v.count():
            raise RuntimeError("GPTCache numbers what it keeps in another way")
    return found


def among(
    embedding: Kept, threshold: float | None, kept: Sequence[str], asked: Sequence[tuple[str, Sequence[int]]]
) -> list[tuple[bool, float]]:
    """Each text against all that is kept but some, which are taken out of the index while it is asked."""
    cache = opened(embedding, threshold)
    for text in kept:
        put(text, f"the answer to: {text}", cache_obj=cache)
    index, found = cache.data_manager.v, []
    for text, without in asked:
        index.delete([own + _FIRST for own in without])
        found.append(ask(cache, text))
        index.mul_add([VectorData(id=own + _FIRST, data=embedding.to_embeddings(kept[own])) for own in without])
    return found


def main() -> None:
    """Do what stdin says."""
    job: Mapping[str, Any] = json.load(sys.stdin)
    embedding = Kept(job["texts"], numpy.load(job["vectors"]))
    # Every cache writes its index when the program ends: their folders go after that.
    tempfile.tempdir = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, tempfile.tempdir, ignore_errors=True)
    with redirect_stdout(sys.stderr):
        served = {name: _served(embedding, threshold, job) for name, threshold in job["thresholds"].items()}
    json.dump(served, sys.stdout)


def _served(embedding: Kept, threshold: float | None, job: Mapping[str, Any]) -> dict[str, list[tuple[bool, float]]]:
    return {
        "alone": alone(embedding, threshold, job["pairs"]),
        "among": among(embedding, threshold, job["kept"], job["asked"]),
    }


if __name__ == "__main__":
    main()
