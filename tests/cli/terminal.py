"""Commands in this process: as a person types them, without the seconds that a new one takes to start."""

import json
from pathlib import Path
from typing import Any

import msgspec
from typer.testing import CliRunner

from homeport.cli.commands import app
from homeport.cli.context import Context
from homeport.core.errors import HomeportError

CONFIG = """\
providers:
  p: {provider: simulated}
tiers:
  - {name: local, targets: [{model: m, provider: p}]}
"""


class Said(msgspec.Struct, frozen=True):
    """What a command said; `code` is the error's, "usage" where it was not understood, "" where it went well.

    Attributes:
        advice: the error's message and hint.
    """

    exit_code: int
    output: str
    code: str
    advice: str = ""

    @property
    def json(self) -> Any:
        return json.loads(self.output)


class Terminal:
    """A terminal with a state folder of its own."""

    def __init__(self, home: Path) -> None:
        home.mkdir(exist_ok=True)
        self.home = home
        self.configure()

    def configure(self, more: str = "") -> None:
        (self.home / "homeport.yaml").write_text(CONFIG + more)

    def ask(self, *arguments: str) -> Said:
        """Run a command, whatever becomes of it."""
        result = CliRunner().invoke(app, arguments, obj=Context(), env={"HOMEPORT_HOME": str(self.home)})
        error = result.exception
        if error is None or isinstance(error, SystemExit):
            return Said(result.exit_code, result.stdout, "usage" if result.exit_code == 2 else "")
        if isinstance(error, HomeportError):
            return Said(result.exit_code, result.stdout, error.code, f"{error.message}; {error.hint}")
        raise error

    def run(self, *arguments: str) -> str:
        """What a command that must succeed prints."""
        said = self.ask(*arguments)
        assert said.exit_code == 0, said
        return said.output

    def told(self, *arguments: str) -> Any:
        """The JSON of a command that must succeed."""
        return json.loads(self.run(*arguments, "--json"))
