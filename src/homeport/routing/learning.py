"""A router fitted again from what was said of answers, and whether it may decide.

Only the tier that answered was rated. What the other would have been worth is filled in with that tier's mean, and
what was said is weighed by how unlikely it was to be asked: the doubly robust pseudo-outcomes of Kennedy, "Towards
optimal doubly robust estimation of heterogeneous causal effects" (Electronic Journal of Statistics 17, 2023). A gap
model is fitted on their difference.

It decides only where two judges find it no worse than the version in use: the log itself, by off-policy evaluation,
and a benchmark of recorded answers that does not change.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from homeport.core.errors import ConfigError
from homeport.routing.fit import DIMENSION, Sample, fit, fit_curve
from homeport.routing.gap import Curve, GapModel, gap_model
from homeport.routing.rows import Rows
from homeport.routing.selection import Validation, choose, cross_validate
from homeport.routing.thresholds import decode_thresholds, encode_thresholds, sketch
from homeport.routing.traces import Trace, read_trace
from homeport.routing.versions import GAP, THRESHOLDS, Version, Versions
from homeport.stats.offpolicy import LEAST_EFFECTIVE, Logged, TooLittleOverlap, Value, effective_size, lift
from homeport.stats.ranking import Estimate, Ranking, compare
from homeport.storage.feedback import Label

FEWEST_LABELS = 200
FEWEST_OF_A_TIER = 30

MARGIN = 0.02
"""By so much a new version may be worse, at the lower end of the interval of the difference, and be used."""

_MOST_WEIGHT = 20.0
"""Of one rating: a rare one shall not decide alone. It costs a little bias."""

_ROUTINE = 0.9
"""What was decided with at least this probability tells nothing of the other tier."""

_SAME = 0.01
"""A share of requests that move elsewhere which is none."""


class Rating(msgspec.Struct, frozen=True, kw_only=True):
    """A label that can be used: its trace, the tier that was decided, and its reward from 0 to 1."""

    trace: Trace
    decided: str
    answered: bool
    propensity: float
    reward: float


class Relearned(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        labels: by tier.
        moved: share of the rated requests that the new version would have sent elsewhere.
        lift: of the mean reward, by the log; None where the log cannot tell.
        benchmark: by how much its APGR on the benchmark is above that of the version in use; None without one.
        against: why it does not decide; empty where it does.
    """

    version: Version
    promoted: bool
    configuration: str
    labels: Mapping[str, int]
    moved: float
    lift: Value | None
    benchmark: Estimate | None
    against: tuple[str, ...]


def relearn(
    versions: Versions,
    labels: Sequence[Label],
    ladder: Sequence[str],
    *,
    benchmark: Rows | None,
    fewest: int = FEWEST_LABELS,
    seed: int = 0,
) -> Relearned:
    """Fit on labels, keep the result as a version, and use it where nothing speaks against it.

    Args:
        ladder: the tiers of the configuration, the weakest first.
        benchmark: recorded answers of a weak and a strong model.

    Raises:
        ConfigError: labels_too_few; labels_without_gap, where the upper tier is not rated better.
        HomeportError: as `Versions`.
    """
    ratings = usable(labels, ladder)
    tiers = _tiers(ratings, ladder, fewest)
    means = {tier: _mean([one.reward for one in ratings if one.decided == tier]) for tier in tiers}
    sample = _sample(ratings, tiers, means)
    try:
        validation = cross_validate(sample, seed=seed)
        configuration = choose(sample, seed=seed)
    except ValueError as error:
        raise _without_gap(tiers) from error
    model = fit([sample], configuration).model(
        f"fitted on {len(ratings)} ratings", tuple(_curve(tier, ratings, validation) for tier in tiers)
    )
    current = versions.current()
    log, moved = _log(ratings, tiers, means, validation.scores.tolist())
    gain, told = _judge_by_log(log, moved)
    found = _judge_by_benchmark(model, gap_model(versions.read(current, GAP)), benchmark, seed)
    against = (*told, *_against(gain, found))
    version = versions.add(
        _parts(versions, current, model, validation),
        f"refitted on {len(ratings)} ratings" + ("" if not against else "; a candidate"),
        _metrics(len(ratings), gain, found),
    )
    if not against:
        versions.point(version.number)
    return Relearned(
        version=version,
        promoted=not against,
        configuration=configuration.name,
        labels=Counter(one.decided for one in ratings),
        moved=moved,
        lift=gain,
        benchmark=found,
        against=against,
    )


def usable(labels: Sequence[Label], ladder: Sequence[str]) -> list[Rating]:
    """Those whose trace can be read and whose answer is that of a tier the policy chose, or came of it."""
    found = []
    for label in labels:
        kept = read_trace(label.features)
        decided = label.decided or label.tier
        if kept is None or decided not in ladder or not (label.tier == decided or label.escalated):
            continue  # a failover's answer is of a tier that nobody chose
        found.append(
            Rating(
                trace=kept,
                decided=decided,
                answered=label.tier == decided,
                propensity=label.propensity,
                reward=(label.score + 1) / 2,
            )
        )
    return found


def _tiers(ratings: Sequence[Rating], ladder: Sequence[str], fewest: int) -> tuple[str, ...]:
    """Those that were rated often enough, the weakest first. Raises ConfigError."""
    counts = Counter(one.decided for one in ratings)
    tiers = tuple(tier for tier in ladder if counts[tier] >= FEWEST_OF_A_TIER)
    if len(ratings) < fewest or len(tiers) < 2:
        told = ", ".join(f"{tier}: {counts[tier]}" for tier in ladder)
        raise ConfigError(
            f"{len(ratings)} ratings are too few to fit a router on ({told})",
            code="labels_too_few",
            hint=f"bring {fewest}, with {FEWEST_OF_A_TIER} of at least two tiers: POST /v1/feedback, and "
            "routing.options.explore lets each tier answer some",
        )
    return tiers


def _sample(ratings: Sequence[Rating], tiers: Sequence[str], means: Mapping[str, float]) -> Sample:
    """Pseudo-outcomes of the weakest and of the strongest tier, with what was kept of the prompts."""
    import numpy as np
    from scipy.sparse import csr_matrix

    starts = np.cumsum([0, *(len(one.trace.places) for one in ratings)])
    places = [place for one in ratings for place in one.trace.places]
    values = [value for one in ratings for value in one.trace.values]
    words = csr_matrix((np.array(values, float), np.array(places, int), starts), shape=(len(ratings), DIMENSION))
    qualities = np.array([[_pseudo(one, tier, means[tier]) for tier in (tiers[0], tiers[-1])] for one in ratings])
    return Sample(
        features=np.array([one.trace.features for one in ratings]),
        words=words,
        qualities=qualities,
        groups=("",) * len(ratings),
    )


def _pseudo(rating: Rating, tier: str, mean: float) -> float:
    if rating.decided != tier or not rating.answered:
        return mean
    return mean + min(1 / rating.propensity, _MOST_WEIGHT) * (rating.reward - mean)


def _curve(tier: str, ratings: Sequence[Rating], validation: Validation) -> Curve:
    import numpy as np

    places = [place for place, one in enumerate(ratings) if one.decided == tier and one.answered]
    rewards = np.array([ratings[place].reward for place in places])
    return fit_curve(tier, validation.scores[places], rewards)


def _log(
    ratings: Sequence[Rating], tiers: Sequence[str], means: Mapping[str, float], scores: Sequence[float]
) -> tuple[list[Logged], float]:
    """The log as the new version sees it, and the share of requests that it would send elsewhere.

    It sends as many to each tier as were sent there, those with the highest scores to the strongest.
    """
    among = [place for place, one in enumerate(ratings) if one.decided in means]
    weights = Counter[str]()
    for place in among:
        weights[ratings[place].decided] += 1
    ranked = sorted(among, key=lambda place: scores[place])
    wanted: dict[int, str] = {}
    for tier in tiers:
        for place in ranked[len(wanted) : len(wanted) + weights[tier]]:
            wanted[place] = tier
    log = [_logged(ratings[place], wanted[place], means) for place in among]
    moved = sum(ratings[place].decided != wanted[place] for place in among) / len(among)
    return log, moved


def _logged(rating: Rating, wanted: str, means: Mapping[str, float]) -> Logged:
    return Logged(
        propensity=rating.propensity,
        target=float(rating.decided == wanted),
        reward=rating.reward,
        expected_taken=means[rating.decided],
        expected=means[wanted],
    )


def _judge_by_log(log: Sequence[Logged], moved: float) -> tuple[Value | None, tuple[str, ...]]:
    """The lift, or why it is not known: what was always decided one way says nothing of the other."""
    telling = [one for one in log if one.propensity < _ROUTINE and one.target > 0]
    effective = effective_size([one.target / one.propensity for one in telling])
    if moved > _SAME and effective < LEAST_EFFECTIVE:
        return None, (_too_little(len(telling), effective),)
    try:
        return lift(log), ()
    except TooLittleOverlap as error:
        return None, (f"the log says too little: about {error.needed} ratings are needed",)


def _too_little(there: int, effective: float) -> str:
    needed = math.ceil(there * LEAST_EFFECTIVE / effective) if effective else math.ceil(LEAST_EFFECTIVE)
    return (
        f"{there} rated requests were explored and went where it would send them; about {needed} are needed to say "
        "what it is worth (routing.options.explore)"
    )


def _judge_by_benchmark(model: GapModel, before: GapModel, rows: Rows | None, seed: int) -> Estimate | None:
    if rows is None:
        return None
    new, old = (
        Ranking(
            [one.score_text(row.prompt).score for row in rows.rows],
            [row.quality[0] for row in rows.rows],
            [row.quality[-1] for row in rows.rows],
        )
        for one in (model, before)
    )
    return compare(new, old, seed=seed)


def _against(gain: Value | None, found: Estimate | None) -> tuple[str, ...]:
    against = []
    if gain is not None and gain.low < -MARGIN:
        against.append(f"by the log its mean reward may be {-gain.low:.3f} lower; {MARGIN} is allowed")
    if found is None:
        against.append("there is no benchmark to try it on: --benchmark FILE")
    elif found.low < -MARGIN:
        against.append(f"on the benchmark its APGR may be {-found.low:.3f} lower; {MARGIN} is allowed")
    return tuple(against)


def _parts(versions: Versions, current: Version, model: GapModel, validation: Validation) -> dict[str, bytes]:
    parts = {GAP: model.encode()}
    if (written := versions.read(current, THRESHOLDS)) is not None:
        # Scores of another model are spread in another way; what was promised of them is not known of these.
        spread = sketch(validation.scores.tolist())
        parts[THRESHOLDS] = encode_thresholds(
            msgspec.structs.replace(decode_thresholds(written), sketch=spread, promise=None)
        )
    return parts


def _metrics(count: int, gain: Value | None, found: Estimate | None) -> dict[str, float]:
    metrics = {"ratings": float(count)}
    if gain is not None:
        metrics |= {"lift": gain.estimate, "lift_low": gain.low, "lift_high": gain.high}
    if found is not None:
        metrics["apgr_over_parent"] = found.value
    return metrics


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _without_gap(tiers: Sequence[str]) -> ConfigError:
    return ConfigError(
        f"{tiers[-1]} is not rated better than {tiers[0]}, so there is nothing to route for",
        code="labels_without_gap",
        hint="bring more ratings; if it stays so, the cheaper tier is enough",
    )
