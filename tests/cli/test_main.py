"""Which commands a process of the program loads."""

import subprocess
import sys
from typing import Any

import pytest
import typer

from homeport import bootstrap
from homeport.cli import commands
from homeport.cli.loading import COMMANDS, GROUPS
from homeport.cli.main import program


def names(app: typer.Typer) -> set[str]:
    """What stands first in a command line."""
    return set(typer.main.get_group(app).commands)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["gateway"], {"gateway", "jobs"}),
        (["jobs", "--supervised"], {"gateway", "jobs"}),
        (["-c", "up", "gateway", "--fd", "3"], {"gateway", "jobs"}),
        (["--debug", "budget", "list"], {"budget"}),
        (["--config=x", "cost-change"], {"cost-change"}),
        (["up"], {"up"}),
        (["--config", "gateway", "up"], {"up"}),
        (["keys", "jobs"], {"keys"}),
    ],
)
def test_a_command_is_loaded_alone(arguments: list[str], found: set[str]) -> None:
    assert names(program(arguments)) == found


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-c"], ["no-such-command"], ["", "up"]])
def test_where_help_is_needed_all_are(arguments: list[str]) -> None:
    assert names(program(arguments)) == {*COMMANDS, *GROUPS}


@pytest.mark.parametrize("name", [*COMMANDS, *GROUPS])
def test_each_is_by_itself_what_it_is_among_all(name: str) -> None:
    alone, among = (typer.main.get_group(app).commands[name] for app in (program([name]), commands.app))
    assert tree(alone) == tree(among)


def tree(command: Any) -> Any:
    """The commands of a group, or a command's help and its options."""
    if commands := getattr(command, "commands", None):
        return {name: tree(one) for name, one in commands.items()}
    return command.help, [(one.name, one.opts) for one in command.params]


@pytest.mark.slow
def test_a_command_does_not_load_what_others_need() -> None:
    ask = "import sys; from homeport.cli.main import program; program(['budget', 'list']); print(*sys.modules)"
    told = subprocess.run((sys.executable, "-c", ask), capture_output=True, text=True, timeout=60, check=True)
    loaded = set(told.stdout.split())
    assert "homeport.cli.budget" in loaded
    assert not loaded & {"homeport.cli.up", "homeport.cli.bench", "homeport.bootstrap.inspect", "homeport.sim"}


@pytest.mark.slow
def test_a_gateway_does_not_load_what_other_commands_need() -> None:
    ask = "import sys; from homeport.cli.main import program; program(['gateway']); print(*sys.modules)"
    told = subprocess.run((sys.executable, "-c", ask), capture_output=True, text=True, timeout=60, check=True)
    loaded = set(told.stdout.split())
    assert "homeport.cli.serve" in loaded
    assert not loaded & {"homeport.cli.up", "homeport.cli.chat", "homeport.bootstrap.evaluate", "homeport.sim"}


def test_every_part_of_the_composition_root_is_there() -> None:
    assert all(getattr(bootstrap, name) is not None for name in bootstrap.__all__)
    with pytest.raises(AttributeError):
        getattr(bootstrap, "nothing")  # noqa: B009  mypy knows what is there
