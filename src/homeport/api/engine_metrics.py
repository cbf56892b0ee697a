"""GET /metrics/engines: what own engines count, through the gateway.

An engine that Homeport starts listens on a port of its own choosing, behind a token, on loopback. So the gateway
fetches its page, and tells Prometheus where to find the pages of all engines that there are (HTTP service discovery:
https://prometheus.io/docs/prometheus/latest/http_sd/).
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote

from homeport.api.connection import Connection
from homeport.api.routes import Methods, reply
from homeport.core.errors import InvalidRequest, NotFound
from homeport.engines.base import Endpoint
from homeport.telemetry.metrics import TEXT

PATH = "/metrics/engines"

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")

Fetch = Callable[[str, str], Awaitable[bytes]]


class EngineMetrics:
    """`Paths` of own engines' metrics.

    Args:
        endpoints: the engines that there are now, by the names of their replicas.
        fetch: a page, by its URL and the key to it. Raises UpstreamError.
    """

    def __init__(self, endpoints: Callable[[], Mapping[str, Endpoint]], fetch: Fetch) -> None:
        self._endpoints = endpoints
        self._fetch = fetch

    def find(self, path: str) -> Methods | None:
        if path == PATH:
            return {"GET": self._list}
        if not path.startswith(f"{PATH}/"):
            return None
        name = path.removeprefix(f"{PATH}/")
        return {"GET": lambda connection, _: self._page(connection, name)}

    def _measured(self) -> Mapping[str, Endpoint]:
        return {name: endpoint for name, endpoint in self._endpoints().items() if endpoint.metrics_url}

    async def _list(self, connection: Connection, _: str) -> None:
        """One group of targets for each engine: Prometheus asks where it asked us."""
        host = connection.header(b"host") or ""
        if _HOST.fullmatch(host) is None:
            raise InvalidRequest("the header host cannot be read", hint="ask by the gateway's address", param="host")
        groups = [
            {"targets": [host], "labels": _labels(name, endpoint)}
            for name, endpoint in sorted(self._measured().items())
        ]
        await reply(connection, groups)

    async def _page(self, connection: Connection, name: str) -> None:
        endpoint = self._measured().get(name)
        if endpoint is None:
            raise NotFound("no engine of this name has metrics", hint=f"GET {PATH} lists those that have")
        page = await self._fetch(endpoint.metrics_url, endpoint.api_key)
        await connection.start(200, {"content-type": TEXT})
        await connection.finish(page)


def _labels(name: str, endpoint: Endpoint) -> Mapping[str, str]:
    return {"__metrics_path__": f"{PATH}/{quote(name)}", "upstream": name, "pool": endpoint.pool or name}
