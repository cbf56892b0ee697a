"""`homeport trace`: single requests, as the ledger and what was kept whole have them."""

from typing import Any

import typer
from typer.core import TyperGroup

from homeport.cli import trace_export, trace_forget, trace_list, trace_search, trace_show

_SHOW = "show"


class IdGroup(TyperGroup):
    """A group whose first word may be an id: it is shown."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = next((word for word in args if not word.startswith("-")), None)
        if first is not None and first not in self.commands:
            args = [_SHOW, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=IdGroup,
    help="Single requests: homeport trace ID shows one whole. List them, search what was said, export them.",
    no_args_is_help=True,
)
for module in (trace_show, trace_list, trace_search, trace_export, trace_forget):
    module.register(app)
