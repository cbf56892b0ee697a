"""`homeport init`: write a commented homeport.yaml."""

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
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a homeport.yaml with a local model, and API tiers that switch on with their keys.

    Example: homeport init && homeport up
    """
    state: Context = context.obj
    if path.exists() and not force:
        raise ConfigError(f"{path} is there already", code="config_exists", hint="--force replaces it")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(default_yaml())
    settings = load(path, state.environment)
    state.console.print(f"Wrote {path}.")
    for name, variables in settings.switched_off():
        state.console.print(f"  {name} is off; to switch it on: export {' or '.join(variables)}=...")
    state.console.print("Next: `homeport check`, then `homeport up`.")
