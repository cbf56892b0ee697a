"""Ridge regression whose penalty is chosen by leaving one row out, in closed form.

Source: Hoerl and Kennard (Technometrics, 1970); the penalty by generalised cross-validation, Golub, Heath and Wahba
(Technometrics, 1979). NumPy is loaded when it is used: a gateway never fits.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0)


class Ridge:
    """A fitted model of one target or of several."""

    def __init__(
        self,
        means: "NDArray[np.float64]",
        scales: "NDArray[np.float64]",
        weights: "NDArray[np.float64]",
        base: "NDArray[np.float64]",
    ) -> None:
        self._means, self._scales, self._weights, self._base = means, scales, weights, base

    def predict(self, columns: "NDArray[np.float64]") -> "NDArray[np.float64]":
        return self._base + _tame(columns, self._means, self._scales) @ self._weights


def fit_ridge(columns: "NDArray[np.float64]", target: "NDArray[np.float64]") -> Ridge:
    """Fit on rows of finite numbers; `target` has one column or several, which share a penalty."""
    import numpy as np

    means, scales = columns.mean(axis=0), columns.std(axis=0)
    scales = np.where(scales > 1e-9, scales, 1.0)
    rows = _tame(columns, means, scales)
    base = target.mean(axis=0)
    wanted = target - base
    values, vectors = np.linalg.eigh(rows.T @ rows)
    values = np.maximum(values, 0)
    turned = rows @ vectors
    along = turned.T @ wanted
    errors = []
    for penalty in _PENALTIES:
        shrunk = 1 / (values + penalty)
        fitted = turned @ (along.T * shrunk).T
        freedom = 1 - (1 + float((values * shrunk).sum())) / len(rows)
        errors.append(float(((wanted - fitted) ** 2).mean()) / max(freedom, 1e-3) ** 2)
    shrunk = 1 / (values + _PENALTIES[int(np.argmin(errors))])
    return Ridge(means, scales, vectors @ (along.T * shrunk).T, base)


def _tame(
    columns: "NDArray[np.float64]", means: "NDArray[np.float64]", scales: "NDArray[np.float64]"
) -> "NDArray[np.float64]":
    """In units of their spread; one odd prompt may not outweigh all others."""
    import numpy as np

    return np.clip((columns - means) / scales, -4, 4)
