"""The router on RouteLLM's three sets of recorded answers, beside what was published on them.

Protocol and sets: Ong et al., "RouteLLM: Learning to Route LLMs with Preference Data" (arXiv 2406.18665). Weak is
Mixtral-8x7B, strong GPT-4-1106. Rows that its authors mark as contaminated are left out.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from homeport.core.errors import ConfigError
from homeport.routing.fit import Sample, fit
from homeport.routing.rows import Rows, read_rows
from homeport.routing.selection import FOLDS, choose_for_others, cross_validate, read_checked
from homeport.stats.ranking import Figures, Ranking, measure

SETS = ("mmlu", "gsm8k", "mtbench")
LENGTH, ZERO_SHOT, IN_DOMAIN, GROUPED = "prompt length", "zero-shot", "in-domain", "in-domain by subject"

CHOSEN = (
    "Zero-shot: fitted on the two other sets, each counting the same. The configuration is chosen on those two alone: "
    "every candidate is fitted on one and ranked on the other, both ways, and the simplest within one standard error "
    "of the best mean APGR is taken. In-domain: 5 folds; in each the configuration is the one with the highest APGR "
    "in a 3-fold cross-validation inside the other four. By subject: the same with whole subjects in one fold. "
    "No figure of a test row was read to choose."
)

PUBLISHED: Mapping[str, Mapping[str, tuple[float, float, float]]] = {
    "mmlu": {
        "random": (0.500, 50.1, 79.9),
        "RouteLLM matrix factorisation": (0.597, 35.5, 71.4),
        "RouteLLM BERT": (0.572, 41.3, 72.2),
        "RouteLLM causal LLM 8B": (0.600, 35.5, 70.3),
        "RouteLLM similarity-weighted": (0.603, 35.4, 71.6),
    },
    "gsm8k": {
        "random": (0.497, 50.0, 80.1),
        "RouteLLM matrix factorisation": (0.565, 38.8, 72.6),
        "RouteLLM BERT": (0.531, 44.8, 79.1),
        "RouteLLM causal LLM 8B": (0.622, 33.6, 63.3),
        "RouteLLM similarity-weighted": (0.568, 41.2, 72.2),
    },
    "mtbench": {
        "random": (0.500, 49.0, 78.1),
        "RouteLLM matrix factorisation": (0.802, 13.4, 31.3),
        "RouteLLM BERT": (0.751, 19.6, 34.0),
        "RouteLLM causal LLM 8B": (0.679, 31.5, 48.8),
        "RouteLLM similarity-weighted": (0.759, 23.2, 36.0),
    },
}
"""APGR, CPT50 and CPT80 of the routers that RouteLLM published, trained on preferences of people (arXiv 2406.18665)."""

TARGETS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    IN_DOMAIN: {"mmlu": (0.67, 0.69), "gsm8k": (0.61, 0.63)},
}
"""APGR that in-domain must not be below, and what is aimed at."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A router on a set; `chosen` names the configurations, `fitted_on` the sets whose rows it was fitted on."""

    figures: Figures
    chosen: tuple[str, ...] = ()
    fitted_on: tuple[str, ...] = ()


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A set: how many rows, the mean quality of both models, and each router."""

    rows: int
    weak: float
    strong: float
    routers: Mapping[str, Measured]


def benchmark(folder: Path, *, seed: int, resamples: int, told: Callable[[str], None]) -> Mapping[str, Result]:
    """Measure every router on every set.

    Args:
        told: is given what is begun, in a few words.

    Raises:
        ConfigError: recordings_missing, where a set is not in the folder; as `read_rows` and `read_checked`.
    """
    rows = {name: read_rows(_path(folder, name), ("weak", "strong")) for name in SETS}
    samples = {}
    for name in SETS:
        told(f"reading {name}")
        samples[name] = read_checked(rows[name], seed=seed)
    return {
        name: Result(
            rows=len(rows[name].rows),
            weak=float(samples[name].weak.mean()),
            strong=float(samples[name].strong.mean()),
            routers=dict(_routers(name, rows[name], samples, seed, resamples, told)),
        )
        for name in SETS
    }


def _routers(
    name: str, rows: Rows, samples: Mapping[str, Sample], seed: int, resamples: int, told: Callable[[str], None]
) -> Iterator[tuple[str, Measured]]:
    sample = samples[name]
    weak, strong = sample.weak.tolist(), sample.strong.tolist()

    def measured(scores: list[float], chosen: tuple[str, ...] = (), fitted_on: tuple[str, ...] = ()) -> Measured:
        figures = measure(Ranking(scores, weak, strong), seed=seed, resamples=resamples)
        return Measured(figures=figures, chosen=chosen, fitted_on=fitted_on)

    yield "random", measured([0.0] * len(weak))
    yield LENGTH, measured([float(len(row.prompt)) for row in rows.rows])
    told(f"{name}: {ZERO_SHOT}")
    others = {other: found for other, found in samples.items() if other != name}
    configuration = choose_for_others([*others.values()], seed=seed)
    scores = fit([*others.values()], configuration).predict(sample)
    yield ZERO_SHOT, measured(scores.tolist(), (configuration.name,), tuple(others))
    told(f"{name}: {IN_DOMAIN}")
    own = cross_validate(sample, seed=seed)
    yield IN_DOMAIN, measured(own.scores.tolist(), own.chosen, (name,))
    if name == "mmlu" and len({*sample.groups}) >= FOLDS:
        told(f"{name}: {GROUPED}")
        own = cross_validate(sample, seed=seed, grouped=True)
        yield GROUPED, measured(own.scores.tolist(), own.chosen, (name,))
    yield "oracle", measured((sample.strong - sample.weak).tolist())


def _path(folder: Path, name: str) -> Path:
    path = folder / f"routellm_{name}.jsonl.gz"
    if not path.is_file():
        raise ConfigError(
            f"{path.name} is not in {folder}",
            code="recordings_missing",
            hint="--folder names the folder of RouteLLM's rows",
        )
    return path
