"""A page is fetched with the engine's key, within Prometheus' patience."""

import pytest

from homeport.core.errors import BadAnswer
from homeport.transport.pages import HttpPages
from tests.fakes.transport import ScriptedTransport, answered

URL = "http://127.0.0.1:4242/metrics"


async def test_a_page() -> None:
    transport = ScriptedTransport(answered(b"up 1\n", kind="text/plain"))
    assert await HttpPages(transport).fetch(URL, "t0ken") == b"up 1\n"
    [request] = transport.requests
    assert (request.method, request.url, request.headers) == ("GET", URL, {"authorization": "Bearer t0ken"})
    assert request.timeouts.total < 10, "Prometheus gives a scrape ten seconds"


async def test_without_a_key_none_is_sent() -> None:
    transport = ScriptedTransport(answered(b""))
    await HttpPages(transport).fetch(URL, "")
    assert transport.requests[0].headers == {}


@pytest.mark.parametrize("status", [204, 301, 401, 404, 501, 503])
async def test_what_is_no_page_is_no_empty_one(status: int) -> None:
    with pytest.raises(BadAnswer) as caught:
        await HttpPages(ScriptedTransport(answered(b"secret words", status))).fetch(URL, "t0ken")
    assert str(status) in caught.value.message
    assert "secret" not in caught.value.message
