"""A simulated upstream that keeps every byte that reached its socket."""

from homeport.sim.connection import Connection, Host
from homeport.sim.server import SimServer
from homeport.sim.settings import Settings


class Tap(SimServer):
    """`SimServer`, with all that was ever received, understood or not, in `received`."""

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings or Settings(keep=0))
        self.received = bytearray()
        self._listener._connect = lambda: _Tapped(self, self.received)


class _Tapped(Connection):
    def __init__(self, host: Host, received: bytearray) -> None:
        super().__init__(host)
        self._received = received

    def data_received(self, data: bytes) -> None:
        self._received += data
        super().data_received(data)
