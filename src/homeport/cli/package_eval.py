"""`homeport package eval` and `homeport package probe`: a package's own suites, and whether answers repeat."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from homeport import bootstrap
from homeport.cli.context import Context, Json
from homeport.cli.progress import CountProgress
from homeport.core.errors import ConfigError
from homeport.evaluation.determinism import Plan, Probe
from homeport.evaluation.parity import Divergence, Parity, Step
from homeport.evaluation.results import Build, Outcome, Share, results_file
from homeport.packages.base import SilentProgress

_SHOWN = 10
_Name = Annotated[str, typer.Argument(help="A name from `homeport package list`.")]


def register(app: typer.Typer) -> None:
    app.command("eval")(evaluate)
    app.command("probe")(probe)


def evaluate(
    context: typer.Context,
    name: _Name,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            "--engine",
            "-e",
            help="An engine of the configuration or an adapter, with options after a colon; several are compared.",
        ),
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Write the results here, for `suite:` of a recipe.")] = None,
    json: Json = False,
) -> None:
    """Run a package's own evaluation suites on an engine, beside the results that it carries.

    Ends with 1 where a score is below the package's own bound. With several engines it says how far they agree, and
    where they part.

    Example: homeport package eval smollm2 --engine llamacpp --engine vllm:bfloat16
    """
    state: Context = context.obj
    progress = SilentProgress() if json else CountProgress(state.console)
    found = asyncio.run(bootstrap.evaluate_package(state.settings, state.home, name, engine or (), progress))
    outcomes, parities = found.outcomes(), found.parities()
    if json:
        state.print_json(_plain(found, outcomes, parities))
    else:
        _show(state.console, found, outcomes)
        for parity in parities:
            _show_parity(state.console, parity)
    if save is not None:  # last, so that what took minutes is shown also where it cannot be written
        _save(found, save)
    if not all(outcome.met for outcome in outcomes):
        raise typer.Exit(1)


def probe(
    context: typer.Context,
    name: _Name,
    engine: Annotated[str, typer.Option("--engine", "-e", help="As of `homeport package eval`.")] = "",
    replays: Annotated[int, typer.Option(min=1, max=100_000, help="Answers under each condition.")] = 50,
    questions: Annotated[int, typer.Option(min=1, max=1000, help="How many questions these are spread over.")] = 5,
    max_tokens: Annotated[int, typer.Option(min=1, max=4096, help="The longest replayed answer.")] = 64,
    background: Annotated[int, typer.Option(min=0, max=64, help="Requests in work beside, where it is loaded.")] = 2,
    json: Json = False,
) -> None:
    """Ask an engine the same again and again: idle and loaded, cold and warm, by its own and the deterministic profile.

    The questions are those of the package's suites whose answer is nearest to another one.

    Example: homeport package probe smollm2 --engine llamacpp --replays 50
    """
    state: Context = context.obj
    progress = SilentProgress() if json else CountProgress(state.console)
    plan = Plan(replays=replays, questions=questions, max_tokens=max_tokens, background=background)
    probes = asyncio.run(bootstrap.probe_package(state.settings, state.home, name, engine, plan, progress))
    if json:
        state.print_json({"probes": msgspec.to_builtins(probes)})
        return
    _show_probes(state.console, probes)


def _save(found: bootstrap.Evaluation, path: Path) -> None:
    if len(found.suites) > 1:
        raise ConfigError(
            f"the package {found.package.name} has several suites, and a file of results is for one",
            code="results_not_saved",
            hint="take the results from --json",
        )
    suite = found.suites[0]
    results = results_file(suite, [found.recorded_run(suite, one) for one in found.runs], found.recorded)
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    except OSError as error:
        raise ConfigError(
            f"the results cannot be written to {ascii(str(path))[:200]}: {error.strerror}",
            code="results_not_saved",
            hint="name a file in a folder that you can write to",
        ) from error


def _plain(found: bootstrap.Evaluation, outcomes: tuple[Outcome, ...], parities: tuple[Parity, ...]) -> dict[str, Any]:
    """The outcomes with every answer in them, unlike what is recorded."""
    told = []
    for outcome in outcomes:
        run = next(one for one in found.runs if one.build == outcome.run.build)
        cases = [
            {"id": one.case.id, "answer": one.answer.text, **msgspec.to_builtins(one.verdict)}
            for one in run.judged[outcome.suite]
        ]
        told.append(
            {**msgspec.to_builtins(outcome), "met": outcome.met, "seconds_to_start": run.seconds, "cases": cases}
        )
    return {
        "package": found.package.name,
        "version": found.package.version,
        "digest": found.package.digest,
        "outcomes": told,
        "parities": msgspec.to_builtins(parities),
    }


def _show(console: Console, found: bootstrap.Evaluation, outcomes: tuple[Outcome, ...]) -> None:
    console.print(f"{found.package.name} {found.package.version}  {found.package.digest}", markup=False)
    table = Table("suite", "engine", "build", "score", "95 % interval", "bound", "as recorded", box=box.SIMPLE_HEAD)
    for outcome in outcomes:
        build, score = outcome.run.build, outcome.run.score
        bound = "none" if outcome.bound is None else f"{outcome.bound:.3f} {'met' if outcome.met else 'MISSED'}"
        recorded = outcome.recorded.verdicts if outcome.recorded else None
        told = (build.name, build.build, f"{score.hits}/{score.of}", _interval(score), bound, _count(recorded))
        table.add_row(*map(escape, (outcome.suite, *told)))
    console.print(table)
    for outcome in outcomes:
        _show_changes(console, outcome)
        failed = [one for one in _judged(found, outcome) if not one.verdict.passed]
        for one in failed[:_SHOWN]:
            console.print(f"  failed on {outcome.run.build.name}: {one.case.id}: {one.verdict.why}", markup=False)
        if len(failed) > _SHOWN:
            console.print(f"  and {len(failed) - _SHOWN} more; --json tells all of them")


def _judged(found: bootstrap.Evaluation, outcome: Outcome) -> Any:
    return next(one for one in found.runs if one.build == outcome.run.build).judged[outcome.suite]


def _show_changes(console: Console, outcome: Outcome) -> None:
    if outcome.recorded is None:
        console.print(f"{outcome.suite}: the package has no results of it to compare with", markup=False)
        return
    then = _told(outcome.recorded.with_)
    answers = outcome.recorded.answers
    same = f"{answers.hits} of {answers.of} answers are letter by letter those of {then}"
    console.print(f"{outcome.run.build.name}: {same}", markup=False)
    for ids, what in ((outcome.recorded.worse, "passed then, fail now"), (outcome.recorded.better, "fail no more")):
        if ids:
            console.print(f"  {what}: {', '.join(ids[:_SHOWN])}{' ...' if len(ids) > _SHOWN else ''}", markup=False)


def _show_parity(console: Console, parity: Parity) -> None:
    console.print(f"\n{parity.suite}: {_told(parity.a)} beside {_told(parity.b)}", markup=False)
    rows: Mapping[str, Share] = {
        "same verdict": parity.verdicts,
        "same answer, letter by letter": parity.answers,
        "same first token": parity.first_tokens,
        "same rendered prompt": parity.prompts,
    }
    table = Table("agreement", "cases", "share", "95 % interval", box=box.SIMPLE_HEAD)
    for name, share in rows.items():
        table.add_row(name, _count(share), f"{share.value:.3f}" if share.of else "", _interval(share))
    console.print(table)
    if parity.prompts.hits < parity.prompts.of:
        console.print("[yellow]The engines render other prompts: their chat templates differ.[/]")
    elif not parity.prompts.of:
        console.print("One of them does not tell the prompt as it renders it, so templates are not compared.")
    parted = [case for case in parity.cases if case.divergence is not None]
    table = Table("case", "token", "after", "a", "b", "verdicts", box=box.SIMPLE_HEAD)
    for case in parted[:_SHOWN]:
        assert case.divergence is not None
        verdicts = "/".join("passed" if passed else "failed" for passed in (case.a_passed, case.b_passed))
        table.add_row(*map(escape, (case.id, *_parting(case.divergence), verdicts)))
    if parted:
        console.print("Where they part; in brackets the log-probability, the margin to the runner-up, and what it")
        console.print("gave to the other's token:")
        console.print(table)
    if len(parted) > _SHOWN:
        console.print(f"and {len(parted) - _SHOWN} more; --json tells all of them")


def _parting(divergence: Divergence) -> tuple[str, str, str, str]:
    place = "?" if divergence.position is None else str(divergence.position)
    return place, ascii(divergence.before[-24:]), _step(divergence.a), _step(divergence.b)


def _step(step: Step) -> str:
    if step.logprob is None:
        return "(the end)" if not step.token else ascii(step.token)
    return f"{step.token!a} ({_number(step.logprob)}, {_number(step.margin)}, {_number(step.other)})"


def _show_probes(console: Console, probes: tuple[Probe, ...]) -> None:
    columns = ("profile", "condition", "identical", "share", "95 % interval", "same log-probabilities", "most answers")
    table = Table(*columns, box=box.SIMPLE_HEAD)
    for probe in probes:
        for repeat in probe.repeats:
            share = repeat.identical
            counts = (_count(share), f"{share.value:.3f}", _interval(share), _count(repeat.logprobs))
            table.add_row(probe.profile, repeat.condition, *counts, str(repeat.distinct))
    console.print(table)
    for probe in probes:
        said = "every answer was the first one again" if probe.deterministic else "answers do not repeat"
        console.print(f"{probe.profile}: {said}", markup=False)
        first = next((repeat for repeat in probe.repeats if repeat.first_difference), None)
        if first is not None and (difference := first.first_difference):
            place, before, a, b = _parting(difference.divergence)
            where = f"{difference.id}, {first.condition}, replay {difference.replay + 1}, token {place}"
            console.print(f"  first difference: {where}, after {before}: {a} became {b}", markup=False)


def _told(build: Build) -> str:
    return f"{build.name} ({build.build})" if build.build else build.name


def _count(share: Share | None) -> str:
    return f"{share.hits}/{share.of}" if share else ""


def _interval(share: Share) -> str:
    return f"{share.low:.3f}-{share.high:.3f}" if share.of else ""


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
