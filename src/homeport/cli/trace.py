"""`homeport trace`: single requests, as the ledger and the kept bodies have them."""

import typer

from homeport.cli import trace_list

app = typer.Typer(help="Single requests: list them.", no_args_is_help=True)
for module in (trace_list,):
    module.register(app)
