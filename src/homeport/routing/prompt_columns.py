"""Prompts as rows of numbers, for fitting: what they look like, and what they are about.

What they are about are the main directions of their hashed words (latent semantic indexing, Deerwester et al., 1990),
found on training prompts without a look at any answer.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from homeport.routing.features import FEATURES, Text, measure
from homeport.routing.grams import grams

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

_DIMENSION = 2**15
_DIRECTIONS = 24
_FITTED_ON = 6_000
_MOST_COMMON = 0.9


class PromptColumns:
    """What was found on training prompts, to be applied to any."""

    def __init__(self, prompts: Sequence[str], seed: int = 0) -> None:
        import numpy as np
        from scipy.sparse.linalg import svds

        rng = np.random.default_rng(seed)
        chosen = rng.permutation(len(prompts))[:_FITTED_ON]
        counted = _hashed([prompts[place] for place in chosen])
        seen = np.asarray((counted > 0).sum(axis=0)).ravel()
        self._kept = np.flatnonzero(seen >= 2)
        self._rarity = np.log(len(chosen) / np.maximum(seen[self._kept], 1)) + 1 - _MOST_COMMON
        self._directions = np.zeros((len(self._kept), 0))
        most = min(_DIRECTIONS, len(chosen) // 10, len(self._kept) - 1)
        if most > 0:
            weighted = counted[:, self._kept] * self._rarity
            _, _, directions = svds(weighted, k=most, random_state=seed)
            self._directions = directions.T

    def measure(self, prompts: Sequence[str]) -> "NDArray[np.float64]":
        """A row of finite numbers for each prompt."""
        import numpy as np

        names = tuple(FEATURES)
        shapes = np.array([measure(Text(prompt), names) for prompt in prompts], float).reshape(len(prompts), len(names))
        about = (_hashed(prompts)[:, self._kept] * self._rarity) @ self._directions
        return np.hstack([shapes, about])


def _hashed(prompts: Sequence[str]) -> "csr_array":
    import numpy as np
    from scipy.sparse import csr_array

    places: list[int] = []
    values: list[float] = []
    ends = [0]
    for prompt in prompts:
        found, weights = grams(prompt.lower(), _DIMENSION)
        places += found
        values += weights
        ends.append(len(places))
    shape = (len(prompts), _DIMENSION)
    return csr_array((np.array(values, float), np.array(places, np.int64), np.array(ends, np.int64)), shape=shape)
