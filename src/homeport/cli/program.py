"""The program without its commands: what it is called, and the options that stand before a command."""

from pathlib import Path
from typing import Annotated

import typer

import homeport
from homeport.cli.context import Context


def new_program() -> typer.Typer:
    """Commands are added by their modules."""
    app = typer.Typer(
        name="homeport",
        help="From an LLM API prototype to hardened production. Start with: homeport up",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"homeport {homeport.__version__}")
        raise typer.Exit


def _options(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Use this file instead of the homeport.yaml found.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    state: Context = context.obj
    state.explicit_config = config
    state.debug = debug
