"""`homeport eval judge`: a model says which of two runs answers better."""

import asyncio
import secrets
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from homeport.cli.context import Context, Json
from homeport.cli.eval_compare import bounds
from homeport.cli.eval_grading import RubricName, rubric_of
from homeport.cli.eval_run import cap_of
from homeport.cli.eval_source import Source, respondent
from homeport.cli.progress import PaidProgress
from homeport.core.money import Nano, format_usd
from homeport.evaluation.datasets import read_dataset
from homeport.evaluation.pairwise import Compared, Outcome, Pair, compare_pairs, outcome, pairs_of, plain
from homeport.evaluation.rubrics import QUALITY, Rubric
from homeport.evaluation.runs import read_run
from homeport.packages.base import SilentProgress

_FENCE_BYTES = 8
_PRIVATE = {"x-homeport-data-class": "private"}
_NOT_CACHED = {"cache-control": "no-store"}


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """Who judges, and how."""

    source: Source
    rubric: Rubric
    max_tokens: int
    at_once: int
    most: Nano | None


def register(app: typer.Typer) -> None:
    app.command("judge")(judge)


def judge(
    context: typer.Context,
    dataset: Annotated[Path, typer.Argument(help="The cases that both runs were asked.")],
    a: Annotated[Path, typer.Argument(help="A run, such as of what answers now.")],
    b: Annotated[Path, typer.Argument(help="A run on the same dataset, such as of what may answer instead.")],
    model: Annotated[str, typer.Option("--model", "-m", help="Who judges: a model, a tier or auto.")],
    rubric: RubricName = QUALITY.name,
    at_once: Annotated[int, typer.Option(min=1, max=256, help="Pairs in work at a time.")] = 4,
    max_usd: Annotated[str, typer.Option(help="Ask no more when this is spent, in US dollars.")] = "",
    max_tokens: Annotated[int, typer.Option(min=1, max=131_072, help="The longest answer of the judge.")] = 400,
    private: Annotated[bool, typer.Option("--private", help="Mark every question private.")] = False,
    url: Annotated[str, typer.Option(help="Another gateway, such as https://homeport.example/v1.")] = "",
    key_from: Annotated[str, typer.Option(help="The variable with the key of --url.")] = "OPENAI_API_KEY",
    json: Json = False,
) -> None:
    """Let a model compare two runs case by case, each pair in both orders; where these disagree, it is a tie.

    Ends with 1 where a pair has no verdict, or was not asked.

    Example: homeport eval judge cases.jsonl small.jsonl large.jsonl --model auto
    """
    state: Context = context.obj
    headers = {**(_PRIVATE if private else {}), **_NOT_CACHED}
    fields = {"temperature": 0.0}
    source = Source(models=(model,), url=url, key_from=key_from, fields=fields, headers=headers)
    bench = Bench(
        source=source,
        rubric=rubric_of(state, rubric),
        max_tokens=max_tokens,
        at_once=at_once,
        most=cap_of(max_usd),
    )
    pairs = pairs_of(read_dataset(dataset), read_run(a), read_run(b))
    compared = _compare(state, bench, pairs, quiet=json)
    found = outcome(compared, len(pairs))
    if json:
        told = {"judge": model, "rubric": bench.rubric.name, "rubric_version": bench.rubric.version, **plain(found)}
        state.print_json({**told, "cases": msgspec.to_builtins(sorted(compared, key=lambda one: one.case))})
    else:
        _show(state.console, found, a.name, b.name)
    if found.unread or found.left:
        raise typer.Exit(1)


def _compare(state: Context, bench: Bench, pairs: list[Pair], *, quiet: bool) -> list[Compared]:
    progress = None if quiet else PaidProgress(state.console)

    def told(done: int, spent: int) -> None:
        if progress is not None:
            progress.advance(done, f"${format_usd(spent)}")

    async def ask() -> list[Compared]:
        async with respondent(state, bench.source, bench.source.models[0], SilentProgress()) as respond:
            return await compare_pairs(
                pairs,
                respond,
                bench.rubric,
                fence=lambda: secrets.token_hex(_FENCE_BYTES),
                max_tokens=bench.max_tokens,
                at_once=bench.at_once,
                most=bench.most,
                told=told,
            )

    try:
        if progress is not None:
            progress.start("pairs", len(pairs), 0)
        return asyncio.run(ask())
    finally:
        if progress is not None:
            progress.finish()


def _show(console: Console, found: Outcome, a: str, b: str) -> None:
    console.print(f"{escape(a)} is better {found.a} times, {escape(b)} {found.b} times, and {found.ties} are ties.")
    if found.a + found.b + found.ties:
        share = found.b_share
        console.print(f"{escape(b)} wins {share.value:.3f} ({bounds(share)}), ties one half: p = {found.p:.4f}")
    if found.first_share is not None:
        console.print(f"The answer that was shown first was chosen {found.first_share:.0%} of the time.")
    if found.unread or found.left:
        console.print(f"[yellow]{found.unread} pairs have no verdict, and {found.left} were not asked.[/]")
    console.print(f"It cost ${format_usd(found.cost_nanodollars)}.")
