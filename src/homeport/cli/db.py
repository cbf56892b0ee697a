"""`homeport db`: the database's schema."""

import typer

from homeport.cli.context import Context, Json
from homeport.storage.db import open_database, schema_version, sqlite_url, upgrade
from homeport.storage.tables import SCHEMA_HEAD

app = typer.Typer(help="The database: its schema and where it is.", no_args_is_help=True)


@app.command()
def status(context: typer.Context, json: Json = False) -> None:
    """Which schema the database has. Exit code 1 if it is not the newest.

    Example: homeport db status
    """
    state: Context = context.obj
    engine = open_database(state.settings.storage.url or sqlite_url(state.home.database))
    version = schema_version(engine)
    url = engine.url.render_as_string(hide_password=True)
    if json:
        state.print_json({"url": url, "schema": version, "newest": SCHEMA_HEAD})
    else:
        state.console.print(f"{url}: schema {version or '(none)'}, newest {SCHEMA_HEAD}")
    if version != SCHEMA_HEAD:
        raise typer.Exit(1)


@app.command("upgrade")
def upgrade_(context: typer.Context) -> None:
    """Bring the schema up to date (`homeport up` does it too).

    Example: homeport db upgrade
    """
    state: Context = context.obj
    changed = upgrade(open_database(state.settings.storage.url or sqlite_url(state.home.database)))
    state.console.print(f"{'Upgraded to' if changed else 'Already at'} schema {SCHEMA_HEAD}.")
