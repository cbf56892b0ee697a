"""`homeport sim`: the simulated upstream as a server of its own."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from homeport.cli.context import Context, Json
from homeport.core.errors import ConfigError, InvalidRequest
from homeport.sim.answer_key import Row, read_rows
from homeport.sim.faults import KINDS
from homeport.sim.listener import Mode
from homeport.sim.server import SimServer
from homeport.sim.settings import Settings


def register(app: typer.Typer) -> None:
    app.command()(sim)


def sim(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8090,
    control_port: Annotated[
        int | None, typer.Option(help="A second port for /sim/, which answers while the first one does not.")
    ] = None,
    listen: Annotated[Mode, typer.Option(help="How connections are received.")] = Mode.OPEN,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="A fault of every request, as NAME or NAME=VALUE. --list-faults shows them."),
    ] = None,
    fault_rate: Annotated[float, typer.Option(help="The share of requests that get --fault, 0 to 1.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of texts and dice.")] = 0,
    model: Annotated[list[str] | None, typer.Option(help="A model for /v1/models.")] = None,
    only_models: Annotated[bool, typer.Option("--only-models", help="Refuse other models than --model.")] = False,
    api_key: Annotated[str, typer.Option(help="The key that callers must send; without it any will do.")] = "",
    latency_ms: Annotated[float, typer.Option(help="Median time to the first token.")] = 0.0,
    latency_p99_ms: Annotated[float, typer.Option(help="Its 99th percentile (log-normal); 0 for no spread.")] = 0.0,
    tokens_per_second: Annotated[float, typer.Option(help="Pace of the output; 0 means all at once.")] = 0.0,
    output_tokens: Annotated[int, typer.Option(help="Length of a text, unless the request allows less.")] = 48,
    cached_tokens: Annotated[int, typer.Option(help="Input tokens that every answer reports as cached.")] = 0,
    error_rate: Annotated[float, typer.Option(help="The share of requests answered with --error-status.")] = 0.0,
    error_status: Annotated[int, typer.Option(help="A status from 400 to 599.")] = 500,
    stall_rate: Annotated[float, typer.Option(help="The share of answers that stall in the middle.")] = 0.0,
    cut_rate: Annotated[float, typer.Option(help="The share of answers that are reset in the middle.")] = 0.0,
    missing_usage_rate: Annotated[float, typer.Option(help="The share of answers without usage.")] = 0.0,
    rpm: Annotated[int, typer.Option(help="Requests a minute, beyond which there is a 429; 0 means no limit.")] = 0,
    tpm: Annotated[int, typer.Option(help="Tokens a minute, likewise.")] = 0,
    swap_model_after: Annotated[
        int, typer.Option(help="After this many requests another model answers, silently.")
    ] = 0,
    answers: Annotated[
        Path | None, typer.Option(help="Questions with their right answers: JSON lines of prompt and answer.")
    ] = None,
    accuracy: Annotated[
        list[str] | None, typer.Option(help="The share that a model answers rightly, as MODEL=SHARE; else all.")
    ] = None,
    keep: Annotated[int, typer.Option(help="How many requests /sim/requests remembers.")] = 1000,
    list_faults: Annotated[bool, typer.Option("--list-faults", help="Print the faults and end.")] = False,
    json: Json = False,
) -> None:
    """Run a simulated upstream: OpenAI, Anthropic, Gemini and Replicate, with every fault as a switch.

    It needs no configuration, no state folder and no network.

    Example: homeport sim --port 8090 --fault "status=429;retry-after=1" --fault-rate 0.1
    """
    state: Context = context.obj
    if list_faults:
        _print_faults(state, json=json)
        return
    given: dict[str, Any] = dict(context.params)
    values = {name: given[name] for name in Settings.__struct_fields__ if name in given}
    values |= {"faults": ";".join(fault or []), **({"models": list(model)} if model else {})}
    try:
        settings = Settings().changed(values | {"answers": _answers(answers), "accuracy": _shares(accuracy or [])})
    except InvalidRequest as error:
        raise ConfigError(
            error.message, code=error.code, hint="homeport sim --help; homeport sim --list-faults"
        ) from error

    def say(server: SimServer) -> None:
        if json:
            state.print_json({"url": server.url, "control_url": server.control_url})
            sys.stdout.flush()  # A program waits for it on a pipe.
            return
        state.console.print(f"Simulated upstream at {server.url} (control: {server.control_url}/sim/)", soft_wrap=True)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, (host, port, control_port), listen, say))


def _answers(path: Path | None) -> tuple[Row, ...]:
    try:
        return read_rows(path.read_bytes()) if path else ()
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise ConfigError(message, code="sim_answers_invalid", hint="--answers names a file of JSON lines") from error


def _shares(accuracy: list[str]) -> dict[str, str | float]:
    """What is no number is kept, for the settings to refuse."""
    shares: dict[str, str | float] = {}
    for one in accuracy:
        name, _, share = one.rpartition("=")
        try:
            shares[name] = float(share)
        except ValueError:
            shares[name] = share
    return shares


async def _serve(
    settings: Settings, address: tuple[str, int, int | None], mode: Mode, say: Callable[[SimServer], None]
) -> None:
    host, port, control_port = address
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with _opened(settings, host, port, control_port) as server:
        if mode is not Mode.OPEN:
            await server.listen(mode)
        say(server)
        await stop.wait()


def _opened(
    settings: Settings, host: str, port: int, control_port: int | None
) -> contextlib.AbstractAsyncContextManager[SimServer]:
    try:
        return SimServer(settings, host=host, port=port, control_port=control_port)
    except OSError as error:
        raise ConfigError(
            f"{host}:{port} cannot be listened on: {error.strerror}",
            code="port_unavailable",
            hint="stop what listens there, or choose another: homeport sim --port 0",
        ) from error


def _print_faults(state: Context, *, json: bool) -> None:
    if json:
        state.print_json({name: {"meaning": kind.meaning, "default": kind.default} for name, kind in KINDS.items()})
        return
    for name, kind in KINDS.items():
        state.console.print(f"[bold]{name:<18}[/] {kind.meaning}", soft_wrap=True)
