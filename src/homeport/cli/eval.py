"""`homeport eval`: datasets, runs of them, and what may take the place of what."""

import math

import typer

app = typer.Typer(
    help="Ask datasets of models and prompts, compare the answers, and stop what is worse.", no_args_is_help=True
)


def finite(value: float) -> float:
    """Of an option: `nan` passes any bounds."""
    if not math.isfinite(value):
        raise typer.BadParameter("this is no number")
    return value
