"""`homeport init`: write a commented homeport.yaml that fits this machine and its rules."""

import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from homeport.cli.context import Context
from homeport.config.default import default_yaml
from homeport.config.load import load
from homeport.core.errors import ConfigError


def register(app: typer.Typer) -> None:
    app.command()(init)


def init(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("homeport.yaml"),
    hourly_cost: Annotated[str | None, typer.Option(help="What this machine costs an hour, in dollars.")] = None,
    gguf: Annotated[Path | None, typer.Option(help="Weights of your own, instead of SmolLM2.")] = None,
    only_local: Annotated[
        bool | None, typer.Option("--only-local/--hybrid", help="Whether nothing may leave this machine.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a homeport.yaml. On a terminal it asks what was not given as an option.

    Example: homeport init --hourly-cost 0.12 --only-local
    """
    state: Context = context.obj
    if path.exists() and not force:
        raise ConfigError(f"{path} is there already", code="config_exists", hint="--force replaces it")
    asks = sys.stdin.isatty()
    if hourly_cost is None:
        hourly_cost = typer.prompt("What does this machine cost an hour, in dollars", "0.05") if asks else "0.05"
    if only_local is None:
        only_local = asks and not typer.confirm("May prompts leave this machine, to APIs you have keys for", True)
    if gguf is not None and not gguf.is_file():
        raise ConfigError(f"there is no file {gguf}", code="weights_missing", hint="give the path of a .gguf file")
    text = default_yaml(hourly_cost_usd=_dollars(hourly_cost), gguf=gguf, only_local=only_local)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    state.console.print(f"Wrote {path}.")
    for name, variables in load(path, state.environment).switched_off():
        state.console.print(f"  {name} is off; to switch it on: export {' or '.join(variables)}=...")
    state.console.print("Next: `homeport check`, then `homeport up`.")


def _dollars(text: str) -> str:
    try:
        return str(Decimal(text.strip().removeprefix("$")))
    except InvalidOperation:
        raise ConfigError(
            f"{text!r} is not an amount of dollars", code="hourly_cost_invalid", hint="write it as 0.05"
        ) from None
