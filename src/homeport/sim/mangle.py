"""Faults of the content: a reply goes in as it should be, and comes out as asked for. Pure."""

from collections.abc import Sequence

import msgspec

from homeport.sim.faults import Faults, number
from homeport.sim.reply import BAD_BYTES, Event, Reply

_HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Simulated: sign in first.</body></html>\n"
_GARBAGE = b'{"this": is not JSON]'
_BAD = b"\xff\xc0\xfe"
_MARK = BAD_BYTES.encode()


def mangle(reply: Reply, faults: Faults) -> Reply:
    """What is sent instead of `reply`."""
    if "big-header" in faults:
        header = {"x-sim-big": "x" * int(number(faults, "big-header"))}
        reply = msgspec.structs.replace(reply, headers={**reply.headers, **header})
    if "wrong-type" in faults:
        return msgspec.structs.replace(reply, body=_HTML, events=None, headers={"content-type": "text/html"})
    if "empty" in faults:
        return msgspec.structs.replace(reply, body=b"", events=None)
    if reply.events is None:
        return msgspec.structs.replace(reply, body=_mangled_body(reply.body, faults))
    return msgspec.structs.replace(reply, events=tuple(_mangled_events(reply.events, faults)))


def middle(events: Sequence[Event], faults: Faults) -> int:
    """How many events come before a stream breaks: `after`, or half of them, and at least one is left out."""
    wanted = int(number(faults, "after")) if "after" in faults else len(events) // 2
    return min(wanted, max(0, len(events) - 1))


def write_event(event: Event, faults: Faults) -> bytes:
    """An event as bytes. Source: https://html.spec.whatwg.org/multipage/server-sent-events.html."""
    colon = b"data:" if "no-space" in faults else b"data: "
    lines = [b"event: " + event.name.encode()] if event.name else []
    lines += [colon + line for line in (_lines(event.data) if "multi-line" in faults else [event.data])]
    if "comments" in faults:
        lines.insert(0, b": simulated comment, data: {}")
    end = b"\r\n" if "crlf" in faults else b"\r" if "cr" in faults else b"\n"
    return end.join(lines) + end + end


def _mangled_body(body: bytes, faults: Faults) -> bytes:
    if "garbage" in faults:
        return _GARBAGE
    if "truncated" in faults:
        return body[: len(body) // 2]
    if "not-an-answer" in faults:
        return b'{"hello": "world"}'
    return _with_bad_bytes(body) if "invalid-utf8" in faults else body


def _mangled_events(events: Sequence[Event], faults: Faults) -> list[Event]:
    found = list(events)
    at = middle(events, faults)
    for name, data in (("garbage", _GARBAGE), ("not-an-answer", b'{"hello": "world"}')):
        if name in faults:
            found[at] = Event(data=data, name=found[at].name)
    if "truncated" in faults:
        whole = found[at].data
        found[at] = Event(data=whole[: len(whole) // 2], name=found[at].name)
    if "invalid-utf8" in faults:
        place = next((n for n, event in enumerate(found) if _MARK in event.data), at)
        found[place] = msgspec.structs.replace(found[place], data=_with_bad_bytes(found[place].data))
    if "missing-done" in faults:
        found = [event for event in found if not event.done]
    for name in ("usage", "done"):
        if f"duplicate-{name}" in faults:
            found = [copy for event in found for copy in [event] * (2 if getattr(event, name) else 1)]
    return found


def _with_bad_bytes(data: bytes) -> bytes:
    """The text of the answer broken; the first text there is, where there is no answer."""
    return data.replace(_MARK, _BAD) if _MARK in data else data.replace(b'":"', b'":"' + _BAD, 1)


def _lines(data: bytes) -> list[bytes]:
    """JSON over several lines, which a client must join with line feeds."""
    try:
        return msgspec.json.format(data, indent=1).split(b"\n")
    except (msgspec.DecodeError, UnicodeDecodeError):  # `[DONE]`, and what is broken already
        return [data]
