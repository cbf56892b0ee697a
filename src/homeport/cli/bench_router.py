"""`homeport bench router`: how well scores rank, on published recordings, beside published routers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from homeport.cli.context import Context, Json
from homeport.cli.estimates import cells
from homeport.routing.benchmark import (
    CHOSEN,
    IN_DOMAIN,
    LENGTH,
    PUBLISHED,
    TARGETS,
    ZERO_SHOT,
    Measured,
    Result,
    benchmark,
)


def register(app: typer.Typer) -> None:
    app.command()(router)


def router(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Option(help="Where routellm_{mmlu,gsm8k,mtbench}.jsonl.gz are.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of folds and resamples.")] = 0,
    resamples: Annotated[int, typer.Option(min=10, max=100_000, help="For the 95 % intervals.")] = 1_000,
    json: Json = False,
) -> None:
    """Rank the requests of RouteLLM's three sets, and say how much of the gap between two models that recovers.

    zero-shot was fitted on the other two sets, in-domain on other folds of the same one. Without --folder the
    recordings in routing/ of $HOMEPORT_DATA, or of ../shared/data, are taken. Takes one to three minutes.

    Example: homeport bench router --json
    """
    state: Context = context.obj
    where = folder or (state.environment.data or Path("../shared/data")) / "routing"
    told = Console(stderr=True, highlight=False)
    results = benchmark(where, seed=seed, resamples=resamples, told=lambda step: told.print(f"  {step} ..."))
    if json:
        state.print_json(_plain(results, seed, resamples))
        return
    for name, result in results.items():
        state.console.print(_table(name, result))
    for target in _targets(results):
        state.console.print(
            f"{target['set']} {target['router']}: APGR {target['value']:.3f}, "
            f"must not be below {target['bound']:.3f}: {'met' if target['met'] else 'MISSED'}"
        )
    state.console.print(CHOSEN)


def _plain(results: Mapping[str, Result], seed: int, resamples: int) -> dict[str, Any]:
    return {
        "protocol": "RouteLLM (arXiv 2406.18665): 10 steps of the share of strong calls; 95 % bootstrap intervals",
        "seed": seed,
        "resamples": resamples,
        "chosen": CHOSEN,
        "sets": {
            name: {
                "rows": result.rows,
                "weak": result.weak,
                "strong": result.strong,
                "routers": {router: _figures(measured) for router, measured in result.routers.items()},
                "published": {
                    router: dict(zip(("apgr", "cpt50", "cpt80"), figures, strict=True))
                    for router, figures in PUBLISHED[name].items()
                },
            }
            for name, result in results.items()
        },
        "targets": _targets(results),
    }


def _figures(measured: Measured) -> dict[str, Any]:
    figures = measured.figures
    return {
        "apgr": figures.apgr,
        "cpt50": figures.cpt50,
        "cpt80": figures.cpt80,
        "fitted_on": measured.fitted_on,
        "chosen": measured.chosen,
    }


def _targets(results: Mapping[str, Result]) -> list[dict[str, Any]]:
    """Zero-shot against the prompt's length on the same rows, in-domain against fixed bounds."""
    found = []
    for name in TARGETS[IN_DOMAIN]:
        routers = results[name].routers
        bound, aim = TARGETS[IN_DOMAIN][name]
        length = routers[LENGTH].figures.apgr.value
        for router, least, wanted in ((ZERO_SHOT, length, length), (IN_DOMAIN, bound, aim)):
            value = routers[router].figures.apgr.value
            found.append(
                {"set": name, "router": router, "value": value, "bound": least, "aim": wanted, "met": value >= least}
            )
    return found


def _table(name: str, result: Result) -> Table:
    title = f"{name}: {result.rows:,} rows, weak {result.weak:.4f}, strong {result.strong:.4f}"
    table = Table("", "APGR", "CPT50", "CPT80", "configuration", title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for router, (apgr, cpt50, cpt80) in PUBLISHED[name].items():
        table.add_row(f"{router} (published)", f"{apgr:.3f}", f"{cpt50:.1f}", f"{cpt80:.1f}")
    for router, measured in result.routers.items():
        figures = measured.figures
        chosen = ", ".join(dict.fromkeys(measured.chosen))
        table.add_row(router, *cells(figures), chosen)
    return table
