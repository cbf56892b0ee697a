"""`homeport bench cascade`: what escalating by confidence would have been worth, on recorded answers."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich import box
from rich.table import Table

from homeport.cli.context import Context, Json
from homeport.core.errors import ConfigError
from homeport.routing.calibrating import fit_confidence, measure_confidence
from homeport.routing.recordings import Recording, read_recording
from homeport.routing.rehearsal import Outcome, Rehearsal, Standing
from homeport.stats.ranking import Estimate

RATES = (0.0, 0.05, 0.08, 0.1, 0.2, 0.21, 0.3, 0.5, 1.0)
SPLITS = {2: (0.70, 0.30), 3: (0.70, 0.22, 0.08)}
_LEFT = 0.30
_FIRST = 0.70
_MOST_RATES = 50
_TELLING = 0.01
"""Lower weights are not shown."""


def register(app: typer.Typer) -> None:
    app.command()(cascade)


def cascade(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A recording: JSON lines of what several models answered.")],
    models: Annotated[str, typer.Option(help="Two models of it or more, the cheapest first: WEAK,STRONG.")],
    split: Annotated[str, typer.Option(help="Shares of the models, such as 70/22/8.")] = "",
    rates: Annotated[str, typer.Option(help="Per cents of the answers to ask again, beside the usual: 8,21.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Seed of what is drawn.")] = 0,
    json: Json = False,
) -> None:
    """Fit a cascade on a recording's rows of `train`, and measure it on those of `test`.

    A line: {"split": "train", "prompt": "...", "models": {"NAME": {"correct": 1, "logconf": -0.2, "cost_usd": 0.001}}};
    logconf is a log-probability, null for minus infinity. Figures are of the first model against the last.

    Example: homeport bench cascade rows.jsonl --models small,large --json
    """
    state: Context = context.obj
    named = parse_models(models)
    shares = parse_split(split, len(named)) if split else default_split(len(named))
    also = parse_rates(rates)
    told = _measured(read_recording(file, named), shares, sorted({*RATES, *also}), seed)
    if json:
        state.print_json({"file": str(file), **told})
    else:
        _show(state, told)


def parse_models(models: str) -> list[str]:
    """Names between commas."""
    return [name.strip() for name in models.split(",") if name.strip()]


def default_split(count: int) -> tuple[float, ...]:
    """70/22/8 of three models; of more, equal shares of what the first leaves."""
    return SPLITS.get(count) or (_FIRST, *[_LEFT / max(count - 1, 1)] * (count - 1))


def parse_split(split: str, count: int) -> tuple[float, ...]:
    """Shares from per cents.

    Raises:
        ConfigError: split_invalid.
    """
    try:
        shares = tuple(float(part) / 100 for part in split.split("/"))
    except ValueError:
        shares = ()
    if len(shares) != count or not all(0 <= share <= 1 for share in shares) or abs(sum(shares) - 1) > 1e-6:
        raise ConfigError(
            f"--split {ascii(split)[:40]} does not split all requests among {count} models",
            code="split_invalid",
            hint="write a percentage for each model, together 100: 70/22/8",
        )
    return shares


def parse_rates(rates: str) -> tuple[float, ...]:
    """Shares from per cents between commas.

    Raises:
        ConfigError: split_invalid.
    """
    try:
        found = tuple(float(part) / 100 for part in rates.split(",") if part.strip())
    except ValueError:
        found = (math.nan,)
    if len(found) > _MOST_RATES or not all(0 <= rate <= 1 for rate in found):
        raise ConfigError(
            f"--rates {ascii(rates)[:40]} are no per cents of answers",
            code="split_invalid",
            hint=f"write {_MOST_RATES} numbers from 0 to 100 at most: 8,21",
        )
    return found


def _measured(recording: Recording, shares: tuple[float, ...], rates: Sequence[float], seed: int) -> dict[str, Any]:
    rehearsal = Rehearsal(recording, seed)
    test = recording.part("test")
    confidence = fit_confidence(recording.part("train"), recording.models)
    calibration = {model: measure_confidence(confidence, test, model) for model in recording.models}
    ways = {
        "prompt": rehearsal.standing(blind=True),
        "confidence": rehearsal.by_confidence(),
        "combined": rehearsal.standing(),
    }
    split, first = "/".join(f"{100 * share:g}" for share in shares), calibration[recording.models[0]]
    outcome = rehearsal.outcome(shares)
    outcomes = {split: outcome, **{f"{rate:g}": rehearsal.straight(rate) for rate in rates}}
    return {
        "models": list(recording.models),
        "rows": {"train": len(recording.part("train")), "test": len(test), "skipped": recording.skipped},
        "warnings": _warnings(recording, rehearsal, calibration[recording.models[0]].told),
        "accuracy": rehearsal.accuracy(),
        **_headline(ways["combined"]),
        "ece_before": first.ece_before,
        "ece_after": ways["combined"].ece,
        "cost_ratio": outcome.cost_ratio,
        "cost_ratio_asked": outcome.cost_ratio_asked,
        "cost_ratio_split": split,
        "accuracy_at": {name: one.accuracy for name, one in outcomes.items()},
        "of_strongest_at": {name: one.of_strongest.value for name, one in outcomes.items()},
        "outcomes": {name: _plain(one) for name, one in outcomes.items()},
        "held_thresholds": {split: _plain(rehearsal.held(shares))},
        "variants": {name: _variant(way) for name, way in ways.items()},
        "calibration": {name: msgspec.to_builtins(one) for name, one in calibration.items()},
    }


def _warnings(recording: Recording, rehearsal: Rehearsal, told: float) -> list[str]:
    found = []
    if rehearsal.disorder():
        found.append(f"the models are not in the order of their quality: {rehearsal.disorder()}")
    if not told:
        found.append(f"{recording.models[0]} tells no log-probability: only prompts are read")
    if recording.skipped:
        found.append(f"{recording.skipped} rows lack one of the models and were left out")
    return found


def _headline(way: Standing) -> dict[str, Any]:
    def interval(figure: Estimate | None) -> list[float] | None:
        return [figure.low, figure.high] if figure else None

    return {
        "auroc": way.auroc.value if way.auroc else None,
        "auroc_interval": interval(way.auroc),
        "auroc_escalation": way.auroc_escalation.value if way.auroc_escalation else None,
        "apgr": way.apgr.value if way.apgr else None,
        "apgr_interval": interval(way.apgr),
    }


def _variant(way: Standing) -> dict[str, Any]:
    weights = {name: round(weight, 3) for name, weight in way.weights.items() if weight >= _TELLING}
    return {**_headline(way), "chosen": way.chosen, "weights": weights}


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {
        "shares": list(outcome.shares),
        "accuracy": outcome.accuracy,
        "of_strongest": outcome.of_strongest.value,
        "of_strongest_interval": [outcome.of_strongest.low, outcome.of_strongest.high],
        "cost_ratio": outcome.cost_ratio,
        "cost_ratio_asked": outcome.cost_ratio_asked,
    }


def _show(state: Context, told: dict[str, Any]) -> None:
    for warning in told["warnings"]:
        state.console.print(f"[yellow]warning[/] {warning}")
    ways = Table(box=box.SIMPLE_HEAD)
    for name in ("scores", "AUROC", "APGR", "chosen"):
        ways.add_column(name, justify="left" if name in ("scores", "chosen") else "right")
    for name, way in told["variants"].items():
        ways.add_row(name, *(_figure(way, figure) for figure in ("auroc", "apgr")), way["chosen"])
    state.console.print(ways, markup=False)
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("asked again", "accuracy", "of the strongest", "cost of answers", "of all asked"):
        table.add_column(name, justify="right")
    for name, at in told["outcomes"].items():
        low, high = at["of_strongest_interval"]
        costs = ("-" if at[cost] is None else f"{at[cost]:.1%}" for cost in ("cost_ratio", "cost_ratio_asked"))
        table.add_row(name, f"{at['accuracy']:.1%}", f"{at['of_strongest']:.1%} ({low:.1%}-{high:.1%})", *costs)
    state.console.print(table, markup=False)
    state.console.print(f"calibration error {told['ece_before']:.3f} before, {told['ece_after']:.3f} after")


def _figure(way: dict[str, Any], name: str) -> str:
    if way[name] is None:
        return "-"
    low, high = way[f"{name}_interval"]
    return f"{way[name]:.3f} ({low:.3f}-{high:.3f})"
