"""`homeport route`: what decides where requests go, and, with a prompt, what it would decide.

A file of commands has `register(app)`. A first word that is no command's name is a prompt: it is given to the hidden
command `ASK`, where there is one.
"""

from typing import Any

import typer
from typer.core import TyperGroup

from homeport.cli import route_ask, route_calibrate, route_fit, route_refit, route_versions

ASK = "ask"


class PromptGroup(TyperGroup):
    """A group whose first word may be a prompt."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """A prompt is put behind the command that takes it."""
        first = next((word for word in args if word == "--" or not word.startswith("-")), None)
        if ASK in self.commands and first is not None and first not in self.commands:
            args = [ASK, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=PromptGroup,
    help='What would answer a prompt: homeport route "...". Router versions: fit or calibrate one, list them, go back.',
    no_args_is_help=True,
)
for module in (route_ask, route_fit, route_calibrate, route_refit, route_versions):
    module.register(app)
