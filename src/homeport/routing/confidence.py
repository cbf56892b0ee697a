"""How sure a model was of an answer, and with what probability such an answer is right.

A signal is one number of an answer's token log-probabilities; a calibrator makes a probability of it. Calibrators are
kept by model and family of tasks; where one is missing the model's own stands in, then that of all models.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from statistics import NormalDist, fmean, stdev

import msgspec

from homeport.core.errors import ConfigError
from homeport.core.routing import Answer, TokenLogprob
from homeport.stats.calibration import Calibrator, Isotonic, sigmoid

MEAN = "mean"
_FLOOR = -100.0
"""A token of probability 0 has no finite logarithm; one of e^-100 says the same."""

_HAIR = 1e-6
_DOUBTFUL = math.log(0.5)
_TAIL = 0.1


def _logprobs(tokens: Sequence[TokenLogprob]) -> list[float]:
    return [_tame(token.logprob) for token in tokens]


def _tame(logprob: float) -> float:
    return min(max(logprob, _FLOOR), 0.0) if logprob == logprob else _FLOOR


def _mean(tokens: Sequence[TokenLogprob]) -> float:
    return math.fsum(_logprobs(tokens)) / len(tokens)


def _total(tokens: Sequence[TokenLogprob]) -> float:
    return math.fsum(_logprobs(tokens))


def _least(tokens: Sequence[TokenLogprob]) -> float:
    return min(_logprobs(tokens))


def _first(tokens: Sequence[TokenLogprob]) -> float:
    return _logprobs(tokens[:1])[0]


def _low(tokens: Sequence[TokenLogprob]) -> float:
    return sorted(_logprobs(tokens))[int(_TAIL * (len(tokens) - 1))]


def _margin(tokens: Sequence[TokenLogprob]) -> float:
    return math.fsum(_margins(tokens)) / len(tokens)


def _margins(tokens: Sequence[TokenLogprob]) -> list[float]:
    """Of the best token over the next one; where the next is not told, it has what the best left."""
    gaps = []
    for token, logprob in zip(tokens, _logprobs(tokens), strict=True):
        rest = math.log(max(1 - math.exp(logprob), 1e-12))
        gaps.append(logprob - (rest if token.runner_up is None else _tame(token.runner_up)))
    return gaps


def _sure_share(tokens: Sequence[TokenLogprob]) -> float:
    return math.fsum(_sure(tokens)) / len(tokens)


def _sure(tokens: Sequence[TokenLogprob]) -> list[float]:
    return [float(logprob > _DOUBTFUL) for logprob in _logprobs(tokens)]


SIGNALS: Mapping[str, Callable[[Sequence[TokenLogprob]], float]] = {
    MEAN: _mean,
    "sum": _total,
    "minimum": _least,
    "low": _low,
    "first": _first,
    "margin": _margin,
    "sure_share": _sure_share,
}
"""Signals by name: higher is surer. `low` is the tenth part's quantile, `sure_share` that of tokens above one half."""

_AVERAGED: Mapping[str, Callable[[Sequence[TokenLogprob]], list[float]]] = {
    MEAN: _logprobs,
    "margin": _margins,
    "sure_share": _sure,
}
_HIGHEST = {"margin": -_FLOOR, "sure_share": 1.0}
_LEAST_TOKENS = 8
_Z = NormalDist().inv_cdf(0.95)


def at_most(signal: str, tokens: Sequence[TokenLogprob]) -> float:
    """The highest that a signal of the whole answer may well be, by the tokens of its beginning.

    A sum and a minimum never rise as an answer goes on, and its first token stays. The others may: of an average it is
    the upper end of the one-sided 95 % interval (normal approximation), of `low` that of the quantile's order
    statistic, both taking the tokens that are to come to be like those that came. Too few tokens say nothing, so it is
    the highest there is.
    """
    values = _AVERAGED[signal](tokens) if signal in _AVERAGED else _logprobs(tokens)
    if signal not in _AVERAGED and signal != "low":
        return SIGNALS[signal](tokens)
    count = len(values)
    if count < _LEAST_TOKENS:
        return _HIGHEST.get(signal, 0.0)
    if signal == "low":
        rank = _TAIL * (count - 1) + _Z * math.sqrt(count * _TAIL * (1 - _TAIL))
        return sorted(values)[min(int(rank), count - 1)]
    return min(fmean(values) + _Z * stdev(values) / math.sqrt(count), max(values))


class Confidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `confidence.json` holds.

    Attributes:
        signal: a name in SIGNALS: what the calibrators were fitted on.
        models: calibrators by model, or tier, then by family of tasks; "" is for all families.
        silent: of models, or tiers, that tell no log-probability, how likely any of their answers is right.
        overall: for models that are not known; None where there is none.
    """

    signal: str = MEAN
    models: Mapping[str, Mapping[str, Calibrator]] = {}
    silent: Mapping[str, float] = {}
    overall: Calibrator | None = None

    def calibrator(self, model: str, family: str, tier: str = "") -> Calibrator | None:
        """The one that knows most of such an answer; None where nothing is known."""
        known = self.models.get(model) or self.models.get(tier) or {}
        return known.get(family) or known.get("") or self.overall

    def has_families(self, model: str, tier: str = "") -> bool:
        """Whether the family of a task makes a difference."""
        return any(self.models.get(model) or self.models.get(tier) or {})

    def probability(self, model: str, family: str, answer: Answer, tier: str = "") -> float | None:
        """That an answer is right; None where its log-probabilities, or a calibrator, are missing.

        Calibrators were fitted on whole answers. Of a beginning it is the highest that the whole may well reach
        (see `at_most`).

        Args:
            tier: of the model, where calibrators may have its name.
        """
        named = model if model in self.models or model in self.silent else tier
        if named in self.silent:
            return self.silent[named]
        calibrator = self.calibrator(model, family, tier)
        if calibrator is None or not answer.logprobs:
            return None
        tokens = answer.logprobs
        signal = SIGNALS[self.signal](tokens) if answer.whole else at_most(self.signal, tokens)
        return probability(calibrator, signal)


def probability(calibrator: Calibrator, score: float) -> float:
    """What a curve says, and among answers of which it says the same, a hair more where the score is higher.

    A curve is level where confidence tells nothing. A threshold there could only keep all answers or none.
    """
    return calibrator.p(score) * (1 - _HAIR) + _HAIR * (0.0 if math.isnan(score) else sigmoid(score))


def encode_confidence(confidence: Confidence) -> bytes:
    return msgspec.json.encode(confidence)


def decode_confidence(data: bytes) -> Confidence:
    """Read `confidence.json`.

    Raises:
        ConfigError: router_part_invalid.
    """
    try:
        found = msgspec.json.decode(data, type=Confidence)
        if found.signal not in SIGNALS:
            raise ValueError(f"no signal is named {found.signal[:64]!r}")
        curves = [curve for known in found.models.values() for curve in known.values()]
        for curve in (*curves, *((found.overall,) if found.overall else ())):
            _check(curve)
        if not all(0 <= share <= 1 for share in found.silent.values()):
            raise ValueError("a probability is from 0 to 1")
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as error:
        raise ConfigError(
            f"confidence.json cannot be read: {error}",
            code="router_part_invalid",
            hint="homeport route rollback goes back to a version that can be read",
        ) from error
    return found


def _check(curve: Calibrator) -> None:
    if not 0 <= curve.lowest <= 1:
        raise ValueError("a probability is from 0 to 1")
    if isinstance(curve, Isotonic):
        rising = all(low < high for low, high in pairwise(curve.knots))
        level = all(low <= high for low, high in pairwise(curve.values))
        inside = all(0 <= value <= 1 for value in curve.values)
        if len(curve.knots) != len(curve.values) or not (rising and level and inside):
            raise ValueError("a curve's knots rise and its values never fall")
