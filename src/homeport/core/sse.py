"""Server-sent events as bytes: where one ends, and what it carries.

Source: the HTML standard, section 9.2, "Server-sent events". A line ends in LF, CRLF or CR; an event
ends in a blank line. Nothing is decoded or rewritten, so that events can be forwarded as they came.
"""

import re
from collections.abc import Iterator

BOM = b"\xef\xbb\xbf"
"""A byte order mark; one at the beginning of a stream is skipped."""

# The end of a line, then the end of an empty one. "\r\n" alone never matches: it is one line end.
BLANK_LINE = re.compile(rb"[\r\n]\r\n?|\n\n")


def events(block: bytes) -> Iterator[bytes]:
    """The single events of a block, bytes unchanged: joined again they are the block."""
    start = 0
    for match in BLANK_LINE.finditer(block):
        yield block[start : match.end()]
        start = match.end()
    if start < len(block):
        yield block[start:]


def data_of(event: bytes) -> bytes | None:
    """The event's `data` lines joined by LF; None for an event without any, such as a comment."""
    lines = [data for line in event.removeprefix(BOM).splitlines() if (data := _data_line(line)) is not None]
    return b"\n".join(lines) if lines else None


def _data_line(line: bytes) -> bytes | None:
    name, _, value = line.partition(b":")
    return value.removeprefix(b" ") if name == b"data" else None
