"""`homeport audit`: who changed what."""

from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from homeport import bootstrap
from homeport.cli.context import Context, Json, check_text
from homeport.console.show import facts, moment
from homeport.core.audit import Origin
from homeport.inspection.visible import shown
from homeport.storage.audit import Asked, Broken, Entry, broken, entries, read_ends

app = typer.Typer(help="Who changed what: list it, check that nothing was taken out.", no_args_is_help=True)

_LONGEST = 500


@app.command("list")
def list_(
    context: typer.Context,
    actor: Annotated[str, typer.Option(callback=check_text, help="Only what this user or key did.")] = "",
    action: Annotated[str, typer.Option(callback=check_text, help="Only this, such as key.revoke, or key.")] = "",
    subject: Annotated[str, typer.Option(callback=check_text, help="Only what was done to this id.")] = "",
    origin: Annotated[Origin | None, typer.Option(help="Only what came this way.")] = None,
    below: Annotated[int, typer.Option(min=0, help="Only what is older than the row with this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many rows.")] = 50,
    json: Json = False,
) -> None:
    """The newest changes first: who, when, from where, what was before and what is after.

    Example: homeport audit list --action key.revoke
    """
    state: Context = context.obj
    asked = Asked(actor=actor, action=action, subject=subject, origin=str(origin or ""), below=below)
    found = entries(bootstrap.open_storage(state.settings, state.home), asked, limit)
    if json:
        state.print_json([_plain(row) for row in found])
        return
    table = Table("number", "when", "who", "from", "what", "before", "after")
    for row in found:
        who = " ".join(part for part in (row.actor, row.role and f"({row.role})") if part)
        place = f"{row.origin} {row.address}".strip()
        what = f"{row.action} {row.subject}".strip()
        texts = (who, place, what, facts(row.before), facts(row.after))
        table.add_row(str(row.sequence), moment(row.at), *[escape(shown(text, _LONGEST)) for text in texts])
    state.console.print(table)


@app.command()
def verify(context: typer.Context, json: Json = False) -> None:
    """Read every row and tell which were changed, removed or put in. Exit code 1 if any was.

    Example: homeport audit verify
    """
    state: Context = context.obj
    engine = bootstrap.open_storage(state.settings, state.home)
    found = list(broken(engine))
    ends = read_ends(engine)
    rows = ends.newest.sequence - ends.removed.sequence
    if json:
        state.print_json({"ok": not found, "rows": rows, "removed": ends.removed.sequence, "findings": found})
    else:
        for one in found:
            state.console.print(_told(one))
        words = "not as they were written" if found else "as they were written"
        state.console.print(f"{rows:,} rows: {words}. {ends.removed.sequence:,} older ones were removed by their age.")
    if found:
        raise typer.Exit(1)


def _told(one: Broken) -> str:
    return f"row {one.sequence} was {one.what}"


def _plain(row: Entry) -> dict[str, Any]:
    return {**msgspec.structs.asdict(row), "at": row.at / 1e9}
