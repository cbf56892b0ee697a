"""Whom a request is for and which trace it belongs to: what budgets, the loop guard and reports go by."""

import hashlib
from collections.abc import Mapping

import msgspec
from msgspec import Raw

from homeport.core.tracing import TraceContext, read_context

USER_HEADER = "x-homeport-user"
TRACE_HEADER = "x-homeport-trace"
OVERRIDE_HEADER = "x-homeport-loop-override"

_LONGEST = 128


class Attribution(msgspec.Struct, frozen=True, kw_only=True):
    """The headers that say it, as they were sent; None where one was not."""

    user: str | None = None
    trace: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    loop_override: str | None = None


class _Metadata(msgspec.Struct):
    user_id: str | None = None


def end_user(said: Attribution, fields: Mapping[str, Raw]) -> str:
    """Who the caller asks for: our header, else OpenAI's `safety_identifier` or `user`, else Anthropic's
    `metadata.user_id`; "" where nothing says."""
    return _name(said.user) or _text(fields, "safety_identifier") or _text(fields, "user") or _metadata(fields)


def trace_id(said: Attribution) -> str:
    """The trace by our header, else by W3C Trace Context's `traceparent`; "" where neither is there or right."""
    if said.trace is not None:
        return _name(said.trace)
    parent = parent_span(said)
    return parent.trace_id if parent is not None else ""


def parent_span(said: Attribution) -> TraceContext | None:
    """The caller's span; None where no header names one, or not rightly."""
    return None if said.traceparent is None else read_context(said.traceparent, said.tracestate)


def _text(fields: Mapping[str, Raw], name: str) -> str:
    if name not in fields:
        return ""
    try:
        return _name(msgspec.json.decode(fields[name], type=str))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _metadata(fields: Mapping[str, Raw]) -> str:
    if "metadata" not in fields:
        return ""
    try:
        return _name(msgspec.json.decode(fields["metadata"], type=_Metadata).user_id)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _name(said: str | None) -> str:
    """As it was said; a digest of what is too long, or could not be shown."""
    name = (said or "").strip()
    if len(name) <= _LONGEST and name.isprintable():
        return name
    return f"sha256:{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
