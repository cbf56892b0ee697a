"""`homeport trace forget`: what was said in a request is removed."""

from typing import Annotated

import typer
from rich.markup import escape

from homeport import bootstrap
from homeport.api.request_content import forget as forget_content
from homeport.bootstrap.capture import body_store
from homeport.cli.context import Context, Json, check_text


def register(app: typer.Typer) -> None:
    app.command("forget")(forget)


def forget(
    context: typer.Context,
    request: Annotated[str, typer.Argument(callback=check_text, help="The id of a request.")],
    json: Json = False,
) -> None:
    """Forget what was said in a request that was kept whole, and its words. Its row stays in the ledger.

    Example: homeport trace forget req_5d41402abc4b2a7600000007
    """
    state: Context = context.obj
    engine = bootstrap.open_storage(state.settings, state.home)
    forget_content(body_store(state.settings, state.home), bootstrap.word_index(state.home, engine), engine, request)
    state.note("requests.remove", request)
    if json:
        state.print_json({"id": request, "forgotten": True})
    else:
        state.console.print(f"What was said in {escape(request)} is forgotten.", soft_wrap=True)
