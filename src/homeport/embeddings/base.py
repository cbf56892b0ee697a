"""What turns a text into a vector: one seam, whatever the model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST = 8_192
"""Characters of a text that are read. What comes later changes no vector: no vector alone proves two texts the same."""


class Embedder(Protocol):
    """Texts as points: those that speak of the same lie close together.

    Attributes:
        name: of the model with its version. Vectors of two names cannot be compared.
        dimensions: values of a vector.
    """

    name: str
    dimensions: int

    def embed(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Rows of unit length, shape (texts, dimensions); a row of zeros for a text that says nothing. Never raises."""


def speakable(text: str) -> str:
    """The text as it is embedded: bounded, without broken characters, "" where it has no letter and no digit."""
    text = text[:LONGEST]
    if not any(character.isalnum() for character in text):
        return ""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
