"""The `homeport` program. Exit codes: 0 done, 1 failed, 2 the command or the configuration is wrong."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from sqlalchemy.exc import SQLAlchemyError

import homeport
from homeport.cli import (
    alerts,
    audit,
    bench,
    budget,
    cache,
    chat,
    check,
    cost,
    cost_change,
    db,
    engine,
    feedback,
    forecast,
    hub,
    init,
    inspect,
    keys,
    ledger,
    package,
    package_build,
    package_eval,
    package_inspect,
    package_registry,
    prices,
    route,
    run,
    serve,
    sim,
    sla,
    status,
    telemetry,
    trace,
    up,
    users,
)
from homeport.cli.context import Context
from homeport.core.errors import ConfigError, HomeportError, StorageError
from homeport.inspection.visible import shown
from homeport.storage.db import unusable

_LONGEST = 20_000
"""Characters of an error: it may quote what somebody else wrote."""

app = typer.Typer(
    name="homeport",
    help="From an LLM API prototype to hardened production. Start with: homeport up",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (up, init, check, chat, status, cost, cost_change, feedback, inspect, prices, forecast, run, serve, sim):
    module.register(app)
app.add_typer(keys.app, name="keys")
package_build.register(package.app)
package_inspect.register(package.app)
package_eval.register(package.app)
package_registry.register(package.app)
app.add_typer(package.app, name="package")
app.add_typer(engine.app, name="engine")
app.add_typer(hub.app, name="hub")
app.add_typer(db.app, name="db")
app.add_typer(ledger.app, name="ledger")
app.add_typer(sla.app, name="sla")
app.add_typer(budget.app, name="budget")
app.add_typer(cache.app, name="cache")
app.add_typer(users.app, name="users")
app.add_typer(audit.app, name="audit")
app.add_typer(alerts.app, name="alerts")
app.add_typer(bench.app, name="bench")
app.add_typer(route.app, name="route")
app.add_typer(trace.app, name="trace")
app.add_typer(telemetry.app, name="telemetry")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"homeport {homeport.__version__}")
        raise typer.Exit


@app.callback()
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


def main() -> None:
    """Run a command; an error is told in a few lines, without a traceback unless --debug is given."""
    state = Context()
    try:
        app(obj=state)
    except HomeportError as error:
        _tell(state, error, 2 if isinstance(error, ConfigError) else 1)
    except SQLAlchemyError as error:
        _tell(state, unusable(error), 1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        hint = "free disk space, or make the state folder writable (HOMEPORT_HOME names another)"
        _tell(state, StorageError(f"{where}{error.strerror or error}", code="state_folder_unusable", hint=hint), 1)
    except KeyboardInterrupt:
        sys.exit(130)


def _tell(state: Context, error: HomeportError, code: int) -> NoReturn:
    if state.debug:
        raise error
    console = Console(stderr=True, highlight=False, emoji=False)
    message, hint = (escape(shown(text, _LONGEST)) for text in (error.message, error.hint))
    console.print(f"[bold red]error[/] {message} [dim]({escape(error.code)})[/]", soft_wrap=True)
    if hint:
        console.print(f"[bold]next[/]  {hint}", soft_wrap=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
