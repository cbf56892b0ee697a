"""The lines of a batch's input: JSONL, one request a line, checked before the first of them is run."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Raw, Struct

from homeport.storage.batches import BatchProblem

MAX_CUSTOM_ID = 512
MAX_PROBLEMS = 100
"""More are counted, not told."""


class Line(Struct, frozen=True, kw_only=True):
    """One request. `number` counts the lines of the file from 1, blank ones too; `body` is JSON."""

    number: int
    custom_id: str
    body: bytes


class Checked(Struct, frozen=True, kw_only=True):
    """What a whole input is: how many requests, and what is wrong with it (at most `MAX_PROBLEMS`)."""

    total: int
    problems: tuple[BatchProblem, ...]


class _Request(Struct):
    custom_id: str
    method: str
    url: str
    body: dict[str, Raw]


class _Sent(Struct):
    custom_id: str
    body: Raw


_request_decoder = msgspec.json.Decoder(_Request)
_sent_decoder = msgspec.json.Decoder(_Sent)
_FALSE, _NULL = Raw(b"false"), Raw(b"null")
_BOM = b"\xef\xbb\xbf"


def check(path: Path, *, endpoint: str, max_lines: int, max_line_bytes: int) -> Checked:
    """Read a whole input, a line at a time, and say what is wrong with it."""
    seen: set[bytes] = set()
    problems: list[BatchProblem] = []
    total = 0
    with path.open("rb") as file:
        for number, data in _rows(file, max_line_bytes):
            if number > max_lines:
                problems.append(_too_many(max_lines))
                break
            if not data:
                continue
            total += 1
            problem = _check_row(number, data, endpoint, max_line_bytes, seen)
            if problem is not None:
                problems.append(problem)
            if len(problems) >= MAX_PROBLEMS:
                break
    if not total:
        problems.append(BatchProblem(code="empty_file", message="the file holds no request; write one JSON line each"))
    return Checked(total=total, problems=tuple(problems))


def read(path: Path, *, max_line_bytes: int) -> Iterator[Line]:
    """The requests of an input that `check` found nothing wrong with."""
    with path.open("rb") as file:
        for number, data in _rows(file, max_line_bytes):
            if data:
                sent = _sent_decoder.decode(data)
                yield Line(number=number, custom_id=sent.custom_id, body=bytes(sent.body))


def _rows(file: BinaryIO, max_line_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, without the space around them; of one that is too long, a byte too many."""
    number = 0
    while data := file.readline(max_line_bytes + 1):
        number += 1
        if len(data) > max_line_bytes and not data.endswith(b"\n"):
            yield number, data
            while data and not data.endswith(b"\n"):
                data = file.readline(max_line_bytes + 1)
        else:
            yield number, data.removeprefix(_BOM if number == 1 else b"").strip(b" \t\r\n")


def _check_row(number: int, data: bytes, endpoint: str, max_line_bytes: int, seen: set[bytes]) -> BatchProblem | None:
    if len(data) > max_line_bytes:
        return BatchProblem(code="line_too_large", message=f"it is larger than {max_line_bytes} bytes", line=number)
    try:
        data.decode()
        request = _request_decoder.decode(data)
    except UnicodeDecodeError:
        return BatchProblem(code="invalid_utf8", message="it is not UTF-8", line=number)
    except RecursionError:
        return BatchProblem(code="json_too_deep", message="its JSON is nested too deeply", line=number)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        param = path.strip("`").removeprefix("$").removeprefix(".") or None
        return BatchProblem(code="invalid_value", message=message, line=number, param=param)
    except msgspec.DecodeError:
        return BatchProblem(code="invalid_json_line", message="it is not one JSON object", line=number)
    return _check_request(number, request, endpoint, seen)


def _check_request(number: int, request: _Request, endpoint: str, seen: set[bytes]) -> BatchProblem | None:
    # A digest instead of the id: what is remembered of a line is small, whatever it says.
    identity = hashlib.blake2b(request.custom_id.encode(), digest_size=16).digest()
    is_new = identity not in seen
    seen.add(identity)

    def wrong(message: str, param: str, code: str = "invalid_value") -> BatchProblem:
        return BatchProblem(code=code, message=message, line=number, param=param)

    if not 1 <= len(request.custom_id) <= MAX_CUSTOM_ID:
        return wrong(f"custom_id should have 1 to {MAX_CUSTOM_ID} characters", "custom_id")
    if not is_new:
        return wrong("an earlier line has this custom_id too", "custom_id", code="duplicate_custom_id")
    if request.method != "POST":
        return wrong("method should be POST", "method")
    if request.url != endpoint:
        return wrong(f"url should be the batch's endpoint, {endpoint}", "url", code="mismatched_endpoint")
    if request.body.get("stream", _FALSE) not in (_FALSE, _NULL):
        message = "a line of a batch is answered whole: leave stream out"
        return wrong(message, "body.stream", code="stream_not_supported")
    return None


def _too_many(max_lines: int) -> BatchProblem:
    message = f"the file holds more than {max_lines} requests; split it, or raise batch.max_lines"
    return BatchProblem(code="too_many_lines", message=message)
