"""Embedders by name."""

from enum import StrEnum
from pathlib import Path

from homeport.embeddings.base import Embedder
from homeport.embeddings.minilm import NAME, MiniLmEmbedder
from homeport.embeddings.static import StaticEmbedder


class Model(StrEnum):
    """What turns texts into vectors. STATIC needs nothing more, MINILM is slower and reads meaning better."""

    STATIC = "static"
    MINILM = "minilm"


def open_embedder(model: Model, folder: Path) -> Embedder:
    """Load one.

    Args:
        folder: the state folder; exported models are kept there.

    Raises:
        ConfigError: it is not installed.
    """
    if model is Model.MINILM:
        return MiniLmEmbedder(exported(folder))
    return StaticEmbedder()


def exported(folder: Path) -> Path:
    """Where the exported MiniLM is, below the state folder."""
    return folder / "embedders" / f"{NAME}.onnx"
