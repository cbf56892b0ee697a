"""Paths, methods and shapes; what callers send never comes back in a header, and no key in an error."""

import asyncio
import logging
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import ConnectFailed
from homeport.core.types import Outcome
from tests.fakes.house import CHAT, MID, NARROW, OPEN, OWN, House, target
from tests.fakes.upstream import whole
from tests.fakes.wire import Caller

GETS = ["/v1/models", "/livez", "/readyz", "/metrics", "/v1/models/own"]
POSTS = ["/v1/chat/completions", "/v1/completions", "/v1/embeddings"]
ERROR_FIELDS = {"message", "type", "param", "code", "hint", "request_id"}
REQUEST_HEADERS = {"x-homeport-request-id", "content-type"}


def check_error(caller: Caller, status: int, code: str) -> None:
    assert (caller.status, caller.error["code"]) == (status, code)
    assert set(caller.json) == {"error"}
    assert set(caller.error) == ERROR_FIELDS
    assert caller.headers["content-type"] == "application/json"
    assert caller.headers["x-homeport-request-id"] == caller.error["request_id"]
    assert caller.error["request_id"].startswith("req_")


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/", "/v1/chat", "/v1/chat/completions/", "//v1/models", "/V1/models", ""]
)
async def test_paths_that_are_not_there(path: str) -> None:
    for method in ("GET", "POST"):
        check_error(await House().get(path, method=method), 404, "not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
@pytest.mark.parametrize("path", GETS)
async def test_other_methods_where_there_is_something_to_get(path: str, method: str) -> None:
    caller = await House().get(path, method=method)
    check_error(caller, 405, "method_not_allowed")
    assert caller.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"])
@pytest.mark.parametrize("path", POSTS)
async def test_other_methods_where_requests_are_answered(path: str, method: str) -> None:
    house = House()
    caller = await house.get(path, method=method)
    check_error(caller, 405, "method_not_allowed")
    assert caller.headers["allow"] == "POST"
    assert house.recorder.events == []


@pytest.mark.parametrize("path", GETS)
async def test_head_is_get_without_its_body(path: str) -> None:
    """The server drops the body; the headers are those of GET."""
    house = House()
    got, asked = await house.get(path), await house.get(path, method="HEAD")
    assert (asked.status, asked.headers) == (got.status, got.headers) == (200, got.headers)


async def test_alive_and_ready() -> None:
    house = House()
    alive, ready = await house.get("/livez", token=None), await house.get("/readyz", token=None)
    assert (alive.status, alive.json) == (200, {"status": "alive"})
    assert (ready.status, ready.json) == (200, {"status": "ready", "engines": {}})
    house.ready = False
    unready = await house.get("/readyz", token=None)
    assert (unready.status, unready.json["status"]) == (503, "not ready")
    assert (await house.get("/livez")).status == 200


async def test_others_are_answered_while_the_metrics_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """With hundreds of models that takes a tenth of a second."""
    house, may_end = House(), threading.Event()

    def write(_: object) -> bytes:
        assert may_end.wait(10), "the loop waits for the page"
        return b"written"

    monkeypatch.setattr("prometheus_client.exposition.generate_latest", write)
    page = asyncio.create_task(house.get("/metrics", token=None))
    await asyncio.sleep(0.01)
    assert (await house.get("/livez", token=None)).status == 200
    assert not page.done()
    may_end.set()
    assert (await page).body == b"written"


async def test_metrics() -> None:
    house = House()
    caller = await house.get("/metrics", token=None)
    assert caller.headers["content-type"].startswith("text/plain; version=")
    assert b"homeport_requests_in_flight 0.0" in caller.body


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/own"])
@pytest.mark.parametrize(("token", "code"), [(None, "missing_api_key"), ("hp-wrong", "invalid_api_key")])
async def test_models_need_a_key(path: str, token: str | None, code: str) -> None:
    caller = await House().get(path, token=token)
    check_error(caller, 401, code)
    assert caller.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("name", ["meta/llama-3:8b", "a", "org/team/model@v1"])
async def test_one_model(name: str) -> None:
    """A server decodes %2F, so a slash in a name arrives as it is either way."""
    house = House(target(name))
    caller = await house.get(f"/v1/models/{name}")
    assert (caller.status, caller.json["id"], caller.json["object"]) == (200, name, "model")
    assert caller.json in (await house.get("/v1/models")).json["data"]


@pytest.mark.parametrize("name", ["", "gone", "own/", "../models", "own\n", "mid"])
async def test_a_model_that_a_key_cannot_see_is_one_that_is_not_there(name: str) -> None:
    check_error(await House(OWN, MID).get(f"/v1/models/{name}", token=NARROW), 404, "model_not_found")


SMUGGLED: dict[str, list[tuple[str, str]]] = {
    "our own headers": [("x-homeport-request-id", "evil"), ("x-homeport-model", "evil"), ("x-homeport-cost", "evil")],
    "line ends": [("x-evil", "a\r\nset-cookie: evil=1"), ("user-agent", "evil\r\n\r\nevil")],
    "forwarding": [("x-forwarded-for", "evil"), ("host", "evil"), ("forwarded", "for=evil"), ("x-request-id", "evil")],
    "two lengths": [("content-length", "0"), ("content-length", "5")],
    "length and chunks": [("content-length", "3"), ("transfer-encoding", "chunked")],
    "hop by hop": [("connection", "authorization"), ("te", "evil"), ("upgrade", "evil")],
    "beyond ascii": [("x-evil", "\xff\xfe\x00evil"), ("accept", "\x00")],
    "many": [(f"x-evil-{number}", "evil") for number in range(5_000)],
    "long": [("x-evil", "evil" * 100_000)],
}


@pytest.mark.parametrize("case", SMUGGLED)
async def test_headers_that_are_sent_change_no_header_that_comes_back(case: str) -> None:
    house = House(MID)
    house.upstreams["mid"].script(whole())
    plain, smuggling = await house.ask(), await house.ask(headers=SMUGGLED[case])
    own = smuggling.headers.pop("x-homeport-request-id")
    assert smuggling.headers.pop("x-request-id") == own
    assert plain.headers.pop("x-request-id") == plain.headers.pop("x-homeport-request-id")
    assert (smuggling.status, smuggling.headers, smuggling.body) == (plain.status, plain.headers, plain.body)
    assert "evil" not in own


@pytest.mark.parametrize("authorization", [[OPEN, OPEN], ["hp-wrong", OPEN], [OPEN, "hp-wrong"]])
async def test_two_keys_are_none(authorization: list[str]) -> None:
    house = House(MID)
    headers = [("authorization", f"Bearer {token}") for token in authorization]
    caller = await house.ask(token=None, headers=headers)
    check_error(caller, 401, "invalid_api_key")
    assert house.calls() == []


@given(
    model=st.text(max_size=60),
    user=st.text(max_size=30),
    token=st.text(st.characters(codec="latin-1"), max_size=40),
    data_class=st.text(st.characters(codec="latin-1"), max_size=20),
    path=st.text(max_size=40),
)
async def test_no_header_holds_what_a_caller_sent(
    model: str, user: str, token: str, data_class: str, path: str
) -> None:
    house = House(MID)
    house.upstreams["mid"].script(whole())
    evil: dict[str, Any] = {**CHAT, "model": model, "user": user}
    callers = [
        await house.ask(evil),
        await house.ask(token=token),
        await house.ask(headers=[("x-homeport-data-class", data_class)]),
        await house.get(f"/{path}"),
        await house.get(f"/v1/models/{path}"),
    ]
    for caller in callers:
        assert caller.finished
        assert caller.status in {200, 400, 401, 404, 405}
        values = {name: value for name, value in caller.headers.items() if not name.endswith("request-id")}
        assert set(values.values()) <= PLAIN_VALUES | {str(len(caller.body))}


PLAIN_VALUES = {
    "application/json",
    "text/plain; version=1.0.0; charset=utf-8",
    "Bearer",
    "mid",
    "static:mid",
    "pinned:mid",
    "0.001250000",
    "POST",
    "GET, HEAD",
}


KEYS = [OPEN, "hp-wrong-0123456789", "sk-proj-abcdefghijklmnop", "hp-" + "x" * 300]


@pytest.mark.parametrize("token", KEYS)
async def test_a_key_is_in_no_answer_and_no_log(token: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    house = House(MID)
    house.upstreams["mid"].script(ConnectFailed("no"), RuntimeError("no"))
    for body in (CHAT, CHAT, b"{", {**CHAT, "model": "gone"}):
        caller = await house.ask(body, token=token)
        assert caller.status >= 400
        assert token not in str(caller.headers) + caller.body.decode()
    assert token not in caplog.text
    assert token not in house.metrics.page().decode()


async def test_the_prompt_of_a_defect_is_not_told() -> None:
    house = House(MID)
    house.upstreams["mid"].script(RuntimeError("Which clause ends the contract?"))
    caller = await house.ask()
    check_error(caller, 500, "internal_error")
    assert b"clause" not in caller.body


async def test_a_defect_outside_the_request_path_has_a_reply() -> None:
    class Broken(House):
        @property
        def ready(self) -> bool:
            raise ValueError("a secret")

        @ready.setter
        def ready(self, value: bool) -> None:
            pass

    caller = await Broken().get("/readyz")
    check_error(caller, 500, "internal_error")
    assert b"secret" not in caller.body


LENGTHS = [
    "-1",
    "",
    "x",
    "1e3",
    "0x10",
    " 5",
    "+5",
    "5, 5",
    "\xb2",
    "\xbd",
    "9" * 5_000,
    "000000000000000000000000000001",
]


@pytest.mark.parametrize("length", LENGTHS)
async def test_odd_lengths_neither_break_nor_deceive(length: str) -> None:
    """A server refuses most of them; none of them is believed here."""
    house = House(MID, max_body=1_000)
    house.upstreams["mid"].script(whole())
    small = await house.ask(headers=[("content-length", length)])
    assert small.status == (413 if length.startswith("9") else 200)
    large = await house.ask(b"x" * 1_001, headers=[("content-length", length)])
    check_error(large, 413, "request_too_large")


async def test_an_announced_length_is_refused_before_the_body_is_read() -> None:
    house = House(MID, max_body=1_000)
    caller = house.caller(b"", more=True, headers=[("content-length", "1001")])
    await caller.call(house.app)
    check_error(caller, 413, "request_too_large")
    assert (house.event.outcome, house.event.status) == (Outcome.REJECTED, 413)


async def test_a_body_is_refused_where_it_passes_the_bound() -> None:
    """The rest of it is not waited for."""
    house = House(MID, max_body=1_000)
    headers = [("authorization", f"Bearer {OPEN}"), ("content-length", "10")]
    caller = Caller("/v1/chat/completions", headers=headers, body=[b"x" * 500, b"x" * 500, b"x"], more=True)
    await caller.call(house.app)
    check_error(caller, 413, "request_too_large")


async def test_a_body_of_exactly_the_bound_is_read() -> None:
    house = House(MID, max_body=1_000)
    check_error(await house.ask(b"x" * 1_000), 400, "invalid_json")


async def test_websockets_are_closed_and_lifespans_acknowledged() -> None:
    sent: list[Any] = []
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    app = House().app
    await app({"type": "lifespan"}, receive, send)
    await app({"type": "websocket", "path": "/v1/realtime"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"]
