"""Cutting a stream of bytes into server-sent events, however the network cut it.

Nothing is decoded or rewritten; only a byte order mark at the beginning is left out, because many clients
would lose the first event by it.
"""

from homeport.core.errors import BadAnswer
from homeport.core.sse import BLANK_LINE, BOM, data_of, events

__all__ = ["DEFAULT_MAX_EVENT", "EventSplitter", "data_of", "events"]

DEFAULT_MAX_EVENT = 4 * 1024 * 1024


class EventSplitter:
    """Cuts a stream of bytes after whole events, however the network cut it. Work is O(bytes fed)."""

    def __init__(self, max_event: int = DEFAULT_MAX_EVENT) -> None:
        """`max_event` is the size in bytes that no single event may exceed."""
        self._max_event = max_event
        self._rest = bytearray()
        self._searched = 0
        self._begun = False

    @property
    def pending(self) -> bytes:
        """The bytes of the event that is not complete yet."""
        return bytes(self._rest)

    def feed(self, chunk: bytes) -> bytes:
        """All events that `chunk` completes, unchanged and in one piece; b"" if there are none.

        Raises:
            BadAnswer: upstream_event_too_large.
        """
        if not self._begun:
            chunk = self._begin(chunk)
        if not self._rest and self._is_whole(chunk):
            return chunk
        self._rest += chunk
        end = self._last_end()
        whole = bytes(self._rest[:end])
        del self._rest[:end]
        # A line end that the next chunk completes may start up to two bytes before the end.
        self._searched = max(0, len(self._rest) - 2)
        self._check_size(len(self._rest))
        return whole

    def close(self) -> bytes:
        """The bytes left over after the last whole event; the splitter is empty afterwards."""
        rest = bytes(self._rest)
        self._rest.clear()
        self._searched = 0
        return rest

    def _begin(self, chunk: bytes) -> bytes:
        """What is left of the first bytes without a byte order mark; b"" while they may still become one."""
        first = bytes(self._rest) + chunk
        self._begun = len(first) >= len(BOM) or not BOM.startswith(first)
        self._rest[:] = b"" if self._begun else first
        return first.removeprefix(BOM) if self._begun else b""

    def _is_whole(self, chunk: bytes) -> bool:
        """The common case, without a search: LF only, no stray blank lines, cut at an event's end."""
        return (
            chunk.endswith(b"\n\n") and b"\r" not in chunk and b"\n\n\n" not in chunk and len(chunk) <= self._max_event
        )

    def _last_end(self) -> int:
        end = 0
        size = len(self._rest)
        for match in BLANK_LINE.finditer(self._rest, self._searched):
            # A final CR may be the first half of a CRLF, so where the event ends is not known yet.
            if match.end() == size and self._rest[-1] == 13:
                break
            self._check_size(match.end() - end)
            end = match.end()
        return end

    def _check_size(self, size: int) -> None:
        if size > self._max_event:
            raise BadAnswer(
                f"the upstream sent a single event of more than {self._max_event} bytes",
                code="upstream_event_too_large",
                hint="check that the upstream answers with server-sent events",
            )
