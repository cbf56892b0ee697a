"""Structured logs: one JSON object a line on standard error, no content, no secrets."""

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

import msgspec

from homeport.core.tracing import CURRENT

FIELDS = "homeport_fields"
"""Attribute of a log record that carries its fields: `logger.info("x", extra={FIELDS: {...}})`."""

_MAX_CAUSES = 8


class JsonFormatter(logging.Formatter):
    """Time in UTC, level, logger, message, the request's span, the record's fields, and the exception's type and place.

    An exception's words stay out: they may quote a prompt or a key.
    """

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": _encodable(record.getMessage()),
            **_span(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = _places(record.exc_info[1])
        return msgspec.json.encode(line, enc_hook=str).decode()


def _span() -> dict[str, str]:
    """The ids under which OpenTelemetry finds the lines of a trace; none where nothing is traced."""
    current = CURRENT.get()
    return {} if current is None else {"trace_id": current.trace_id, "span_id": current.span_id}


def _encodable(text: str) -> str:
    """The text with lone surrogates, as file names may hold them, written out: they are not UTF-8."""
    return text.encode(errors="backslashreplace").decode()


def _places(error: BaseException) -> list[str]:
    """Type, and `file:line function` of each frame, of an exception and of what caused it."""
    chain: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(chain) < _MAX_CAUSES:
        frames = [
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(cause.__traceback__)
        ]
        chain.append(f"{type(cause).__qualname__} at {' > '.join(frames)}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return chain


def configure(process: str, level: str) -> None:
    """Send every logger of this process to standard error as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
