"""Content of chat messages as blocks of Messages."""

import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import Any

from homeport.core.errors import InvalidRequest
from homeport.protocols.anthropic import chat as wire
from homeport.protocols.anthropic.refusal import untranslatable

_DATA_URL = re.compile(r"data:([a-z0-9.+-]+/[a-z0-9.+-]+)(?:;[^;,]*)*;base64,([A-Za-z0-9+/=_\s-]*)", re.IGNORECASE)

Block = dict[str, Any]


def as_blocks(content: str | Sequence[wire.Part] | None, path: str) -> list[Block]:
    """Blocks in the order of the parts. Empty texts are left out: Anthropic refuses them, and they say nothing.

    Raises:
        InvalidRequest: an image or a file that Anthropic cannot be shown.
    """
    if content is None or isinstance(content, str):
        return [text_block(content)] if content else []
    return [block for index, part in enumerate(content) for block in _blocks(part, f"{path}[{index}]")]


def text_block(text: str) -> Block:
    return {"type": "text", "text": text}


def _blocks(part: wire.Part, path: str) -> Iterator[Block]:
    match part:
        case wire.TextPart(text=text):
            if text:
                yield _hinted(text_block(text), part)
        case wire.RefusalPart(refusal=text):
            if text:
                yield text_block(text)
        case wire.ImagePart():
            yield _hinted({"type": "image", "source": _image(part.image_url.url, f"{path}.image_url.url")}, part)
        case wire.FilePart():
            yield _hinted(_document(part.file, f"{path}.file"), part)
        case wire.AudioPart():
            raise untranslatable(path, "Anthropic's models do not hear", "send the words as text")


def _hinted(block: Block, part: wire.Hints) -> Block:
    return {**block, "cache_control": part.cache_control} if part.cache_control is not None else block


def _image(url: str, path: str) -> Block:
    if url[:5].lower() != "data:":
        return {"type": "url", "url": url}
    media_type, data = _data(url, path)
    return {"type": "base64", "media_type": media_type, "data": data}


def _document(file: wire.FileData, path: str) -> Block:
    if file.file_data is None:
        raise untranslatable(path, "a file id is known to OpenAI alone", "send its bytes as file_data")
    media_type, data = _data(file.file_data, f"{path}.file_data")
    source: Block = {"type": "base64", "media_type": media_type, "data": data}
    if media_type.startswith("text/"):
        source = {"type": "text", "media_type": "text/plain", "data": _decoded(data, f"{path}.file_data")}
    block: Block = {"type": "document", "source": source}
    return {**block, "title": file.filename} if file.filename else block


def _data(url: str, path: str) -> tuple[str, str]:
    found = _DATA_URL.fullmatch(url)
    if found is None:
        raise InvalidRequest("this is not a data: URL in base64", hint="write data:TYPE;base64,DATA", param=path)
    return found[1].lower(), found[2]


def _decoded(data: str, path: str) -> str:
    """Anthropic takes a text document as text."""
    try:
        return b64decode(data).decode()
    except ValueError:
        raise InvalidRequest("this text file is not UTF-8 in base64", param=path) from None
