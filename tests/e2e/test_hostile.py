"""Hostile input against the running program: always a 4xx in OpenAI's shape, and the program lives."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.program import Program

pytestmark = pytest.mark.slow

GOOD = {"model": "local", "max_tokens": 2, "messages": [{"role": "user", "content": "Hi"}]}
WRONG_VALUES: tuple[Any, ...] = ("x", 5, -1, 1.5, True, [], [1], {}, {"a": 1}, "\x00", "a" * 5000, 2**70)
FIELDS = {
    "/chat/completions": [
        *("model", "messages", "stream", "stream_options", "temperature", "top_p", "n", "seed", "stop"),
        *("max_tokens", "max_completion_tokens", "presence_penalty", "frequency_penalty", "logit_bias"),
        *("logprobs", "top_logprobs", "tools", "tool_choice", "response_format", "user"),
        *("json_schema", "reasoning_format", "chat_template_kwargs"),
    ],
    "/completions": ["model", "prompt", "suffix", "echo", "best_of", "logprobs", "stop", "seed", "grammar"],
    "/embeddings": ["model", "input", "dimensions", "encoding_format"],
}
BASES: dict[str, dict[str, Any]] = {
    "/chat/completions": GOOD,
    "/completions": {"model": "local", "max_tokens": 2, "prompt": "Hi"},
    "/embeddings": {"model": "local", "input": "Hi"},
}


@pytest.fixture(autouse=True)
def the_program_lives(program: Program) -> Iterator[None]:
    gateway = program.children("gateway --supervised")
    yield
    assert program.children("gateway --supervised") == gateway
    assert program.chat("Are you alive?", max_tokens=2)[0] == 200
    assert "Traceback" not in "".join(path.read_text() for path in (program.home / "logs").glob("gateway.log*"))


def assert_refused(status: int, body: bytes, code: str | None = None) -> None:
    assert 400 <= status < 500, (status, body)
    error = json.loads(body)["error"]
    assert {"message", "type", "param", "code"} <= set(error)
    assert error["message"]
    assert code is None or error["code"] == code
    assert b"Traceback" not in body


MALFORMED = {
    "empty": (b"", "invalid_json"),
    "cut": (b'{"model": "auto", "messages": [', "invalid_json"),
    "not JSON": (b"model=auto", "invalid_json"),
    "array": (b"[]", "invalid_value"),
    "text": (b'"auto"', "invalid_value"),
    "null": (b"null", "invalid_value"),
    "NaN": (json.dumps(GOOD | {"temperature": float("nan")}).encode(), "invalid_json"),
    "infinity": (json.dumps(GOOD | {"top_p": float("inf")}).encode(), "invalid_json"),
    "NaN in an unknown field": (json.dumps(GOOD | {"x": [float("nan")]}).encode(), "invalid_json"),
    "two values": (json.dumps(GOOD).encode() * 2, "invalid_json"),
    "UTF-8": (json.dumps(GOOD).encode().replace(b"Hi", b"\xff\xfe"), "invalid_utf8"),
    "UTF-8 in an unknown field": (
        json.dumps(GOOD | {"x": "Hi!"}).encode().replace(b"Hi!", b"\xc3\x28"),
        "invalid_utf8",
    ),
    "UTF-16": (json.dumps(GOOD).encode("utf-16"), "invalid_utf8"),
    "no messages": (b'{"model": "auto"}', "invalid_value"),
    "no model": (b'{"messages": []}', "invalid_value"),
    "nested arrays": (b'{"model": "auto", "messages": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "invalid_value"),
    "nested in an unknown field": (
        json.dumps(GOOD).encode()[:-1] + b', "x": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
        "json_too_deep",
    ),
    "nested and cut": (b'{"x":' * 10_000, "json_too_deep"),
    "unknown model": (json.dumps(GOOD | {"model": "gpt-0"}).encode(), "model_not_found"),
    "header in the model": (json.dumps(GOOD | {"model": "auto\r\nx-evil: 1"}).encode(), "model_not_found"),
    "path as the model": (json.dumps(GOOD | {"model": "../../etc/passwd"}).encode(), "model_not_found"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_bodies(program: Program, name: str) -> None:
    body, code = MALFORMED[name]
    status, headers, answer = program.post("/chat/completions", body)
    assert_refused(status, answer, code)
    assert "x-evil" not in headers


@pytest.mark.parametrize("path", FIELDS)
def test_wrong_types_in_every_field(program: Program, path: str) -> None:
    for field in FIELDS[path]:
        for value in WRONG_VALUES:
            status, _, answer = program.post(path, BASES[path] | {field: value})
            if status != 200:
                assert_refused(status, answer)


def test_five_megabytes(program: Program) -> None:
    status, _, answer = program.post(
        "/chat/completions", GOOD | {"messages": [{"role": "user", "content": "x" * 5_000_000}]}
    )
    assert_refused(status, answer, "upstream_rejected_request")
    status, _, answer = program.post("/chat/completions", GOOD | {"x": "y" * 9_000_000})
    assert_refused(status, answer, "request_too_large")
    assert status == 413


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Basic abc", "Bearer wrong", "Bearer hp-0-0", "Bearer " + "x" * 5000, "Bearer \xff\xfe"],
)
def test_bad_keys(program: Program, authorization: str) -> None:
    for path in BASES:
        status, _, answer = program.post(path, BASES[path], {"authorization": authorization})
        assert status == 401
        assert_refused(status, answer)
    for path in ("/v1/models", "/v1/models/auto"):
        status, answer = program.get(path, {"authorization": authorization})
        assert status == 401
        assert_refused(status, answer)


def test_paths_and_methods(program: Program) -> None:
    for path in ("/", "/v1", "/v1/", "/v1/chat/completions/", "/v1/../v1/models", "/%00", "/v1/nope", "/v1/models/x"):
        status, answer = program.get(path, {"authorization": f"Bearer {program.key}"})
        assert_refused(status, answer)
    status, answer = program.get("/v1/chat/completions")
    assert status == 405
    assert_refused(status, answer, "method_not_allowed")


def raw(program: Program, request: bytes) -> bytes:
    """The answer to bytes that no client library would send."""
    with socket.create_connection(("127.0.0.1", program.port), timeout=10) as sock:
        sock.sendall(request)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while data := sock.recv(65536):
            answer += data
        return answer


def request_with(program: Program, *headers: bytes, body: bytes = b"{}") -> bytes:
    head = [
        b"POST /v1/chat/completions HTTP/1.1",
        b"host: x",
        b"connection: close",
        b"authorization: Bearer " + program.key.encode(),
        *headers,
    ]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    "headers",
    [
        (b"x-a: b\r\ncontent-length: 2\r\nx-evil: 1",),
        (b"content-length: 2", b"content-length: 3"),
        (b"content-length: -2",),
        (b"content-length: 99999999999999999999999",),
        (b"content-length: 2", b"transfer-encoding: chunked"),
        (b"x-a: \x00", b"content-length: 2"),
        (b"x a: b", b"content-length: 2"),
        (b"x-homeport-data-class: private\x0b", b"content-length: 2"),
        (b"x-homeport-data-class: secret", b"content-length: 2"),
    ],
)
def test_odd_headers(program: Program, headers: tuple[bytes, ...]) -> None:
    answer = raw(program, request_with(program, *headers))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 4")
    assert b"x-evil" not in head
    assert_refused(int(head.split()[1]), body)


@pytest.mark.parametrize("garbage", [b"\x00" * 100, b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"HELO x\r\n\r\n"])
def test_bytes_that_are_not_http(program: Program, garbage: bytes) -> None:
    answer = raw(program, garbage)
    assert answer.startswith(b"HTTP/1.1 400")
    assert_refused(400, answer.partition(b"\r\n\r\n")[2], "invalid_http")
