"""An event loop without sockets whose time passes only while everybody waits, and a server that is a script.

So a timeout of a minute takes no time, and the same script gives the same order of events each time.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

Result = TypeVar("Result")


class Step(NamedTuple):
    """What the server does next: after `delay` seconds send `data`, or where it is None, end the connection."""

    data: bytes | None
    delay: float = 0.0
    error: Exception | None = None


Script = Callable[["Wire", int], Sequence[Step]]
"""What the server does when a request comes over a connection, as (connection, number of the request there)."""


class VirtualLoop(asyncio.base_events.BaseEventLoop):
    def __init__(self, script: Script) -> None:
        super().__init__()
        self._now = 0.0
        self._selector = self
        self._script = script
        self.wires: list[Wire] = []
        self.failures: list[str] = []
        self.set_exception_handler(lambda _, context: self.failures.append(str(context.get("exception", context))))

    def time(self) -> float:
        return self._now

    def select(self, timeout: float | None) -> list[Any]:
        """What the loop calls while there is nothing to do."""
        assert timeout is not None, "everybody waits for somebody else"
        self._now += timeout
        return []

    def _process_events(self, event_list: list[Any]) -> None: ...

    def _write_to_self(self) -> None: ...

    async def create_connection(self, protocol_factory: Any, *_: Any, **__: Any) -> Any:
        protocol = protocol_factory()
        wire = Wire(self, protocol, self._script)
        self.wires.append(wire)
        protocol.connection_made(wire)
        return wire, protocol

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run to the end; what the callbacks of the loop raised is a failure too."""
        try:
            result = self.run_until_complete(work)
        finally:
            self.run_until_complete(self.shutdown_asyncgens())
            self.run_until_complete(asyncio.sleep(0))
            self.close()
        assert not self.failures, self.failures
        return result


class Wire(asyncio.Transport):
    """A connection to the scripted server."""

    def __init__(self, loop: VirtualLoop, protocol: asyncio.Protocol, script: Script) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._script = script
        self._steps: deque[Step] = deque()
        self._is_sending = False
        self.is_paused = False
        self.is_lost = False
        self.requests = 0
        self.sent = 0

    def write(self, data: Any) -> None:
        if self.is_lost:
            return
        self._steps.extend(self._script(self, self.requests))
        self.requests += 1
        self._send_on()

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False
        self._send_on()

    def is_closing(self) -> bool:
        return self.is_lost

    def abort(self) -> None:
        self._lose(None)

    def close(self) -> None:
        self._lose(None)

    def _send_on(self) -> None:
        if self._steps and not self._is_sending:
            self._is_sending = True
            self._loop.call_later(self._steps[0].delay, self._send)

    def _send(self) -> None:
        self._is_sending = False
        if self.is_lost or self.is_paused or not self._steps:
            return
        step = self._steps.popleft()
        if step.data is None:
            self._lose(step.error)
        else:
            self.sent += len(step.data)
            self._protocol.data_received(step.data)
            self._send_on()

    def _lose(self, error: Exception | None) -> None:
        if not self.is_lost:
            self.is_lost = True
            self._steps.clear()
            self._loop.call_soon(self._protocol.connection_lost, error)
