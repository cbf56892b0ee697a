"""Reading an upload: multipart/form-data (RFC 7578) as it arrives, one file and a few short fields.

Nothing of the file is kept in memory but the piece that was just read. What a stranger may send
without bound (parts, headers, fields) is bounded here; the size of the whole is the connection's.
"""

import logging
from collections.abc import Callable

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from homeport.core.errors import InvalidRequest

MAX_FIELDS = 16
MAX_FIELD_BYTES = 4_096
MAX_FILENAME = 255

_MAX_HEADERS = 8
_MAX_HEADER_BYTES = 4_096
_HINT = "send multipart/form-data with the fields purpose and file"


class Upload:
    """The parser of one upload.

    Args:
        content_type: the request's header.
        write: takes the bytes of the part `file`, in order.

    Attributes:
        fields: the other parts, as text.
        filename: what the caller calls the file; "" until its part began.

    Raises:
        InvalidRequest: invalid_multipart.
    """

    def __init__(self, content_type: str | None, write: Callable[[bytes], None]) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise _wrong("the body is not multipart/form-data with a boundary")
        self._write = write
        self._has_file = self._ended = False
        self._parts = 0
        self._in_file = False
        self._name = ""
        self._header_name = b""
        self._header_value = b""
        self._disposition = b""
        self._value = b""
        self.fields: dict[str, str] = {}
        self.filename = ""
        self._delimiter = b"--" + boundary
        self._start: bytes | None = b""
        self._parser = _parser(boundary, self)

    def feed(self, data: bytes) -> None:
        """Read on. Raises InvalidRequest."""
        if self._start is not None:
            data = self._begin(self._start + data)
        try:
            self._parser.write(data)
        except FormParserError:
            # The parser's words hold bytes of the body.
            raise _wrong("the body is not well-formed multipart/form-data") from None

    def _begin(self, data: bytes) -> bytes:
        """What may be parsed of the beginning; nothing while it is not whole.

        Text before the first boundary, which no client sends, is refused: the parser passes over it only
        where it does not come in pieces.
        """
        start = data.lstrip(b"\r\n")
        if not start.startswith(self._delimiter[: len(start)]):
            raise _wrong("the body does not begin with its boundary")
        self._start = None if len(start) >= len(self._delimiter) else start
        return start if self._start is None else b""

    def finish(self) -> None:
        """The body is over. Raises InvalidRequest where it is not whole, or has no file."""
        if not self._ended:
            raise _wrong("the body ends before its last boundary")
        if not self._has_file:
            raise _wrong("there is no part called file with a filename", param="file")

    def part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_FIELDS:
            raise _wrong(f"there are more than {MAX_FIELDS} parts")
        self._disposition = self._value = b""

    def header_begin(self) -> None:
        self._header_name = self._header_value = b""

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value

    def headers_finished(self) -> None:
        kind, options = parse_options_header(self._disposition.decode("latin-1"))
        self._name = _text(options.get(b"name", b""))
        if kind != b"form-data" or not self._name:
            raise _wrong("a part has no name")
        self._in_file = self._name == "file" and b"filename" in options
        if self._in_file:
            if self._has_file:
                raise _wrong("there are several files; send one", param="file")
            self._has_file = True
            self.filename = _text(options[b"filename"])[:MAX_FILENAME] or "file"

    def part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._write(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > MAX_FIELD_BYTES:
            raise _wrong(f"a field is longer than {MAX_FIELD_BYTES} bytes")

    def part_end(self) -> None:
        if not self._in_file:
            self.fields[self._name] = _text(self._value)

    def end(self) -> None:
        self._ended = True


def _parser(boundary: bytes, upload: Upload) -> MultipartParser:
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": upload.part_begin,
                "on_part_data": upload.part_data,
                "on_part_end": upload.part_end,
                "on_header_begin": upload.header_begin,
                "on_header_field": upload.header_field,
                "on_header_value": upload.header_value,
                "on_header_end": upload.header_end,
                "on_headers_finished": upload.headers_finished,
                "on_end": upload.end,
            },
            max_header_count=_MAX_HEADERS,
            max_header_size=_MAX_HEADER_BYTES,
        )
    except FormParserError:
        raise _wrong("the boundary is too long") from None
    # It logs bytes of the body where they are wrong; files are content, and content is not logged.
    parser.logger = logging.Logger("multipart", logging.CRITICAL + 1)
    return parser


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _wrong("a name or a field is not UTF-8") from None


def _wrong(message: str, param: str = "") -> InvalidRequest:
    return InvalidRequest(message, code="invalid_multipart", hint=_HINT, param=param)
