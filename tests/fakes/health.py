"""Health that a test sets."""


class SetHealth:
    """`Health`.

    Attributes:
        down: upstreams that are not ready.
        restarting: those among them that are back when they are waited for.
        reported: failures that the request path reported, in order.
        waited: upstream and timeout of each wait.
        keep_ready: as for a remote API, a reported failure changes nothing.
    """

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.restarting: set[str] = set()
        self.reported: list[str] = []
        self.waited: list[tuple[str, float]] = []
        self.keep_ready = False

    def ready(self, upstream: str) -> bool:
        return upstream not in self.down

    def report_failure(self, upstream: str) -> None:
        self.reported.append(upstream)
        if not self.keep_ready:
            self.down.add(upstream)

    async def wait_ready(self, upstream: str, timeout: float) -> bool:
        self.waited.append((upstream, timeout))
        if upstream in self.restarting:
            self.down.discard(upstream)
        return upstream not in self.down
