"""Replicate's predictions against the shapes of its documentation."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from homeport.sim.server import SimServer
from tests.fakes.sim import Received, ask, get

PATH = "/v1/models/meta/llama/predictions"
INPUT: dict[str, Any] = {"prompt": "hi", "system_prompt": "be brief", "max_tokens": 6}


async def create(sim: SimServer, faults: str = "", *, wait: bool = False, path: str = PATH, **fields: Any) -> Received:
    headers = {"host": f"127.0.0.1:{sim.port}", **({"prefer": "wait=5"} if wait else {})}
    return await ask(sim, {"input": INPUT, **fields}, faults, path, headers)


async def test_waiting_for_the_output(sim: SimServer) -> None:
    reply = await create(sim, wait=True)
    prediction = reply.fields
    assert (reply.status, prediction["status"], prediction["model"]) == (201, "succeeded", "meta/llama")
    assert "".join(prediction["output"]) == "Simulated: no model was"
    assert prediction["metrics"]["output_token_count"] == 6
    assert prediction["input"] == INPUT


async def test_polling(sim: SimServer) -> None:
    prediction = (await create(sim)).fields
    assert (prediction["status"], prediction["output"]) == ("starting", None)
    path = urlsplit(prediction["urls"]["get"]).path
    states = [(await get(sim, path)).fields["status"] for _ in range(4)]
    assert states == ["starting", "processing", "succeeded", "succeeded"]
    assert (await get(sim, path)).fields["output"] == (await create(sim, wait=True)).fields["output"]


async def test_streaming(sim: SimServer) -> None:
    prediction = (await create(sim, stream=True)).fields
    body = (await get(sim, urlsplit(prediction["urls"]["stream"]).path)).body.decode()
    events = [tuple(block.split("\n")) for block in body.split("\n\n")[:-1]]
    assert events[-1] == ("event: done", "data: {}")
    assert {name for name, _ in events[:-1]} == {"event: output"}
    text = "".join(data.removeprefix("data: ") for _, data in events[:-1])
    assert text == "".join((await create(sim, wait=True)).fields["output"])


async def test_cancelling(sim: SimServer) -> None:
    cancel = urlsplit((await create(sim)).fields["urls"]["cancel"]).path
    assert (await ask(sim, b"", path=cancel)).fields["status"] == "canceled"
    assert (await get(sim, cancel)).status == 405


async def test_versions_instead_of_models(sim: SimServer) -> None:
    assert (await create(sim, wait=True, path="/v1/predictions", version="abc")).fields["model"] == "abc"


@pytest.mark.parametrize("status", [401, 404, 422, 429, 500])
async def test_errors(sim: SimServer, status: int) -> None:
    reply = await create(sim, f"status={status}")
    assert (reply.status, reply.fields["status"]) == (status, status)
    assert set(reply.fields) == {"title", "detail", "status"}


async def test_requests_that_are_refused(sim: SimServer) -> None:
    assert (await ask(sim, {"input": "hi"}, path=PATH)).status == 422
    assert (await ask(sim, {"input": {}}, path="/v1/predictions")).status == 422
    assert (await get(sim, "/v1/predictions/nope")).fields["status"] == 404
