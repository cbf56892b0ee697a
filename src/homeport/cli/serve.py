"""`homeport gateway` and `homeport jobs`: the two processes that `up` supervises, for running them apart."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from typing import Annotated, TypeVar

import typer
import uvloop
from sqlalchemy import Engine

from homeport import bootstrap
from homeport.api.server import Edge, collect_seldom, listen_together, make_server, open_files, share_memory
from homeport.cli.context import Context
from homeport.config.schema import ServerSettings, Settings
from homeport.core.errors import ConfigError
from homeport.jobs import worker
from homeport.jobs.paired_check import Hints
from homeport.storage.reconcile import Reconciler
from homeport.telemetry import logs

Built = TypeVar("Built")
Supervised = Annotated[
    bool, typer.Option("--supervised", help="Stop when standard input closes: the supervisor is gone.", hidden=True)
]


def register(app: typer.Typer) -> None:
    app.command()(gateway)
    app.command()(jobs)


def gateway(
    context: typer.Context,
    fd: Annotated[int | None, typer.Option(help="Serve on this inherited listening socket.", hidden=True)] = None,
    worker: Annotated[int, typer.Option(help="Which of the gateway processes this is.", hidden=True)] = 1,
    supervised: Supervised = False,
) -> None:
    """Serve the API in this process.

    Example: homeport gateway
    """
    state: Context = context.obj
    sock = socket.socket(fileno=fd) if fd is not None else listen_or_explain(state)[0]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(state, sock, worker, supervised))


def jobs(context: typer.Context, supervised: Supervised = False) -> None:
    """Bring the journal into the database, run batches, watch objectives and budgets, send alerts: here.

    Example: homeport jobs
    """
    state: Context = context.obj

    def build(settings: Settings) -> tuple[Settings, Engine]:
        logs.configure("jobs", settings.logging.level)
        return settings, bootstrap.open_storage(settings, state.home, ingests=True)

    settings, engine = _begin(state, supervised, build)
    telemetry = bootstrap.Telemetry(settings, state.home)
    changed = False

    async def work() -> None:
        stop, asking_over, hints = asyncio.Event(), asyncio.Event(), Hints()

        def begin_again(_: Settings) -> None:
            nonlocal changed
            changed = True
            stop.set()

        reloader = bootstrap.Reloader(settings, file=state.config_file, adopt=begin_again, count=lambda _: None)
        watching = asyncio.create_task(reloader.watch())

        async def ask() -> None:
            await asyncio.gather(
                bootstrap.run_batches(settings, state.home, engine, stop),
                bootstrap.watch_judging(settings, state.home, engine, hints, stop),
            )
            asking_over.set()

        async with _told_to_stop(stop.set, supervised), telemetry.running():
            await asyncio.gather(
                ask(),
                # To the end of what is asked: what the last lines of batches cost is in the journal.
                worker.work(Reconciler(engine, state.home, seen=telemetry.seen).ingest, asking_over),
                bootstrap.watch_slo(settings, state.home, engine, stop),
                bootstrap.watch_budgets(state.home, engine, stop),
                bootstrap.watch_engines(settings, state.home, engine, stop),
                bootstrap.watch_spend(engine, stop),
                bootstrap.watch_anomalies(settings, state.home, engine, stop),
                bootstrap.watch_retention(settings, state.home, engine, stop),
                bootstrap.watch_signals(settings, engine, stop),
                bootstrap.watch_scoring(settings, state.home, engine, stop),
                bootstrap.watch_models(settings, state.home, engine, hints, stop),
                bootstrap.watch_standing(settings, state.home, engine, stop),
                bootstrap.watch_inputs(settings, state.home, engine, stop),
                bootstrap.watch_quality(settings, engine, hints, stop),
                bootstrap.send_evaluations(settings, state.home, engine, stop),
                bootstrap.deliver_alerts(settings, engine, stop),
                bootstrap.count_alerts(state.home, engine, stop),
            )
        watching.cancel()

    asyncio.run(work())
    if changed:
        # As the same process, so that whoever supervises it sees no end.
        os.execv(sys.executable, [*bootstrap.worker_argv(), *sys.argv[1:]])  # noqa: S606  this same program


async def _serve(state: Context, sock: socket.socket, worker: int, supervised: bool) -> None:
    def build(settings: Settings) -> tuple[ServerSettings, bootstrap.Gateway]:
        logs.configure("gateway", settings.logging.level)
        return settings.server, bootstrap.build_gateway(settings, state.home, state.config_file, worker)

    share_memory()
    settings, built = _begin(state, supervised, build)
    open_files(settings.max_connections)
    edge = Edge(
        head_timeout=settings.head_timeout,
        body_timeout=settings.body_timeout,
        idle_timeout=settings.idle_timeout,
        send_timeout=settings.send_timeout,
        max_connections=settings.max_connections,
    )
    server = make_server(built.app, settings.drain_seconds, edge)

    def stop() -> None:
        server.should_exit = True
        built.leave()

    collect_seldom()
    async with built.background(), _told_to_stop(stop, supervised):
        await server.serve(sockets=[sock])


def _begin(state: Context, supervised: bool, build: Callable[[Settings], Built]) -> Built:
    """What a supervisor starts again may find a file that is being edited; a person is told at once."""
    return state.config_file.begin(build) if supervised else build(state.settings)


def listen_or_explain(state: Context, count: int = 1) -> list[socket.socket]:
    """The gateway's port, ready to accept, for so many processes. Raises ConfigError."""
    server = state.settings.server
    try:
        return listen_together(server.host, server.port, count)
    except OSError as error:
        raise ConfigError(
            f"{server.host}:{server.port} cannot be listened on: {error.strerror}",
            code="port_unavailable",
            hint="stop what listens there, or choose another: HOMEPORT_PORT=8081 homeport up",
        ) from error


@contextlib.asynccontextmanager
async def _told_to_stop(stop: Callable[[], None], supervised: bool) -> AsyncIterator[None]:
    """Call `stop` on SIGTERM, on SIGINT and, where supervised, when standard input closes."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    watch = asyncio.create_task(_wait_end_of_input(stop)) if supervised else None
    try:
        yield
    finally:
        if watch:
            watch.cancel()


async def _wait_end_of_input(stop: Callable[[], None]) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    stop()
