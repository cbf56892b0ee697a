"""Embedders by name."""

from enum import StrEnum
from pathlib import Path

from homeport.embeddings.base import Embedder
from homeport.embeddings.static import StaticEmbedder


class Model(StrEnum):
    """What turns texts into vectors. STATIC needs nothing more, MINILM is slower and reads meaning better."""

    STATIC = "static"
    MINILM = "minilm"


def open_embedder(model: Model, folder: Path) -> Embedder:
    """Load one.

    Args:
        folder: where exported models are kept.

    Raises:
        ConfigError: it is not installed.
    """
    return StaticEmbedder()
