"""Which commands a process of the program loads."""

import subprocess
import sys

import pytest

from homeport import bootstrap
from homeport.cli import commands, processes
from homeport.cli.main import program


@pytest.mark.parametrize(
    "arguments", [["gateway"], ["jobs", "--supervised"], ["-c", "up", "gateway", "--fd", "3"], ["--debug", "jobs"]]
)
def test_what_runs_for_long_has_its_own_command_alone(arguments: list[str]) -> None:
    assert program(arguments) is processes.app


@pytest.mark.parametrize("arguments", [[], ["--help"], ["up"], ["--config", "gateway", "up"], ["keys", "jobs"], ["-c"]])
def test_everything_else_has_all_commands(arguments: list[str]) -> None:
    assert program(arguments) is commands.app


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
