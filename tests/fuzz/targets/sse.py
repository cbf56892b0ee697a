"""Server-sent events against a reader written from the standard, a line at a time."""

from homeport.core.errors import BadAnswer
from homeport.transport.sse import EventSplitter, data_of, events
from tests.fuzz.source import Source

_PIECES = (
    *(
        b"\n",
        b"\r\n",
        b"\r",
        b"\n\n",
        b"\r\n\r\n",
        b"\r\r",
        b"\n\r",
        b"data",
        b":",
        b" ",
        b"data: ",
        b"data:x",
        b"event: y",
    ),
    *(
        b": comment",
        b"id: 1",
        b"retry: 1",
        b"data: [DONE]\n\n",
        b'data: {"a":1}\n\n',
        b"\xff",
        b"\x85",
        b"\xe2\x80\xa8",
        b"\x0b",
    ),
)
_BOM = b"\xef\xbb\xbf"


def stream_of(source: Source) -> bytes:
    start = _BOM if source.seldom() else b""
    parts = source.many(lambda: source.take(3) if source.seldom() else source.choice(_PIECES), most=24)
    return start + b"".join(parts)


def reference(stream: bytes) -> list[bytes]:
    """The data of the events of a stream that has ended, as the HTML standard (9.2.6) interprets it."""
    told: list[bytes] = []
    data: list[bytes] = []
    text = stream.removeprefix(_BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for line in text.split(b"\n")[:-1]:
        if not line:
            if data:
                told.append(b"\n".join(data))
            data = []
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value[1:] if value.startswith(b" ") else value)
    return told


def fed(pieces: list[bytes], max_event: int = 1 << 20) -> tuple[list[bytes], bytes]:
    splitter = EventSplitter(max_event)
    blocks = [splitter.feed(piece) for piece in pieces]
    assert len(splitter.pending) <= max_event, "it holds more than it may"
    return blocks, splitter.close()


def scanner(data: bytes) -> None:
    """However a stream is cut: no byte lost, events cut where the standard ends them, the bound kept."""
    source = Source(data)
    stream = stream_of(source)
    pieces = source.pieces(stream)
    blocks, rest = fed(pieces)
    whole, whole_rest = fed([stream])
    assert b"".join(blocks) + rest == stream.removeprefix(_BOM), "bytes were lost, invented or moved"
    assert (b"".join(blocks), rest) == (whole[0], whole_rest), "the network's cuts changed what an event is"
    told = [event for block in blocks for event in events(block)]
    assert told == list(events(whole[0])), "an event was cut"
    # A last line end may be half of one, so what it ends may wait in the rest.
    payloads = [payload for event in [*told, *events(rest)] if (payload := data_of(event)) is not None]
    wanted = reference(stream)
    assert payloads[: len(wanted)] == wanted, "the data differ from the standard's"
    assert len(payloads) <= len(wanted) + 1, "an event was invented"
    _check_bound(source, pieces, [*told, rest])


def _check_bound(source: Source, pieces: list[bytes], told: list[bytes]) -> None:
    most = source.integer(len(_BOM), 40)  # A mark that comes in pieces is held until it is seen to be one.
    try:
        fed(pieces, most)
        is_refused = False
    except BadAnswer as error:
        assert error.code == "upstream_event_too_large"
        is_refused = True
    assert is_refused == any(len(event) > most for event in told), "the bound depends on the network's cuts"
