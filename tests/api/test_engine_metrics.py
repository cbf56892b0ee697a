"""Own engines' metrics through the gateway: what there is, what is fetched, and what nobody is told."""

import json
from typing import Any

import pytest

from homeport.api.engine_metrics import EngineMetrics
from homeport.core.errors import ConnectFailed
from homeport.engines.base import TEXT_SURFACES, Endpoint
from tests.fakes.house import House
from tests.fakes.wire import Caller

PAGE = b"# TYPE llamacpp:requests_processing gauge\nllamacpp:requests_processing 1\n"
SECRET = "t0ken-of-the-engine"


def endpoint(port: int, **more: Any) -> Endpoint:
    host = f"http://127.0.0.1:{port}"
    measured = {"metrics_url": f"{host}/metrics", **more}
    return Endpoint(url=f"{host}/v1", api_key=SECRET, health_url=f"{host}/health", surfaces=TEXT_SURFACES, **measured)


class Engines:
    """Two engines that count, one of them draining, and one that does not."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.are_there = True
        self.endpoints = {
            "smol": endpoint(1, pool="smol"),
            "smol-2": endpoint(2, pool="smol", draining=True),
            "elsewhere": endpoint(3, metrics_url=""),
        }
        self.house = House(families=[EngineMetrics(lambda: self.endpoints, self.fetch)])

    async def fetch(self, url: str, api_key: str) -> bytes:
        self.asked.append((url, api_key))
        if not self.are_there:
            raise ConnectFailed("no connection")
        return PAGE

    async def get(self, path: str, host: str | None = "gateway:8080") -> Caller:
        headers = [("host", host)] if host is not None else []
        return await Caller(path, method="GET", headers=headers).call(self.house.app)


async def test_prometheus_is_told_where_the_engines_are() -> None:
    caller = await Engines().get("/metrics/engines")
    assert (caller.status, caller.headers["content-type"]) == (200, "application/json")
    assert caller.json == [
        {
            "targets": ["gateway:8080"],
            "labels": {"__metrics_path__": f"/metrics/engines/{name}", "upstream": name, "pool": "smol"},
        }
        for name in ("smol", "smol-2")
    ]


async def test_a_page_is_the_engine_s_own() -> None:
    engines = Engines()
    caller = await engines.get("/metrics/engines/smol-2")
    assert (caller.status, b"".join(caller.pieces)) == (200, PAGE)
    assert caller.headers["content-type"].startswith("text/plain; version=")
    assert engines.asked == [("http://127.0.0.1:2/metrics", SECRET)]


@pytest.mark.parametrize(
    "name", ["", "elsewhere", "nobody", "../../admin/v1/keys", "smol/", "smol%2f", "SMOL", "smol\n"]
)
async def test_what_is_not_there_is_not_fetched(name: str) -> None:
    engines = Engines()
    caller = await engines.get(f"/metrics/engines/{name}")
    assert caller.status == 404
    assert not engines.asked


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "a b",
        "evil\r\nx: y",
        '"},{"targets":["evil',
        "gateway:8080/metrics",
        "user@gateway",
        "[::1",
        "h:123456",
    ],
)
async def test_an_address_that_is_none_is_refused(host: str | None) -> None:
    assert (await Engines().get("/metrics/engines", host)).status == 400


@pytest.mark.parametrize("host", ["localhost", "10.0.0.7:8080", "[::1]:8080", "gateway.homeport.svc.cluster.local:80"])
async def test_addresses(host: str) -> None:
    caller = await Engines().get("/metrics/engines", host)
    assert {target for group in caller.json for target in group["targets"]} == {host}


async def test_an_engine_that_is_down_is_no_empty_page() -> None:
    """Prometheus counts it as down only where the answer is no success."""
    engines = Engines()
    engines.are_there = False
    caller = await engines.get("/metrics/engines/smol")
    assert caller.status >= 500
    assert caller.json["error"]["code"] == "upstream_unreachable"


async def test_nobody_is_told_an_engine_s_token_or_port() -> None:
    for path in ("/metrics/engines", "/metrics/engines/smol", "/metrics/engines/nobody"):
        told = json.dumps([b"".join((caller := await Engines().get(path)).pieces).decode(), caller.headers])
        assert SECRET not in told
        assert "127.0.0.1" not in told
