"""Every text of a request's body, wherever it stands, and the same body with other texts in their places.

The names of fields are texts too, and so are long numbers but for seeds and bounds. A string that is itself JSON, as
the arguments of a tool are, is read and its own texts are told. What is no text (base64) is an attachment.
"""

import json
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

import msgspec

MOST_TEXTS = 100_000
"""In one body; one that has more is not read."""

_DEEPEST = 200
_MOST_NESTED = 4
_LEAST_NUMBER = 1_000_000
_LEAST_ATTACHMENT = 256
_PARAMETER = re.compile(r"(?:^|_)(?:seed|tokens)(?:_|$)")
_DATA_URI = re.compile(r"data:[\w.+/;=-]{0,200}?;base64,", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/_\r\n-]{256,}={0,2}[\r\n]{0,2}", re.ASCII)
_BINARY_FIELDS = frozenset({"data", "file_data", "b64_json", "bytes", "url", "image_url", "file_url"})
_BINARY_PARTS = frozenset(
    {
        "image",
        "image_url",
        "input_image",
        "file",
        "input_file",
        "document",
        "input_audio",
        "audio",
        "video",
        "video_url",
    }
)
_IN_WORDS = frozenset({"text", "content"})


class Unreadable(Exception):
    """A body that cannot be read whole, so what is in it is not known."""


class Step(Enum):
    """A step of a path that is neither the name of a field nor a place in a list."""

    JSON = "json"
    """Into the JSON that a string holds."""
    NAME = "name"
    """To the name of a field; the name is the step before."""


Path = tuple[str | int | Step, ...]


class Text(msgspec.Struct, frozen=True):
    """One text, and where it stands.

    Attributes:
        label: the name of the field that holds it, or whose list does; "" where there is none.
    """

    path: Path
    text: str
    label: str = ""


class Contents(msgspec.Struct, frozen=True):
    """What a body holds; `attachments` are what cannot be read: images, sounds, files, by content or by address."""

    texts: tuple[Text, ...]
    attachments: int


def read_fields(fields: Mapping[str, msgspec.Raw]) -> Contents:
    """All that the fields of a request hold. Raises Unreadable; a field that is named twice in one object is."""
    return read({name: decoded(raw) for name, raw in fields.items()})


def decoded(raw: msgspec.Raw | bytes) -> Any:
    """A value of JSON. Raises Unreadable."""
    return _loaded(bytes(raw))


def read(value: Any) -> Contents:
    """All that a decoded value holds. Raises Unreadable."""
    reader = _Reader()
    texts = tuple(reader.walk(value, (), "", 0))
    return Contents(texts, reader.attachments)


def walk(value: Any) -> Iterator[Text]:
    """The texts of a decoded value, in order. Raises Unreadable."""
    return _Reader().walk(value, (), "", 0)


def replaced(value: Any, texts: Mapping[Path, str]) -> Any:
    """The same value with other texts at these paths, which `walk` told; a number becomes a string."""
    return _rebuilt(value, (), texts) if texts else value


class _Reader:
    def __init__(self) -> None:
        self.attachments = 0
        self._left = MOST_TEXTS

    def walk(self, value: Any, path: Path, label: str, nested: int) -> Iterator[Text]:
        if len(path) > _DEEPEST:
            raise Unreadable("it is nested too deeply")
        if isinstance(value, str):
            yield from self._string(value, path, label, nested)
        elif isinstance(value, dict):
            yield from self._object(value, path, nested)
        elif isinstance(value, list):
            for place, item in enumerate(value):
                yield from self.walk(item, (*path, place), label, nested)
        elif _is_long_number(value) and not (len(path) == 1 and _PARAMETER.search(label)):
            yield self._text(path, str(int(value)), label)

    def _string(self, value: str, path: Path, label: str, nested: int) -> Iterator[Text]:
        if _is_binary(value, label):
            self.attachments += 1
            return
        inner = _json_of(value)
        if inner is None:
            yield self._text(path, value, label)
        elif nested == _MOST_NESTED:
            raise Unreadable("JSON is inside JSON too often")
        else:
            yield from self.walk(inner, (*path, Step.JSON), label, nested + 1)

    def _object(self, value: dict[Any, Any], path: Path, nested: int) -> Iterator[Text]:
        self.attachments += _is_attachment(value)
        for name, item in value.items():
            yield self._text((*path, name, Step.NAME), name, "")
            yield from self.walk(item, (*path, name), name, nested)

    def _text(self, path: Path, text: str, label: str) -> Text:
        self._left -= 1
        if self._left < 0:
            raise Unreadable("it has too many texts")
        return Text(path, text, label)


def _is_long_number(value: Any) -> bool:
    return isinstance(value, int | float) and _LEAST_NUMBER <= abs(value) < float("inf")


def _is_binary(value: str, label: str) -> bool:
    """Whether it is base64 and no text; short pieces are read as text as well as they can be."""
    if len(value) < _LEAST_ATTACHMENT:
        return False
    head = _DATA_URI.match(value)
    start = head.end() if head else 0
    return (head is not None or label in _BINARY_FIELDS) and _BASE64.fullmatch(value, start) is not None


def _is_attachment(part: dict[Any, Any]) -> bool:
    """Whether an object is a part of a message that refers to something which is not in the body as text."""
    if "file_id" in part:
        return True
    kind = part.get("type")
    if not isinstance(kind, str) or kind not in _BINARY_PARTS:
        return False
    source = part.get("source")
    said = source.get("type") if isinstance(source, dict) else ""
    return said not in _IN_WORDS if isinstance(said, str) else True


def _json_of(text: str) -> Any:
    """The object or list that a string holds as JSON; None where it holds none, and is a text as it stands.

    One that names a field twice is a text too: as such it hides nothing, unless it has escapes.
    """
    head = text.lstrip(" \t\r\n")[:1]
    if head not in ("{", "["):
        return None
    try:
        return _loaded(text)
    except _Twice:
        if "\\" in text:
            raise
        return None
    except Unreadable:
        return None


class _Twice(Unreadable):
    """An object that names a field twice: who reads it decides which of them counts, so nobody knows what is said."""


def _loaded(source: str | bytes) -> Any:
    try:
        return json.loads(source, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Unreadable("it is no JSON") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Twice("a field is named twice")
    return found


def _rebuilt(value: Any, path: Path, texts: Mapping[Path, str]) -> Any:
    if isinstance(value, dict):
        return {
            texts.get((*path, name, Step.NAME), name): _rebuilt(item, (*path, name), texts)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_rebuilt(item, (*path, place), texts) for place, item in enumerate(value)]
    if path in texts:
        return texts[path]
    if isinstance(value, str) and (inner := _json_of(value)) is not None:
        changed = _rebuilt(inner, (*path, Step.JSON), texts)
        return value if changed == inner else json.dumps(changed, ensure_ascii=False)
    return value
