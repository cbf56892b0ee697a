"""The server of the transformers engine, with a model that needs no torch."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from homeport.engines.children.server import Served, Server
from tests.engines.served.speaker import Parrot

CHAT = {"messages": [{"role": "user", "content": "hi"}]}


class House:
    def __init__(self, parrot: Parrot) -> None:
        self.parrot = parrot
        served = Served(model=parrot, names=("smol", "also"), token="t0ken", slots=1, context=64)
        self._server = Server(0, served)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self.parrot.may_go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def ask(self, path: str, body: Any = None, *, token: str = "t0ken") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection.request("POST" if body is not None else "GET", path, data, {"authorization": f"Bearer {token}"})
        response = connection.getresponse()
        answer = response.status, response.read()
        connection.close()
        return answer

    def json(self, path: str, body: Any = None) -> Any:
        status, data = self.ask(path, body)
        assert status == 200, data
        return json.loads(data)


@pytest.fixture
def house() -> Iterator[House]:
    house = House(Parrot())
    yield house
    house.close()


def events(data: bytes) -> list[Any]:
    lines = [line[6:] for line in data.split(b"\n\n") if line.startswith(b"data: ")]
    assert lines[-1] == b"[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_health_is_open_and_nothing_else(house: House) -> None:
    assert house.ask("/health", token="")[0] == 200
    for path in ("/v1/models", "/nothing"):
        assert house.ask(path, token="wrong")[0] == 401
    for path in ("/v1/chat/completions", "/v1/completions", "/tokenize", "/apply-template"):
        status, data = house.ask(path, CHAT, token="t0ke")
        assert (status, json.loads(data)["error"]["code"]) == (401, "invalid_api_key")
    assert house.ask("/nothing")[0] == 404
    assert [model["id"] for model in house.json("/v1/models")["data"]] == ["smol", "also"]


def test_a_chat(house: House) -> None:
    answer = house.json("/v1/chat/completions", {**CHAT, "logprobs": True, "top_logprobs": 1})
    choice = answer["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("hello", "stop")
    assert [token["token"] for token in choice["logprobs"]["content"]] == list("hello")
    assert choice["logprobs"]["content"][0]["top_logprobs"][0]["logprob"] == -0.25
    assert answer["usage"] == {"prompt_tokens": 8, "completion_tokens": 5, "total_tokens": 13}


def test_a_stream_says_the_same(house: House) -> None:
    asked = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
    *chunks, last = events(house.ask("/v1/chat/completions", asked)[1])
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0]["role"] == "assistant"
    assert "".join(delta.get("content", "") for delta in deltas) == "hello"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert (last["choices"], last["usage"]["completion_tokens"]) == ([], 5)


@pytest.mark.parametrize(
    ("asked", "text", "finish"),
    [
        ({"max_tokens": 2}, "he", "length"),
        ({"stop": "ll"}, "he", "stop"),
        ({"stop": ["zz", "o"]}, "hell", "stop"),
        ({"stop": "lz"}, "hello", "stop"),
        ({"max_tokens": 4, "stop": "lo"}, "hell", "length"),
    ],
)
def test_where_it_ends(house: House, asked: dict[str, Any], text: str, finish: str) -> None:
    choice = house.json("/v1/completions", {"prompt": "x", **asked})["choices"][0]
    assert (choice["text"], choice["finish_reason"]) == (text, finish)


def test_a_prompt_is_told_again_with_its_logprobs(house: House) -> None:
    asked = {"prompt": "ab", "echo": True, "logprobs": 1, "max_tokens": 0}
    answer = house.json("/v1/completions", asked)
    told = answer["choices"][0]["logprobs"]
    assert answer["choices"][0]["text"] == "ab"
    assert told["token_logprobs"] == [None, -0.5, -0.5]
    assert told["tokens"][1:] == ["a", "b"]
    assert answer["usage"]["completion_tokens"] == 0


def test_what_is_too_long_or_wrong(house: House) -> None:
    for body, code in (
        ({"prompt": "x" * 64}, "context_length_exceeded"),
        ({"prompt": [999]}, "invalid_value"),
        (b"{", "invalid_json"),
    ):
        status, data = house.ask("/v1/completions", body)
        assert (status, json.loads(data)["error"]["code"]) == (400, code)
    status, data = house.ask("/v1/chat/completions", {"messages": [{"role": "nobody", "content": ""}]})
    assert (status, json.loads(data)["error"]["code"]) == (400, "template_refused")


def test_the_context_bounds_an_answer(house: House) -> None:
    choice = house.json("/v1/completions", {"prompt": "x" * 61, "max_tokens": 50})["choices"][0]
    assert (choice["text"], choice["finish_reason"]) == ("he", "length")


def test_what_a_model_raises_is_told_without_its_words(house: House) -> None:
    house.parrot.broken = True
    status, data = house.ask("/v1/completions", {"prompt": "x"})
    assert (status, json.loads(data)["error"]["code"]) == (500, "engine_failed")
    assert b"it broke" not in data
    house.parrot.broken = False
    assert house.ask("/v1/completions", {"prompt": "x"})[0] == 200


def test_templates_and_tokens_are_told(house: House) -> None:
    assert house.json("/apply-template", CHAT) == {"prompt": "<user>hi"}
    assert house.json("/tokenize", {"content": "hi"}) == {"tokens": [104, 105]}


def test_a_caller_that_is_gone_is_not_answered(house: House) -> None:
    house.parrot.may_go_on.clear()
    with socket.create_connection(("127.0.0.1", house.port)) as caller:
        body = b'{"prompt": "x"}'
        head = b"POST /v1/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer t0ken\r\ncontent-length: %d\r\n\r\n"
        caller.sendall(head % len(body) + body)
        time.sleep(0.05)
    waiting: list[int] = []
    other = threading.Thread(target=lambda: waiting.append(house.ask("/v1/completions", {"prompt": "x"})[0]))
    other.start()
    time.sleep(0.1)
    house.parrot.may_go_on.set()
    other.join()
    assert waiting == [200]
    assert house.parrot.said == 5, "the first caller's answer was not gone on with"


@pytest.mark.parametrize("length", ["", "-1", "1e3", str(10**12), "9" * 40])
def test_a_body_without_a_fair_length(house: House, length: str) -> None:
    with socket.create_connection(("127.0.0.1", house.port)) as caller:
        caller.sendall(
            f"POST /v1/completions HTTP/1.1\r\nauthorization: Bearer t0ken\r\ncontent-length: {length}\r\n\r\n".encode()
        )
        assert b" 413 " in caller.recv(4096).split(b"\r\n")[0]
