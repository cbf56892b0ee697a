"""What every command starts from: the environment, the state folder, the configuration, the terminal."""

import os
import pwd
import sys
import time
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from homeport import bootstrap
from homeport.config.file import ConfigFile
from homeport.config.home import Home
from homeport.config.load import Environment, read_environment
from homeport.config.schema import Settings
from homeport.core.audit import Actor, Origin
from homeport.core.errors import ConfigError
from homeport.core.jsontext import readable
from homeport.storage.audit import Recorder

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
"""The option of every command that answers something."""


def check_text(text: str) -> str:
    """What was no UTF-8 on the command line has lone surrogates here, and is in no database."""
    if not text.isprintable():
        raise ConfigError(
            f"{ascii(text)[:64]} has characters that no name has", code="name_unreadable", hint="type the name again"
        )
    return text


Project = Annotated[
    str,
    typer.Option(callback=check_text, help="Only this project and what is below it, such as acme/search."),
]
"""The option of commands over what a project spent; "" for all."""

_PIPE_COLUMNS = 200


class Context:
    """Read lazily, so that a command fails only over what it needs."""

    def __init__(self) -> None:
        self.explicit_config: Path | None = None
        self.debug = False
        self.console = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else _PIPE_COLUMNS)

    @cached_property
    def environment(self) -> Environment:
        environment = read_environment()
        self.debug = self.debug or environment.debug
        return environment

    @cached_property
    def home(self) -> Home:
        home = Home(self.environment.home.absolute())
        try:
            home.create()
        except OSError as error:
            raise ConfigError(
                f"the state folder {home.root} cannot be made: {error.strerror}",
                code="home_unusable",
                hint="set HOMEPORT_HOME to a folder you can write to",
            ) from error
        return home

    @cached_property
    def config_file(self) -> ConfigFile:
        return ConfigFile(self.environment, self.explicit_config, self.home.adopted)

    @property
    def config(self) -> Path | None:
        """The configuration file there is, or None."""
        return self.config_file.path

    @cached_property
    def settings(self) -> Settings:
        return self.config_file.read()

    @property
    def actor(self) -> Actor:
        """Who types, for the audit log: the user of this machine."""
        return Actor(name=_user_name(), origin=Origin.CLI)

    def note(self, action: str, subject: str = "", **said: object) -> None:
        """Write down in the audit log what was done to what; nowhere while no configuration names a database.

        Raises:
            StorageError: the database cannot be used.
        """
        if self.config is None:
            return
        engine = bootstrap.open_storage(self.settings, self.home)
        Recorder(engine, time.time_ns)(self.actor, action, subject[:160], said)

    def print_json(self, value: Any) -> None:
        """One JSON document on standard output, for programs; a terminal acts on nothing in it."""
        sys.stdout.write(readable(msgspec.json.format(msgspec.json.encode(value), indent=2).decode()) + "\n")


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user may have no name
        return f"uid {os.getuid()}"
