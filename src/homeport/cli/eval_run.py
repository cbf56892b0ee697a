"""`homeport eval run`: a dataset is asked of models, by prompts, and every answer is kept with its score."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from homeport.cli.context import Context, Json
from homeport.cli.eval import finite
from homeport.cli.eval_compare import bounds, milliseconds
from homeport.cli.eval_estimate import Estimate, check_estimable, estimate
from homeport.cli.eval_grading import Court, JudgeModel, JudgeTokens, OnlyGrade, RubricName, court_of, grader_of
from homeport.cli.eval_source import Source, respondent
from homeport.cli.gateway_client import GatewayClient
from homeport.cli.progress import CountProgress, PaidProgress
from homeport.core.errors import ConfigError, HomeportError
from homeport.core.money import Nano, format_usd, parse_usd
from homeport.evaluation.comparison import Summary, summary
from homeport.evaluation.datasets import MOST_TOKENS, Dataset, prove, read_dataset
from homeport.evaluation.experiments import (
    Ask,
    Ended,
    Experiment,
    Limits,
    Standing,
    check_scorer,
    questions,
)
from homeport.evaluation.referee import ProcessReferee
from homeport.evaluation.rubrics import QUALITY
from homeport.evaluation.run_files import RunFile
from homeport.evaluation.runs import MAX_EPOCHS, RunHead, printed, read_run
from homeport.evaluation.scorers import CHECK, Scorer, scorer_of
from homeport.evaluation.templates import Template, read_template
from homeport.packages.base import SilentProgress

_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")
_SUFFIX = ".run.jsonl"
_PRIVATE = {"x-homeport-data-class": "private"}
_NOT_CACHED = {"cache-control": "no-store"}


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One route and one prompt, and the file of their run."""

    route: str
    template: Template | None
    path: Path


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is done with each variant.

    Attributes:
        court: who grades answers; None where `score` names what scores them.
        settings: what the first line of a run says of how it was asked.
        fresh: begin anew, though a file holds a run.
    """

    source: Source
    epochs: int
    score: str
    court: Court | None
    most_tokens: int
    limits: Limits
    settings: Mapping[str, Any]
    fresh: bool

    def head(self, data: Dataset, variant: Variant) -> RunHead:
        """The first line of a variant's run."""
        template = variant.template
        return RunHead(
            dataset=printed(data.name),
            digest=data.digest,
            cases=len(data.cases),
            epochs=self.epochs,
            route=printed(variant.route),
            prompt=printed(template.name) if template else "",
            prompt_digest=template.digest if template else "",
            scorer=self.score if self.court is None else self.court.bench.name,
            settings=self.settings,
        )


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """A run that ended, and how."""

    variant: Variant
    ended: Ended
    summary: Summary


def register(app: typer.Typer) -> None:
    app.command("run")(run)


def run(
    context: typer.Context,
    dataset: Annotated[Path, typer.Argument(help="Cases: JSON lines, or a .csv.")],
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", help="A model, a tier or auto; several are asked in turn.")
    ] = None,
    prompt: Annotated[
        list[Path] | None, typer.Option("--prompt", "-p", help="A prompt template; several are tried in turn.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The file of the run; of several runs, their folder. Goes on where it ended.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, max=MAX_EPOCHS, help="How often each case is asked.")] = 1,
    score: Annotated[
        str, typer.Option(help="check: by each case's own; exact, contains: by its reference; judge: by a model.")
    ] = CHECK,
    judge: JudgeModel = "",
    rubric: RubricName = QUALITY.name,
    judge_max_tokens: JudgeTokens = 400,
    only_grade: OnlyGrade = False,
    at_once: Annotated[int, typer.Option(min=1, max=256, help="Questions in work at a time.")] = 8,
    max_usd: Annotated[str, typer.Option(help="Ask no more when this is spent, in US dollars, by all runs.")] = "",
    max_tokens: Annotated[
        int, typer.Option(min=1, max=131_072, help="The longest answer where a case says nothing else.")
    ] = MOST_TOKENS,
    temperature: Annotated[float, typer.Option(min=0, max=2, callback=finite, help="Of every question.")] = 0.0,
    own_temperature: Annotated[
        bool, typer.Option("--own-temperature", help="Leave the temperature to the model.")
    ] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the first epoch; the next has the next.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Mark every question private.")] = False,
    cached: Annotated[bool, typer.Option("--cached", help="Take answers from the gateway's cache.")] = False,
    url: Annotated[str, typer.Option(help="Another gateway, such as https://homeport.example/v1.")] = "",
    key_from: Annotated[str, typer.Option(help="The variable with the key of --url.")] = "OPENAI_API_KEY",
    answers: Annotated[Path | None, typer.Option(help="Recorded answers, or a run, instead of asking.")] = None,
    package: Annotated[str, typer.Option(help="A package, on an engine of its own, instead of a gateway.")] = "",
    engine: Annotated[str, typer.Option("--engine", "-e", help="Its engine, as of `homeport package eval`.")] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew, though the file holds a run.")] = False,
    estimated: Annotated[
        bool, typer.Option("--estimate", help="Tell what answers would cost, and ask no model.")
    ] = False,
    json: Json = False,
) -> None:
    """Ask a dataset of models of the running gateway, score the answers, and keep them in a file.

    Interrupted, the same command goes on: what was answered is not asked again. Ends with 1 where answers are missing.

    Example: homeport eval run cases.jsonl --model local --out local.jsonl
    """
    state: Context = context.obj
    sampled: dict[str, Any] = {} if own_temperature else {"temperature": temperature}
    source = Source(
        models=tuple(model or ()),
        package=package,
        engine=engine,
        answers=answers,
        url=url,
        key_from=key_from,
        fields=sampled,
        headers={**(_PRIVATE if private else {}), **({} if cached else _NOT_CACHED)},
        seed=seed,
    )
    source.check()
    plan = Plan(
        source=source,
        epochs=epochs,
        score=score,
        court=court_of(state, source, score, judge, rubric, judge_max_tokens, only_grade=only_grade),
        most_tokens=max_tokens,
        limits=Limits(
            at_once=1 if package else at_once,
            most=cap_of(max_usd),
            recorded=answers is not None,
        ),
        settings=_settings(source, max_tokens, cached=cached),
        fresh=fresh,
    )
    data = read_dataset(dataset)
    variants = _variants(data, source.routes, [read_template(path) for path in prompt or ()], out)
    if estimated:
        _show_estimates(state, _estimates(state, plan, data, variants), json=json)
        return
    try:
        done = _run_all(state, plan, data, variants, quiet=json)
    except KeyboardInterrupt:
        Console(stderr=True).print("What was answered is kept: the same command goes on.")
        raise
    if json:
        state.print_json(_plain(data, done))
    else:
        _show(state.console, data, done)
    _end(done)


def _settings(source: Source, max_tokens: int, *, cached: bool) -> Mapping[str, Any]:
    """What the first line of a run says of how it was asked."""
    if source.answers is not None:
        return {}
    if source.package:
        return {"max_tokens": max_tokens}
    return {**source.fields, "max_tokens": max_tokens, "seed": source.seed, "cached": cached}


def _estimates(state: Context, plan: Plan, data: Dataset, variants: Sequence[Variant]) -> tuple[Estimate, ...]:
    check_estimable(plan.source)
    client = GatewayClient(state.home)
    return tuple(
        estimate(
            client,
            plan.source,
            variant.route,
            variant.template.name if variant.template else "",
            questions(data, variant.template, plan.epochs, plan.most_tokens),
        )
        for variant in variants
    )


def _show_estimates(state: Context, found: Sequence[Estimate], *, json: bool) -> None:
    if json:
        state.print_json({"estimates": msgspec.to_builtins(found)})
        return
    table = Table("route", "prompt", "questions", "expected cost", box=box.SIMPLE_HEAD)
    for one in found:
        cost = "no price" if one.cost_nanodollars is None else f"${format_usd(one.cost_nanodollars)}"
        table.add_row(*map(escape, (one.route, one.prompt or "-", f"{one.questions:,}", cost)))
    state.console.print(table)


def _run_all(
    state: Context, plan: Plan, data: Dataset, variants: Sequence[Variant], *, quiet: bool
) -> tuple[Finished, ...]:
    """Every run, one after the other; none after one that was stopped."""
    asked = [questions(data, variant.template, plan.epochs, plan.most_tokens) for variant in variants]
    done: list[Finished] = []
    left = plan.limits.most
    with ProcessReferee() as referee:
        prove(data, referee)
        scorer = None if plan.court is not None else scorer_of(plan.score, referee)
        if scorer is not None:
            check_scorer(data, scorer)
        for variant, asks in zip(variants, asked, strict=True):
            limits = msgspec.structs.replace(plan.limits, most=left)
            ended = _run_one(state, plan, data, variant, asks, scorer, limits, quiet=quiet)
            done.append(Finished(variant=variant, ended=ended, summary=summary(read_run(variant.path))))
            if ended.error is not None:
                break
            left = None if left is None else Nano(max(0, left - ended.standing.spent))
    return tuple(done)


def _run_one(
    state: Context,
    plan: Plan,
    data: Dataset,
    variant: Variant,
    asks: Sequence[Ask],
    scorer: Scorer | None,
    limits: Limits,
    *,
    quiet: bool,
) -> Ended:
    progress = None if quiet else PaidProgress(state.console)
    steps = SilentProgress() if quiet else CountProgress(state.console)

    def told(standing: Standing) -> None:
        if progress is not None:
            progress.advance(standing.done, f"${format_usd(standing.spent)}")

    async def ask(file: RunFile) -> Ended:
        async with (
            respondent(state, plan.source, variant.route, steps) as respond,
            grader_of(state, plan.court) as grader,
        ):
            experiment = Experiment(asks, respond, scorer, file, grader=grader, limits=limits, answered=file.answered)
            if progress is not None:
                progress.start(variant.path.name, experiment.standing.of, experiment.standing.done)
            return await experiment.run(told)

    with RunFile(variant.path, plan.head(data, variant), fresh=plan.fresh) as file:
        try:
            return asyncio.run(ask(file))
        finally:
            if progress is not None:
                progress.finish()


def _variants(
    data: Dataset, routes: Sequence[str], templates: Sequence[Template], out: Path | None
) -> tuple[Variant, ...]:
    """Every route by every prompt.

    Raises:
        ConfigError: eval_source_unclear, two of them would have the same file.
    """
    pairs = [(route, template) for route in routes for template in templates or (None,)]
    paths = [out] if out is not None and len(pairs) == 1 else [_path(data, *pair, out) for pair in pairs]
    if len({*paths}) < len(paths):
        raise ConfigError(
            "two runs would have the same file: names of models and prompts differ too little",
            code="eval_source_unclear",
            hint="run them one by one, each with its own --out FILE",
        )
    return tuple(
        Variant(route=route, template=template, path=path) for (route, template), path in zip(pairs, paths, strict=True)
    )


def _path(data: Dataset, route: str, template: Template | None, folder: Path | None) -> Path:
    names = [Path(data.name).stem, route, *([template.name] if template else ())]
    return (folder or Path()) / (".".join(_PLAIN.sub("-", name)[:60] for name in names) + _SUFFIX)


def cap_of(written: str) -> Nano | None:
    """Raises ConfigError, eval_cap_invalid."""
    if not written:
        return None
    try:
        amount = parse_usd(written)
    except ValueError:
        amount = Nano(0)
    if amount <= 0:
        raise ConfigError(
            f"--max-usd {ascii(written)[:40]} is no amount of money",
            code="eval_cap_invalid",
            hint="write US dollars, such as --max-usd 2.50",
        )
    return amount


def _plain(data: Dataset, done: Sequence[Finished]) -> dict[str, Any]:
    return {
        "dataset": data.name,
        "digest": data.digest,
        "cases": len(data.cases),
        "spent_nanodollars": sum(one.ended.standing.spent for one in done),
        "runs": [
            {
                "file": str(one.variant.path),
                **msgspec.to_builtins(one.summary),
                "failed": one.ended.standing.failed,
                "capped": one.ended.capped,
                "error": one.ended.error.code if one.ended.error else None,
            }
            for one in done
        ],
    }


def _show(console: Console, data: Dataset, done: Sequence[Finished]) -> None:
    console.print(f"{data.name}: {len(data.cases)} cases, {data.digest[:19]}", markup=False)
    table = Table("run", "route", "prompt", "score", "95 % interval", box=box.SIMPLE_HEAD)
    for name in ("answers", "missing", "cost", "p50", "p95"):
        table.add_column(name, justify="right")
    for one in done:
        said = one.summary
        scored = (f"{said.score.value:.3f}", bounds(said.score)) if said.answers else ("-", "-")
        cost = "-" if said.cost_nanodollars is None else f"${format_usd(said.cost_nanodollars)}"
        times = (milliseconds(said.latency_p50_ms), milliseconds(said.latency_p95_ms))
        named = (str(one.variant.path), said.route, said.prompt or "-")
        table.add_row(*map(escape, (*named, *scored, str(said.answers), str(said.missing), cost, *times)))
    console.print(table)
    judged = [one.summary.judge_cost_nanodollars for one in done if one.summary.judge_cost_nanodollars is not None]
    if judged:
        console.print(f"The judge cost ${format_usd(sum(judged))}.")


def _end(done: Sequence[Finished]) -> None:
    """Raises what stopped it; ends with 1 where answers are missing."""
    for one in done:
        if one.ended.error is not None:
            raise one.ended.error
        if one.ended.capped:
            raise HomeportError(
                f"{one.variant.path.name}: the money of --max-usd does not suffice for "
                f"{one.summary.missing} more answers",
                code="eval_cost_cap",
                hint="the same command with a larger --max-usd goes on",
            )
    if any(one.summary.missing for one in done):
        raise typer.Exit(1)
