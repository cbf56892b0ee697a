"""Logs: one JSON object a line, whatever is in it, and nothing of what callers sent."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.tracing import CURRENT, TraceContext
from homeport.core.types import Outcome
from homeport.telemetry.logs import FIELDS, JsonFormatter, configure


def record(message: str, *args: Any, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("homeport.x", logging.WARNING, "x.py", 1, message, args, None)
    made.__dict__.update(extra)
    return made


def line(made: logging.LogRecord) -> dict[str, Any]:
    text = JsonFormatter("gateway").format(made)
    assert "\n" not in text
    assert "\r" not in text
    decoded: dict[str, Any] = json.loads(text)
    return decoded


def test_a_line() -> None:
    made = record("request %s", "r1", created=1_700_000_000.1234, **{FIELDS: {"bytes": 3, "outcome": Outcome.FAILED}})
    assert line(made) == {
        "time": "2023-11-14T22:13:20.123+00:00",
        "level": "warning",
        "process": "gateway",
        "logger": "homeport.x",
        "message": "request r1",
        "bytes": 3,
        "outcome": "failed",
    }


def test_a_line_of_a_traced_request_names_its_span() -> None:
    context = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", True)
    token = CURRENT.set(context)
    try:
        told = line(record("x"))
    finally:
        CURRENT.reset(token)
    assert (told["trace_id"], told["span_id"]) == (context.trace_id, context.span_id)
    assert "trace_id" not in line(record("x"))


@given(st.text())
def test_a_message_cannot_begin_another_line(text: str) -> None:
    assert line(record("%s", text))["message"] == text


@pytest.mark.parametrize("text", ['a\n{"level":"info"}', "a\r\nb", 'quote " backslash \\', "\x00\x1b[31m", "\ud800"])
def test_hostile_messages(text: str) -> None:
    assert set(line(record("%s", text))) == {"time", "level", "process", "logger", "message"}


def test_values_that_json_does_not_know_become_text() -> None:
    assert line(record("x", **{FIELDS: {"error": ValueError("v")}}))["error"] == "v"


def test_an_exception_is_told_by_type_and_place_and_never_by_its_words() -> None:
    """Its words may be a prompt or a key."""
    try:
        try:
            raise KeyError("the prompt")
        except KeyError as cause:
            raise ValueError("sk-secret") from cause
    except ValueError:
        made = record("unexpected", exc_info=sys.exc_info())
    outer, inner = line(made)["exception"]
    place = "test_an_exception_is_told_by_type_and_place_and_never_by_its_words"
    assert outer.startswith("ValueError at ")
    assert inner.startswith("KeyError at ")
    assert all(told.endswith(place) and "test_logs.py:" in told for told in (outer, inner))
    assert "sk-secret" not in outer
    assert "the prompt" not in inner


def test_no_exception() -> None:
    assert "exception" not in line(record("x", exc_info=(None, None, None)))


@pytest.fixture
def untouched_root() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.mark.usefixtures("untouched_root")
def test_configured_every_logger_writes_json_to_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    configure("jobs", "warning")
    logging.getLogger("somebody.else").info("quiet")
    logging.getLogger("somebody.else").warning("loud %d", 7)
    [written] = stderr.getvalue().splitlines()
    assert json.loads(written)["message"] == "loud 7"
    assert json.loads(written)["process"] == "jobs"
