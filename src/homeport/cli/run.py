"""`homeport run`: a program with the gateway behind it."""

import subprocess
import time
from typing import Annotated

import typer

from homeport import bootstrap
from homeport.cli.context import Context
from homeport.cli.gateway_client import GatewayClient
from homeport.core.errors import EngineError

_START_SECONDS = 300.0


def register(app: typer.Typer) -> None:
    app.command(context_settings={"ignore_unknown_options": True})(run)


def run(
    context: typer.Context,
    command: Annotated[list[str], typer.Argument(help="The program and its arguments, after --.")],
) -> None:
    """Run a program with OPENAI_BASE_URL and OPENAI_API_KEY set to the gateway.

    Uses the gateway that runs with this state folder; starts one, and stops it after, if none does.

    Example: homeport run -- python my_app.py
    """
    state: Context = context.obj
    client = GatewayClient(state.home)
    supervisor = None if client.is_ready() else _start(state, client)
    try:
        gateway = {"OPENAI_BASE_URL": f"{client.url}/v1", "OPENAI_API_KEY": client.key}
        code = subprocess.run(command, env={**state.environment.variables, **gateway}, check=False).returncode  # noqa: S603 the person's own command
    except FileNotFoundError:
        raise EngineError(f"there is no program {command[0]!r}", code="command_not_found") from None
    finally:
        if supervisor is not None:
            supervisor.terminate()
            supervisor.wait()
    raise typer.Exit(code)


def _start(state: Context, client: GatewayClient) -> subprocess.Popen[bytes]:
    options = ("--config", str(state.config)) if state.config else ()
    supervisor = subprocess.Popen(bootstrap.worker_argv(*options, "up", "--quiet"))  # noqa: S603 this same program
    deadline = time.monotonic() + _START_SECONDS
    while not client.is_ready():
        if supervisor.poll() is not None or time.monotonic() > deadline:
            supervisor.terminate()
            raise EngineError("the gateway did not start", hint=f"homeport up; the logs are in {state.home.logs}")
        time.sleep(0.1)
    return supervisor
