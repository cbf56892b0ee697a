"""`homeport engine`: the engines of the running gateway, and which version of their package they answer with."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from homeport.cli.context import Context, Json, check_text
from homeport.cli.control_client import order

app = typer.Typer(help="Swap, roll back, drain and restart engines while they serve.", no_args_is_help=True)

Engine = Annotated[str, typer.Argument(help="An engine of homeport.yaml.", callback=check_text)]
_READS = frozenset({"list", "packages"})
_DIGITS = 19


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """The replicas of each engine: what they answer with, and whether they serve or drain.

    Example: homeport engine list
    """
    state: Context = context.obj
    replicas = _order(state, "list", quiet=True)
    if json:
        state.print_json(replicas)
        return
    table = Table("engine", "replica", "state", "version", "digest", "process")
    for one in replicas:
        pid = "" if one["pid"] is None else str(one["pid"])
        digest = one["digest"][:_DIGITS]
        table.add_row(one["engine"], one["replica"], one["state"], escape(one["version"]), digest, pid)
    state.console.print(table)


@app.command()
def swap(
    context: typer.Context,
    engine: Engine,
    version: Annotated[
        str, typer.Argument(help="A version or a digest of its package, in the store.", callback=check_text)
    ],
    json: Json = False,
) -> None:
    """Put another version of its package in the place of the one that answers. No request fails.

    The new version is verified and started beside the old one; when it answers, what begins goes there. Conversations
    that have begun end on the old one. If the new one does not answer, the old one stays.

    Example: homeport engine swap smollm2 1.1.0
    """
    _say(context.obj, _order(context.obj, "swap", engine, version, quiet=json), json=json)


@app.command()
def rollback(context: typer.Context, engine: Engine, json: Json = False) -> None:
    """Swap back to the version that was in use before.

    Example: homeport engine rollback smollm2
    """
    _say(context.obj, _order(context.obj, "rollback", engine, quiet=json), json=json)


@app.command()
def restart(context: typer.Context, engine: Engine, json: Json = False) -> None:
    """Start its children anew, each in the place of an old one. No request fails.

    Example: homeport engine restart smollm2
    """
    _say(context.obj, _order(context.obj, "restart", engine, quiet=json), json=json)


@app.command()
def drain(context: typer.Context, engine: Engine, json: Json = False) -> None:
    """Take it out of service: it ends its conversations and begins none, until it is restarted.

    Example: homeport engine drain smollm2
    """
    done = _order(context.obj, "drain", engine, quiet=json)
    if json:
        context.obj.print_json(done)
    else:
        context.obj.console.print(f"{engine} drains. Bring it back: homeport engine restart {engine}")


def _order(state: Context, command: str, engine: str = "", version: str = "", *, quiet: bool) -> Any:
    def tell(said: str) -> None:
        if not quiet:
            state.console.print(f"[dim]{escape(said)} ...[/]", soft_wrap=True)

    done = order(state.home, command, engine, version, tell=tell)
    if command not in _READS:
        state.note(f"engine.{command}", engine, **({"version": version} if version else {}))
    return done


def _say(state: Context, done: Any, *, json: bool) -> None:
    if json:
        state.print_json(done)
        return
    text = f"{done['engine']} answers with {done['version']} ({done['digest'][:_DIGITS]}) after {done['seconds']:.1f} s"
    state.console.print(escape(text), soft_wrap=True)
