"""The server: listeners, connections, settings, script and record of one simulated upstream.

async with SimServer(Settings(seed=1)) as sim:
    sim.queue("status=429;retry-after=1", times=2)
    ...  # point a client at sim.url + "/v1"
    assert sim.requests[0].fields["model"] == "m"
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Self

from homeport.sim.connection import Connection
from homeport.sim.control import Control
from homeport.sim.exchange import Exchange
from homeport.sim.faults import Faults
from homeport.sim.listener import Listener, Mode
from homeport.sim.record import Record, Seen
from homeport.sim.reply import Request
from homeport.sim.script import Script, Step
from homeport.sim.settings import Settings
from homeport.sim.wire import Wire


class SimServer:
    """Start with `async with`; port 0 takes a free one. It opens its sockets when it is made.

    Args:
        control_port: another address for `/sim/`, which answers while the first one does not; None for none.

    Raises:
        OSError: an address is in use, or is not ours.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        control_port: int | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.record = Record(self.settings.keep)
        self.open_connections: set[Connection] = set()
        self._host = host
        self._script = Script(self.settings)
        self._exchange = Exchange(self.settings, self._script, partial(self.listen, Mode.REFUSE))
        self._control = Control(self)
        self._listener = Listener(host, port, lambda: Connection(self))
        self._second = None if control_port is None else Listener(host, control_port, lambda: Connection(self))

    @property
    def port(self) -> int:
        return self._listener.port

    @property
    def url(self) -> str:
        return _url(self._host, self.port)

    @property
    def control_url(self) -> str:
        """Where `/sim/` answers whatever happens to the other address."""
        return _url(self._host, self._second.port) if self._second else self.url

    async def __aenter__(self) -> Self:
        self._listener.start()
        if self._second:
            self._second.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        for listener in (self._listener, self._second):
            if listener:
                await listener.close()
        for connection in list(self.open_connections):
            connection.transport.abort()
        await self.wait_until(lambda: not self.open_connections and self.record.running == 0)

    async def answer(self, request: Request, wire: Wire, seen: Seen) -> Faults:
        """See `Host`."""
        return await self._exchange.answer(request, wire, seen)

    async def control(self, request: Request, wire: Wire) -> None:
        """See `Host`."""
        await self._control.answer(request, wire)

    async def listen(self, mode: Mode, seconds: float = 0.0) -> None:
        """Receive connections in another way. Except for `open`, idle connections are reset, so that clients see it."""
        await self._listener.change(mode, seconds)
        if mode is not Mode.OPEN:
            for connection in list(self.open_connections):
                if connection.idle:
                    connection.reset()

    @property
    def requests(self) -> list[Seen]:
        """What was seen, oldest first."""
        return self.record.seen

    @property
    def queued(self) -> list[Step]:
        return self._script.queued

    def queue(self, faults: str, times: int = 1, path: str = "") -> None:
        """Give the next `times` requests (of a path that holds `path`) these faults; "" lets them pass.

        Raises:
            InvalidRequest: sim_fault_invalid.
        """
        self.enqueue([Step(faults=faults, times=times, path=path)])

    def enqueue(self, steps: list[Step]) -> None:
        """Put steps at the end of the script.

        Raises:
            InvalidRequest: sim_fault_invalid; nothing was added.
        """
        self._script.add(steps)

    def clear(self) -> None:
        """Empty the script."""
        self._script.clear()

    def configure(self, **values: Any) -> None:
        """Change settings; dice and limits begin anew.

        Raises:
            InvalidRequest: sim_setting_invalid, sim_fault_invalid.
        """
        self.settings = self.settings.changed(values)
        self.record.keep(self.settings.keep)
        self._exchange.change(self.settings)

    async def wait_until(self, done: Callable[[], bool]) -> None:
        """Until `done`; it is asked again whenever a request or a connection begins or ends."""
        while not done():
            await self.record.changed()

    async def wait_listening(self) -> None:
        """Until connections are received as always."""
        await self._listener.wait_open()

    async def wait_idle(self) -> None:
        """Until no request is being answered: clients are served or gone."""
        await self.wait_until(lambda: self.record.running == 0)

    async def wait_running(self, many: int = 1) -> None:
        """Until `many` requests are being answered."""
        await self.wait_until(lambda: self.record.running >= many)


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
