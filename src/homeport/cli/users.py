"""`homeport users`: who may sign in to the console."""

import sys
import time
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from homeport import bootstrap
from homeport.cli.context import Context, Json, check_text
from homeport.console import passwords
from homeport.console.users import UserRegistry
from homeport.core.people import Role
from homeport.inspection.visible import visible_line

app = typer.Typer(help="Who may sign in to the console, and what they may there.", no_args_is_help=True)

_LONGEST = 300

Name = Annotated[str, typer.Argument(callback=check_text, help="The user's name.")]
FromInput = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, in the place of a random one.")
]


@app.command()
def add(
    context: typer.Context,
    name: Name,
    role: Annotated[Role, typer.Option(help="What the user may.")] = Role.VIEWER,
    password_stdin: FromInput = False,
    json: Json = False,
) -> None:
    """Make a user, and print a random password, once: only its hash is kept.

    Example: homeport users add grace --role operator
    """
    state: Context = context.obj
    password = _password(password_stdin)
    user = _registry(state).add(name, role, password)
    if json:
        told = {"name": user.name, "role": user.role}
        state.print_json(told if password_stdin else {**told, "password": password})
    elif not password_stdin:
        state.console.print(password, soft_wrap=True, markup=False)


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """Every user, and what each may.

    Example: homeport users list
    """
    state: Context = context.obj
    users = _registry(state).every()
    if json:
        state.print_json(
            [
                {"name": one.name, "role": one.role, "issuer": one.issuer, "created_at": one.created_at / 1e9}
                for one in users
            ]
        )
        return
    table = Table("name", "role", "signs in", "since")
    for one in users:
        since = time.strftime("%Y-%m-%d", time.gmtime(one.created_at / 1e9))
        place = visible_line(one.issuer, _LONGEST) or "here, with a password"
        table.add_row(escape(visible_line(one.name, _LONGEST)), one.role, escape(place), since)
    state.console.print(table)


@app.command()
def role(
    context: typer.Context, name: Name, role: Annotated[Role, typer.Argument(help="What the user may from now on.")]
) -> None:
    """Give a user another role; the user's sessions end.

    Example: homeport users role grace admin
    """
    state: Context = context.obj
    _registry(state).set_role(name, role)
    state.console.print(f"{escape(name)} is {role}.")


@app.command()
def password(context: typer.Context, name: Name, password_stdin: FromInput = False) -> None:
    """Give a user a new password, and print it, once; the user's sessions end.

    Example: homeport users password grace
    """
    state: Context = context.obj
    new = _password(password_stdin)
    _registry(state).set_password(name, new)
    if not password_stdin:
        state.console.print(new, soft_wrap=True, markup=False)


@app.command("sign-out")
def sign_out(context: typer.Context, name: Name) -> None:
    """End every session of a user.

    Example: homeport users sign-out grace
    """
    state: Context = context.obj
    state.console.print(f"Ended {_registry(state).end_sessions(name)} sessions.")


@app.command()
def remove(context: typer.Context, name: Name) -> None:
    """Remove a user; the user's sessions end.

    Example: homeport users remove grace
    """
    state: Context = context.obj
    _registry(state).remove(name)
    state.console.print(f"Removed {escape(name)}.")


def _registry(state: Context) -> UserRegistry:
    engine = bootstrap.open_storage(state.settings, state.home)
    return bootstrap.user_registry(engine).by(state.actor)


def _password(from_input: bool) -> str:
    return sys.stdin.readline().rstrip("\n") if from_input else passwords.new_password()
