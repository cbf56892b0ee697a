"""`homeport route calibrate`: what confidence means, and how sure an answer must be, from recorded answers."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from homeport.cli.bench_cascade import default_split, parse_models, parse_split
from homeport.cli.context import Context, Json, check_text
from homeport.core.errors import ConfigError
from homeport.routing.calibrating import fit_confidence, measure_confidence
from homeport.routing.confidence import MEAN, SIGNALS, Confidence, encode_confidence
from homeport.routing.gap import gap_model
from homeport.routing.promises import Ladder, accept_for_split, keep_promise
from homeport.routing.recordings import Row, read_recording
from homeport.routing.thresholds import Thresholds, encode_thresholds, sketch
from homeport.routing.versions import CONFIDENCE, GAP, THRESHOLDS, Version, Versions

_SCORED = 4_000
_LEAST = 40


def register(app: typer.Typer) -> None:
    app.command()(calibrate)


def calibrate(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="A recording, as for homeport bench cascade.")],
    models: Annotated[
        str, typer.Option(help="Its models, the cheapest first, named as your tiers or models; left out: all.")
    ] = "",
    split: Annotated[str, typer.Option(help="The share of each that is wanted, such as 70/22/8.")] = "",
    max_loss: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of the last one's accuracy, what may be lost: 0.02 is 2 points.")
    ] = None,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999, help="With which that is promised.")] = 0.9,
    signal: Annotated[str, typer.Option(help=f"What logconf is: {', '.join(SIGNALS)}.")] = MEAN,
    use: Annotated[bool, typer.Option("--use/--keep", help="Use the new version, or only keep it.")] = True,
    note: Annotated[str, typer.Option(help="What it is for; kept with the version.", callback=check_text)] = "",
    json: Json = False,
) -> None:
    """Make a router version of calibrators and thresholds that are fitted on a recording's rows of `train`.

    With --split each model answers its share; with --max-loss as much is answered by cheap models as can be while the
    accuracy stays within so much of the last model's, and that is promised only where there are labels enough.

    Example: homeport route calibrate rows.jsonl --models local,mid,frontier --max-loss 0.02
    """
    state: Context = context.obj
    _check(split, max_loss, signal)
    recording = read_recording(file, parse_models(models) if models else None)
    train, test = recording.part("train"), recording.part("test")
    if len(train) < _LEAST:
        raise ConfigError(
            f"{len(train)} rows of the split train have all of {', '.join(recording.models)}: too few",
            code="recording_too_short",
            hint=f"bring at least {_LEAST}; some hundreds say something",
        )
    shares = parse_split(split, len(recording.models)) if split else default_split(len(recording.models))
    versions = Versions(state.home.router, time.time_ns)
    known, found = _fitted(train, recording.models, shares, max_loss, confidence, signal)
    found = msgspec.structs.replace(found, sketch=_sketch(versions, train))
    measured = _measured(known, found, test) if test else {}
    metrics = {name: float(value) for name, value in measured.items() if isinstance(value, float)}
    parts = {CONFIDENCE: encode_confidence(known), THRESHOLDS: encode_thresholds(found)}
    version = versions.add(parts, note or f"calibrated on {ascii(file.name)[1:-1][:80]}", metrics)
    if use:
        versions.point(version.number)
    told = {"version": version.number, "in_use": use, **msgspec.to_builtins(found), "test": measured}
    told.pop("sketch")
    if json:
        state.print_json(told)
    else:
        _show(state, version, found, measured, use)


def _check(split: str, max_loss: float | None, signal: str) -> None:
    if signal not in SIGNALS:
        raise ConfigError(f"no signal is named {ascii(signal)[:40]}", code="signal_unknown", hint=", ".join(SIGNALS))
    if split and max_loss is not None:
        raise ConfigError(
            "a split and a quality cannot both be held", code="split_invalid", hint="give --split or --max-loss"
        )


def _fitted(
    train: Sequence[Row],
    models: Sequence[str],
    shares: tuple[float, ...],
    max_loss: float | None,
    confidence: float,
    signal: str,
) -> tuple[Confidence, Thresholds]:
    tiers = tuple(models)
    if max_loss is not None:
        kept = keep_promise(train, models, max_loss, confidence, signal=signal)
        return kept.calibrators, Thresholds(tiers=tiers, shares=kept.shares, accept=kept.accept, promise=kept.promise)
    accept = dict(zip(models, accept_for_split(train, models, shares, signal), strict=False))
    return fit_confidence(train, models, signal), Thresholds(tiers=tiers, shares=shares, accept=accept)


def _sketch(versions: Versions, train: Sequence[Row]) -> tuple[float, ...]:
    """Of the scores that the router in use gives to these prompts."""
    model = gap_model(versions.read(versions.current(), GAP))
    return sketch([model.score_text(row.prompt).score for row in train[:: max(1, len(train) // _SCORED)]])


def _measured(known: Confidence, found: Thresholds, test: Sequence[Row]) -> dict[str, Any]:
    """What comes of it on the rows of `test`."""
    ladder = Ladder(test, found.tiers, known)
    accept = [found.accept[tier] for tier in found.tiers[:-1]]
    calibration = measure_confidence(known, test, found.tiers[0])
    return {
        "rows": len(test),
        "shares": list(ladder.shares(accept)),
        "loss": float(ladder.losses(accept).mean()),
        "cost_ratio": ladder.cost_ratio(accept),
        "ece_before": calibration.ece_before,
        "ece_after": calibration.ece_after,
    }


def _show(state: Context, version: Version, found: Thresholds, measured: dict[str, Any], use: bool) -> None:
    say = state.console.print
    for tier in found.tiers[:-1]:
        cut = found.accept[tier]
        what = "never given" if cut > 1 else f"given from {max(cut, 0):.1%} on"
        say(f"an answer of {tier} is {what}", markup=False)
    if found.promise:
        say(f"at most {found.promise.max_loss:.1%} is lost, with confidence {found.promise.confidence:.0%}")
        if found.promise.cost_ratio >= 1:
            say("[yellow]this costs more than asking the last model every time[/]: allow a larger loss")
    if measured:
        split = " / ".join(f"{share:.1%}" for share in measured["shares"])
        cost = f"{measured['cost_ratio']:.1%} of the cost"
        say(f"on {measured['rows']} rows of test: {split}, {measured['loss']:.1%} lost, {cost}", markup=False)
    say(f"version {version.number} {'decides from now on' if use else 'is kept and not used'}")
