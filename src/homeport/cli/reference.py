"""docs/reference/cli.md, from the commands themselves.

`python -m homeport.cli.reference` prints it.
"""

import sys
from collections.abc import Iterator

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from homeport.cli.commands import app

_WIDTH = 120
"""Columns of a usage line: fixed, so that the page does not depend on who makes it."""

_HEAD = """# Command line: homeport

This page is generated from the program (`python -m homeport.cli.reference`).

| Exit code | Meaning |
|---|---|
| 0 | done |
| 1 | failed: something is down, missing, or not as it should be |
| 2 | the command or the configuration is wrong |
| 130 | interrupted with Ctrl-C |

`homeport run` ends with the exit code of the program it ran. An error is two lines on standard
error, what happened with its code (see [errors](errors.md)) and what to do next; `--debug` before
the command shows the traceback as well. `--help` works on every command. `--json` prints one JSON
document, where a command offers it.
"""


def markdown() -> str:
    """The reference page: usage, parameters and an example of every command that is not hidden."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return "\n".join([_HEAD, *_sections(group, typer.Context(group, info_name="homeport", terminal_width=_WIDTH))])


def _sections(command: TyperCommand | TyperGroup, context: typer.Context) -> Iterator[str]:
    yield _section(command, context)
    if isinstance(command, TyperGroup):
        for name, child in sorted(command.commands.items()):
            if isinstance(child, TyperCommand | TyperGroup) and not child.hidden:
                yield from _sections(child, typer.Context(child, info_name=name, parent=context))


def _section(command: TyperCommand | TyperGroup, context: typer.Context) -> str:
    words, _, example = (command.help or "").partition("Example: ")
    usage = command.get_usage(context).removeprefix("Usage: ")
    parts = [f"## `{context.command_path}`", words.strip(), f"```text\n{usage}\n```"]
    if example:
        parts.append(f"```console\n$ {example.strip()}\n```")
    if rows := [*_rows(command, context)]:
        parts.append("| Parameter | Meaning |\n|---|---|\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def _rows(command: TyperCommand | TyperGroup, context: typer.Context) -> Iterator[str]:
    for parameter in command.params:
        hidden = isinstance(parameter, TyperArgument | TyperOption) and parameter.hidden
        record = None if hidden else parameter.get_help_record(context)
        if record is not None:
            name, meaning = (text.replace("|", "\\|") for text in record)
            yield f"| `{name}` | {meaning} |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
