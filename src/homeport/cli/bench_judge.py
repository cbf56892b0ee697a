"""`homeport bench judge`: how often a judge's word, people's, and both together hold the truth, on recordings."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from homeport.cli.context import Context, Json
from homeport.core.errors import ConfigError
from homeport.evaluation.judge_bench import (
    LEAST_DRAWS,
    Cell,
    Result,
    Target,
    measure_all,
    targets,
    unmeasured,
)
from homeport.evaluation.judge_recordings import LEAST_ROWS, Task, read_tasks
from homeport.stats.ppi import LEAST_LABELS

FILES = ("arena_human_vs_judges.csv", "llmbar_judgements.csv.gz")
LABELS = (40, 70, 100)
_MOST_DRAWS = 1_000_000
_MOST_POOL = 1_000_000
_MOST_LABELS = 10_000
_MOST_SHOWN = 12
_PROTOCOL = (
    "each draw: `pool` rows with replacement from a task's labelled rows, whose mean is the truth; all are judged, "
    "`labels` of them are labelled; intervals of 95 %"
)


def register(app: typer.Typer) -> None:
    app.command()(judge)


def judge(
    context: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Recordings of people and judges, CSV or CSV.gz.")
    ] = None,
    labels: Annotated[
        list[int] | None,
        typer.Option(min=LEAST_LABELS, max=_MOST_LABELS, help="Rows that people label; may be given again."),
    ] = None,
    pool: Annotated[int, typer.Option(min=LEAST_LABELS, max=_MOST_POOL, help="Rows that the judge sees.")] = 1_000,
    draws: Annotated[int, typer.Option(min=LEAST_DRAWS, max=_MOST_DRAWS, help="Of each task.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of what is drawn.")] = 0,
    json: Json = False,
) -> None:
    """Say how often 95 % intervals of labels alone, of the judge alone, and corrected hold what people really say.

    A file has the columns id, pair, model_a, model_b, human_winner, judge, judge_pick, or dataset, item, human_label,
    judge, prompting, verdict_ab, verdict_ba_unswapped. Without one, those in judge/ of $HOMEPORT_DATA, or of
    ../shared/data, are taken. A task is a judge on a dataset, as it was asked. Exit code 1 where a target is missed.

    Example: homeport bench judge recording.csv --labels 40 --labels 100 --json
    """
    state: Context = context.obj
    sizes = sorted(set(labels or LABELS))
    if sizes[-1] > pool:
        raise ConfigError(
            f"{sizes[-1]} rows cannot be labelled of {pool}",
            code="labels_too_many",
            hint="raise --pool, or name fewer --labels",
        )
    folder = (state.environment.data or Path("../shared/data")) / "judge"
    tasks = [task for path in files or [folder / name for name in FILES] for task in read_tasks(path)]
    skipped = {task.name: why for task in tasks if (why := unmeasured(task))}
    measured = _measured([task for task in tasks if not unmeasured(task)])
    progress = Console(stderr=True, highlight=False)

    def told(done: int, of: int) -> None:
        if done % 20 == 0:
            progress.print(f"  {done} of {of} tasks ...")

    results = measure_all(measured, labels=sizes, pool=pool, draws=draws, seed=seed, told=told)
    verdicts = targets(results)
    if json:
        state.print_json(_plain(results, verdicts, skipped, sizes, pool, draws, seed))
    else:
        _show(state.console, results, verdicts, skipped)
    if not all(verdict.met for verdict in verdicts):
        raise typer.Exit(1)


def _measured(tasks: Sequence[Task]) -> Sequence[Task]:
    if not tasks:
        raise ConfigError(
            "no task can be measured",
            code="recording_too_short",
            hint=f"record {LEAST_ROWS} rows or more of a judge on a dataset, on which people do not all say the same",
        )
    return tasks


def _plain(
    results: Sequence[Result],
    verdicts: Sequence[Target],
    skipped: Mapping[str, str],
    labels: Sequence[int],
    pool: int,
    draws: int,
    seed: int,
) -> dict[str, Any]:
    return {
        "protocol": _PROTOCOL,
        "draws": draws,
        "seed": seed,
        "pool": pool,
        "labels": list(labels),
        "tasks": msgspec.to_builtins(results),
        "skipped": dict(skipped),
        "targets": [{**msgspec.to_builtins(verdict), "met": verdict.met} for verdict in verdicts],
        "met": all(verdict.met for verdict in verdicts),
    }


def _show(console: Console, results: Sequence[Result], verdicts: Sequence[Target], skipped: Mapping[str, str]) -> None:
    together: dict[tuple[str, str], list[Result]] = {}
    for one in results:
        together.setdefault((one.dataset, one.judge), []).append(one)
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("dataset", "judge", "labels", "labels alone", "judge alone", "corrected", "narrower by", "unusable"):
        table.add_column(name, justify="left" if name in ("dataset", "judge") else "right")
    for (dataset, name), own in together.items():
        asked = f"{name}, asked in {len(own)} ways" if len(own) > 1 else name
        for place in range(len(own[0].cells)):
            table.add_row(escape(dataset[:60]), escape(asked[:60]), *_cells([one.cells[place] for one in own]))
    console.print(table)
    console.print("Coverage of 95 % intervals and their mean width; unusable: share of draws in which that is said.")
    for task, why in skipped.items():
        console.print(f"{task[:120]} was not measured: {why}", markup=False)
    for verdict in verdicts:
        console.print(_told(verdict), markup=False)


def _cells(cells: Sequence[Cell]) -> Iterable[str]:
    """Means over ways of asking; of the corrected coverage the least and the greatest."""

    def mean(figures: Iterable[float]) -> float:
        return sum(figures) / len(cells)

    human, alone = mean(one.human_only.width for one in cells), mean(one.judge_only.width for one in cells)
    corrected = mean(one.corrected.width for one in cells)
    covered = [one.corrected.coverage for one in cells]
    least, most = min(covered), max(covered)
    yield str(cells[0].labels)
    yield f"{mean(one.human_only.coverage for one in cells):.1%} ({human:.3f})"
    yield f"{mean(one.judge_only.coverage for one in cells):.1%} ({alone:.3f})"
    yield f"{least:.1%}{'' if len(cells) == 1 else f' to {most:.1%}'} ({corrected:.3f})"
    yield f"{1 - corrected / human:.1%}"
    yield f"{mean(one.unusable for one in cells):.0%}"


def _told(verdict: Target) -> str:
    if not verdict.cells:
        return f"{verdict.target}: nothing to judge it by"
    worst = f"{verdict.target}: {verdict.cells - len(verdict.missed)} of {verdict.cells}, worst {verdict.worst:.3f}"
    if verdict.chance:
        worst += f" ({len(verdict.chance)} outside by no more than chance: {'; '.join(verdict.chance[:_MOST_SHOWN])})"
    if verdict.met:
        return f"{worst}: met"
    more = f" and {len(verdict.missed) - _MOST_SHOWN} more" if len(verdict.missed) > _MOST_SHOWN else ""
    return f"{worst}: MISSED by {'; '.join(name[:80] for name in verdict.missed[:_MOST_SHOWN])}{more}"
