"""Images, sound and files: Gemini's `inlineData` and `fileData` to and from OpenAI's content parts."""

import re
from typing import Any

from homeport.core.errors import InvalidRequest
from homeport.protocols.gemini.wire import Blob, FileData, Part, unsupported

# Parameters of the type (as `;charset=utf-8`) are no part of what Gemini calls a MIME type.
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w.+-]+=[^;,]*)*;base64,", re.ASCII | re.IGNORECASE)
_MAX_HEAD = 512
_AUDIO = {"wav": "audio/wav", "mp3": "audio/mp3"}
_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mp3": "mp3", "audio/mpeg": "mp3"}


def image_part(image: Any, name: str) -> Part:
    """The part of an `image_url` object; `detail` is a hint and is dropped."""
    url = image.get("url") if isinstance(image, dict) else None
    if not isinstance(url, str):
        raise InvalidRequest("an image needs image_url.url", param=name)
    mime = image.get("mime_type")
    return _by_url(url, mime if isinstance(mime, str) else "", name)


def audio_part(audio: Any, name: str) -> Part:
    """The part of an `input_audio` object."""
    data, kind = _texts(audio, "data", "format")
    if not data or kind not in _AUDIO:
        raise InvalidRequest(f"sound needs input_audio.data and a format among {', '.join(_AUDIO)}", param=name)
    return Part(inline_data=Blob(mime_type=_AUDIO[kind], data=data))


def file_part(file: Any, name: str) -> Part:
    """The part of a `file` object: its `file_data` (a data: URL), or a `file_id` that is an address."""
    data, reference = _texts(file, "file_data", "file_id")
    if data:
        return _by_url(data, "", name)
    if "://" in reference:
        return _by_url(reference, _texts(file, "mime_type")[0], name)
    raise unsupported(name, "a file needs file_data as a data: URL, or a file_id that is an address Gemini can read")


def _texts(holder: Any, *names: str) -> tuple[str, ...]:
    found = (holder.get(name) if isinstance(holder, dict) else None for name in names)
    return tuple(value if isinstance(value, str) else "" for value in found)


def _by_url(url: str, mime: str, name: str) -> Part:
    if url[:5].lower() != "data:":
        return Part(file_data=FileData(file_uri=url, mime_type=mime))
    head = _DATA_URL.match(url[:_MAX_HEAD])
    if head is None:
        raise InvalidRequest("a data: URL should read data:TYPE/SUBTYPE;base64,DATA", param=name)
    return Part(inline_data=Blob(mime_type=head[1].lower(), data=url[head.end() :]))


def content_part(part: Part, name: str) -> dict[str, Any]:
    """The OpenAI content part of media. Raises InvalidRequest for a part that holds none."""
    if part.inline_data is not None:
        return _inline(part.inline_data)
    if part.file_data is not None:
        return _reference(part.file_data)
    raise unsupported(name, "a part of this kind cannot be said in an OpenAI request")


def _inline(blob: Blob) -> dict[str, Any]:
    mime = blob.mime_type.lower()
    if mime in _FORMATS:
        return {"type": "input_audio", "input_audio": {"data": blob.data, "format": _FORMATS[mime]}}
    url = f"data:{mime or 'application/octet-stream'};base64,{blob.data}"
    if mime.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "file", "file": {"filename": "file", "file_data": url}}


def _reference(file: FileData) -> dict[str, Any]:
    mime = {"mime_type": file.mime_type} if file.mime_type else {}
    if not mime or file.mime_type.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": file.file_uri, **mime}}
    return {"type": "file", "file": {"file_id": file.file_uri, **mime}}
