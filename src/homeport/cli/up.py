"""`homeport up`: one command to a running gateway."""

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.status import Status

from homeport import bootstrap
from homeport.cli import welcome
from homeport.cli.context import Context
from homeport.cli.gateway_client import GatewayClient
from homeport.cli.progress import ByteProgress
from homeport.cli.serve import listen_or_explain
from homeport.config.default import default_yaml
from homeport.core.errors import EngineError, HomeportError
from homeport.engines.processes import Processes
from homeport.engines.supervisor import ChildSpec

_START_SECONDS = 300.0


def register(app: typer.Typer) -> None:
    app.command()(up)


def up(
    context: typer.Context,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say only that it is ready.")] = False,
) -> None:
    """Start everything on this machine: engines, gateway, jobs worker. Ctrl-C stops it.

    Example: homeport up
    """
    state: Context = context.obj
    with contextlib.ExitStack() as stack:
        if not stack.enter_context(_only_one(state.home.lock)):
            state.console.print(f"Homeport already runs with this state folder: {GatewayClient(state.home).url}/v1")
            return
        _write_first_config(state)
        asyncio.run(_Up(state, quiet).run())


def _write_first_config(state: Context) -> None:
    if state.config is None:
        draft = state.home.config.with_suffix(".draft")
        draft.write_text(default_yaml(), encoding="utf-8")
        draft.rename(state.home.config)  # whole or not at all, also on a full disk
        state.console.print(f"Wrote {state.home.config}: what runs where, and your keys' places. Edit it freely.")


@contextlib.contextmanager
def _only_one(lock: Path) -> Iterator[bool]:
    descriptor = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        yield False
        return
    try:
        yield True
    finally:
        os.close(descriptor)


class _Up:
    """One run, from preparing to the last child's end."""

    def __init__(self, state: Context, quiet: bool) -> None:
        self._state = state
        self._quiet = quiet
        self._client = GatewayClient(state.home)
        self._stop = asyncio.Event()
        self._processes = Processes(state.home.processes, on_exit=self._say_exit, on_failure=self._say_failure)
        self._engines = bootstrap.Engines(state.settings, state.home, self._processes)
        self._ready = False
        self._sockets: list[socket.socket] = []

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        started = time.monotonic()
        await self._prepare()
        try:
            async with self._engines.taking_orders():
                seconds = await self._wait_ready()
                if seconds is not None:
                    total = time.monotonic() - started
                    welcome.show(self._state, self._client.url, total, seconds, quiet=self._quiet)
                    self._ready = True
                    await self._stop.wait()
        finally:
            await self._stop_children()

    async def _prepare(self) -> None:
        state = self._state
        state.config_file.keep()
        sockets = listen_or_explain(state, state.settings.server.workers)
        state.home.address.write_text(f"http://{state.settings.server.host}:{state.settings.server.port}\n")
        bootstrap.ensure_own_keys(state.settings, state.home)
        bootstrap.ensure_first_user(state.settings, state.home)
        progress = ByteProgress(state.console)
        for name in bootstrap.needed_packages(state.settings):
            docker_config = state.environment.docker_config
            pull = partial(bootstrap.pull_package, docker_config=docker_config)
            await asyncio.to_thread(pull, state.settings, state.home, name, progress)
        self._engines.start()
        options = ["--config", str(state.config)]
        for worker, sock in enumerate(sockets, 1):
            place = ("--fd", str(sock.fileno()), "--worker", str(worker))
            argv = bootstrap.worker_argv(*options, "gateway", "--supervised", *place)
            name = "gateway" if worker == 1 else f"gateway-{worker}"
            self._start(name, argv, fd=sock.fileno(), grace=state.settings.server.drain_seconds + 5)
        self._start("jobs", bootstrap.worker_argv(*options, "jobs", "--supervised"))
        self._sockets = sockets

    def _start(self, name: str, argv: tuple[str, ...], fd: int | None = None, grace: float = 10) -> None:
        log = self._state.home.logs / f"{name}.log"
        passed = () if fd is None else (fd,)
        self._processes.start(ChildSpec(name=name, argv=argv, stdin=b"", log=log, pass_fds=passed, grace=grace))

    def _say_exit(self, name: str, returncode: int, pause: float) -> None:
        how = signal.Signals(-returncode).name if returncode < 0 else f"exit code {returncode}"
        self._state.console.print(f"[yellow]{name} ended ({how}); starting it again in {pause:.1f} s[/]")

    def _say_failure(self, name: str, error: HomeportError) -> None:
        if self._ready:
            self._state.console.print(f"[red]{name} stays down: {error.message}[/] {error.hint}")

    async def _wait_ready(self) -> dict[str, float] | None:
        """Seconds until each engine answered; None when told to stop before all did."""
        seconds: dict[str, float] = {}
        started = time.monotonic()
        with self._status() as status:
            while not self._stop.is_set():
                self._raise_failures()
                ready, detail = await asyncio.to_thread(self._readiness)
                for name, up_now in detail.get("engines", {}).items():
                    if up_now:
                        seconds.setdefault(name, time.monotonic() - started)
                if ready:
                    return seconds
                waiting = [name for name, up_now in detail.get("engines", {}).items() if not up_now]
                status.update(f"Starting {', '.join(waiting) or 'the gateway'} ...")
                if time.monotonic() - started > _START_SECONDS:
                    raise EngineError(
                        f"not ready after {_START_SECONDS:.0f} s", hint=f"look into {self._state.home.logs}"
                    )
                await asyncio.sleep(0.05)
        return None

    def _status(self) -> Status:
        return self._state.console.status("Starting ...")

    def _readiness(self) -> tuple[bool, dict[str, dict[str, bool]]]:
        try:
            return self._client.readiness()
        except HomeportError:
            return False, {}

    def _raise_failures(self) -> None:
        for process in self._processes.all:
            process.raise_failure()

    async def _stop_children(self) -> None:
        """The gateway first, so that it drains into engines that still answer; then the jobs worker.

        What both recorded is in the database by then, and lines of batches that are in progress had
        engines to end on. Without them they would go on to a tier that costs more.
        """
        for sock in self._sockets:
            sock.close()  # The gateways have their own; once they close them, nobody waits for an answer in vain.
        for kind in ("gateway", "jobs", "engine"):
            await self._processes.stop(process for process in self._processes.all if _kind(process.name) == kind)
        home = self._state.home
        for path in (home.address, home.engines, home.processes, home.slo, home.budgets, home.traces, home.alerts):
            path.unlink(missing_ok=True)


def _kind(name: str) -> str:
    """What a child is: several gateways and engines have names of their own."""
    return name.partition("-")[0]
