"""The default: WordLlama, a table with one vector for each token; a text is the mean of its tokens.

Source: Miller, "WordLlama: recycled token embeddings from large language models" (2024); the weights, cut to 256
dimensions, are in its package. They are read in place: no model code is imported, and processes share the memory.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from homeport.core.errors import ConfigError
from homeport.embeddings.base import speakable
from homeport.embeddings.tensors import map_tensors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WEIGHTS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
_TENSOR = "embedding.weight"


class StaticEmbedder:
    """About 0.05 ms for a question on one core, without threads.

    Raises:
        ConfigError: the package wordllama is not there, or has no such weights.
        OSError, ValueError: its files cannot be read.
    """

    name = "wordllama-l2-supercat-256"
    dimensions = 256

    def __init__(self) -> None:
        from tokenizers import Tokenizer

        package = _package()
        self._tokenizer = Tokenizer.from_file(str(package / _TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._table = _table(package / _WEIGHTS, self.dimensions)

    def embed(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        import numpy as np

        rows: NDArray[np.float32] = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(rows, map(speakable, texts), strict=True):
            # One at a time: a batch would start threads.
            ids = self._tokenizer.encode(text, add_special_tokens=False).ids if text else []
            if ids:
                self._table.take(ids, axis=0, mode="clip").sum(axis=0, dtype=np.float32, out=row)
                row /= np.sqrt(row @ row) or 1.0
        return rows


def _package() -> Path:
    spec = find_spec("wordllama")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / _WEIGHTS).is_file() and (Path(place) / _TOKENIZER).is_file():
            return Path(place)
    raise ConfigError(
        "The package wordllama, or its weights, cannot be found",
        code="embedder_unavailable",
        hint="Install it again: pip install --force-reinstall --no-deps wordllama==0.4.0.post1",
    )


def _table(path: Path, dimensions: int) -> "NDArray[np.float16]":
    """The vectors of all tokens, mapped from the file."""
    table = map_tensors(path).get(_TENSOR)
    if table is None or table.dtype.str != "<f2" or table.shape[1] != dimensions:
        raise ConfigError(f"{path} has other weights than expected", code="embedder_unavailable")
    return table
