"""The `homeport` program. Exit codes: 0 done, 1 failed, 2 the command or the configuration is wrong."""

import sys
from collections.abc import Sequence
from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from sqlalchemy.exc import SQLAlchemyError

from homeport.cli.context import Context
from homeport.cli.loading import program_of
from homeport.core.errors import ConfigError, HomeportError, StorageError
from homeport.inspection.visible import shown
from homeport.storage.db import unusable

_LONGEST = 20_000
"""Characters of an error: it may quote what somebody else wrote."""
_WITH_VALUE = frozenset({"--config", "-c"})


def main() -> None:
    """Run a command; an error is told in a few lines, without a traceback unless --debug is given."""
    state = Context()
    try:
        program(sys.argv[1:])(obj=state)
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


def program(arguments: Sequence[str]) -> typer.Typer:
    """The program with the command that is asked for, and what it needs; with all of them for help."""
    return program_of(_command(arguments))


def _command(arguments: Sequence[str]) -> str:
    """The first word that is no option, nor an option's value; "" for none."""
    words = iter(arguments)
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""


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
