"""`make bench-split`: does a split hold while the traffic drifts, and a promise of quality?

A split of 70/22/8 on streams of scores that drift (a step, a line, a season; invented scores, and scores of real
prompts whose order makes them harder), with thresholds that were set once and with a controller: the most points that
a tier is off, over the whole stream and over each 2,000 requests after the first 2,000.

A promise of at most ALPHA lost with confidence 0.9 is fitted on 200 samples of labelled rows; how often is the loss on
all rows above it? It may be in 10 % of the samples. Writes bench/results/split.json.
"""

import argparse
import gzip
import math
import os
import random
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np
from rich.table import Table

from bench import results
from bench.targets import Target, all_met, judge
from homeport.core.errors import ConfigError
from homeport.routing.gap import gap_model
from homeport.routing.promises import Ladder, keep_promise
from homeport.routing.prompt_columns import PromptColumns
from homeport.routing.recordings import Result, Row, read_recording
from homeport.routing.thresholds import Controller, sketch, static_cuts
from homeport.stats.ridge import fit_ridge

SHARES = (0.70, 0.22, 0.08)
_REQUESTS, _WINDOW, _STEP = 20_000, 2_000, 200
_ALPHA, _CONFIDENCE, _LABELS = 0.05, 0.9, 1_000
_FOLDS = 5
_DATA = Path(os.environ.get("HOMEPORT_DATA") or Path(__file__).parents[2] / "shared" / "data") / "routing"
TARGETS = (
    Target(figure="points_off_held", bound=2.0),
    Target(figure="points_off_static", bound=5.0, at_least=True),
    Target(figure="promises_broken_percent", bound=100 * (1 - _CONFIDENCE) + 2),
    Target(figure="refused_with_number", bound=1, at_least=True),
)


class Graded(msgspec.Struct, frozen=True):
    """A prompt of RouteLLM's MMLU, and which of the two models was right."""

    prompt: str
    weak: int
    strong: int
    contaminated: bool


def main(arguments: Sequence[str]) -> int:
    """0 if every target is met."""
    parser = argparse.ArgumentParser(prog="make bench-split", description=__doc__)
    parser.add_argument("--resamples", type=int, default=200)
    parser.add_argument("--recording", type=Path, default=results.FOLDER / "cascade_rows.jsonl")
    parser.add_argument("--models", default="smollm2,gemma", help="of the recording, the cheapest first")
    options = parser.parse_args(arguments)
    console = results.make_console()
    graded = _graded(_DATA / "routellm_mmlu.jsonl.gz")
    streams = {**_invented(), **(_real(graded) if graded else {})}
    held = {name: _points(first, stream, hold=True) for name, (first, stream) in streams.items()}
    static = {name: _points(first, stream, hold=False) for name, (first, stream) in streams.items()}
    table = Table("stream", "points off, set once", "points off, held")
    for name in streams:
        table.add_row(name, f"{static[name]:.2f}", f"{held[name]:.2f}")
    console.print(table)
    rows = {"mmlu": _scored(graded)} if graded else {}
    if options.recording.exists():
        rows["recording"] = list(read_recording(options.recording, options.models.split(",")).rows)
    broken = {name: _broken(found, options.resamples) for name, found in rows.items()}
    for name, (share, lost, kept) in broken.items():
        console.print(f"{name}: {share:.1f} % broken; {lost:.3f} lost on average, {kept:.1%} of requests stay")
    figures = {
        "points_off_held": max(held.values()),
        "points_off_static": min(points for name, points in static.items() if name != "steady"),
        "promises_broken_percent": max((share for share, _, _ in broken.values()), default=None),
        "refused_with_number": _refused(next(iter(rows.values()), [])),
    }
    verdicts = judge(TARGETS, figures)
    results.show_verdicts(console, verdicts)
    results.write("split.json", {"figures": figures, "held": held, "static": static, "broken": broken})
    return 0 if all_met(verdicts) else 1


def _invented() -> dict[str, tuple[list[float], list[float]]]:
    """What thresholds are set on, and a stream."""
    rng = random.Random(0)

    def stream(harder: Iterable[float]) -> list[float]:
        return [rng.gauss(moved, 1) for moved in harder]

    whens = [place / _REQUESTS for place in range(_REQUESTS)]
    first = stream([0.0] * 5_000)
    return {
        "steady": (first, stream(0.0 for _ in whens)),
        "step": (first, stream(0.8 if when > 0.5 else 0.0 for when in whens)),
        "line": (first, stream(1.5 * when for when in whens)),
        "season": (first, stream(0.8 * math.sin(6 * math.pi * when) for when in whens)),
        "far away": (first, stream(30.0 if when > 0.5 else 0.0 for when in whens)),
    }


def _real(graded: Sequence[Graded]) -> dict[str, tuple[list[float], list[float]]]:
    """Scores that the router which comes with Homeport gives to real prompts; half of them are for the thresholds."""
    rng, model = random.Random(0), gap_model(None)
    scores = [model.score_text(one.prompt).score for one in graded]
    rng.shuffle(scores)
    first, rest = scores[: len(scores) // 2], scores[len(scores) // 2 :]
    ranked = sorted(rest)
    # Later requests are drawn from ever harder prompts.
    line = [
        ranked[int(len(ranked) * rng.uniform(0.6 * when, 0.4 + 0.6 * when))] for when in np.linspace(0, 1, _REQUESTS)
    ]
    return {"real prompts, ever harder": (first, line)}


def _points(first: Sequence[float], stream: Sequence[float], *, hold: bool) -> float:
    """The most points that any tier is off, over all and over each window."""
    ranked = sketch(first)
    if hold:
        controller = Controller(SHARES, ranked)
        state, tiers = controller.start(), []
        for score in stream:
            tier, state = controller.next(state, score)
            tiers.append(tier)
    else:
        tiers = [sum(score > cut for cut in static_cuts(ranked, SHARES)) for score in stream]
    counts = np.eye(len(SHARES))[tiers].cumsum(axis=0)
    starts = np.arange(_WINDOW, len(tiers) - _WINDOW, _STEP)
    shares = np.vstack([(counts[starts + _WINDOW] - counts[starts]) / _WINDOW, counts[-1:] / len(tiers)])
    return float(100 * np.abs(shares - np.array(SHARES)).max())


def _scored(graded: Sequence[Graded]) -> list[Row]:
    """Rows whose confidence is a score of the prompt by what was fitted on the other folds."""
    columns = PromptColumns([one.prompt for one in graded]).measure([one.prompt for one in graded])
    gaps = np.array([one.strong - one.weak for one in graded], float)
    folds = np.random.default_rng(0).permutation(len(graded)) % _FOLDS
    scores = np.zeros(len(graded))
    for fold in range(_FOLDS):
        scores[folds == fold] = fit_ridge(columns[folds != fold], gaps[folds != fold]).predict(columns[folds == fold])
    return [
        Row(
            split="train",
            prompt=one.prompt,
            models={
                "weak": Result(graded=one.weak, logconf=-float(score), cost_usd=0.04),
                "strong": Result(graded=one.strong, logconf=None, cost_usd=1.0),
            },
        )
        for one, score in zip(graded, scores, strict=True)
    ]


def _broken(rows: Sequence[Row], resamples: int) -> tuple[float, float, float]:
    """Per cent of the samples whose promise is broken; the mean loss, and the mean share of the cheapest model."""
    models, rng = tuple(rows[0].models), np.random.default_rng(0)
    models = tuple(sorted(models, key=lambda name: sum(row.models[name].cost_usd for row in rows)))
    losses, shares = [], []
    for seed in range(resamples):
        sample = [rows[place] for place in rng.integers(0, len(rows), _LABELS)]
        kept = keep_promise(sample, models, _ALPHA, _CONFIDENCE, seed=seed)
        everything = Ladder(rows, models, kept.calibrators)
        accept = [kept.accept[model] for model in models[:-1]]
        losses.append(float(everything.losses(accept).mean()))
        shares.append(everything.shares(accept)[0])
    return 100 * float(np.mean(np.array(losses) > _ALPHA)), float(np.mean(losses)), float(np.mean(shares))


def _refused(rows: Sequence[Row]) -> float:
    try:
        keep_promise(rows[:300], tuple(rows[0].models) if rows else (), _ALPHA, _CONFIDENCE)
    except ConfigError as error:
        return float(error.code == "labels_too_few" and "500" in error.message)
    return 0.0


def _graded(path: Path) -> list[Graded]:
    if not path.exists():
        print(f"{path.name} is not there: set HOMEPORT_DATA to the folder of the reference data")
        return []
    with gzip.open(path) as file:
        found = [msgspec.json.decode(line, type=Graded) for line in file]
    return [one for one in found if not one.contaminated]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
