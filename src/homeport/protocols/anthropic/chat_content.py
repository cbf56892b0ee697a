"""Content blocks of Messages as the content of chat messages."""

from collections.abc import Iterator, Sequence
from typing import Any

from homeport.core.errors import InvalidRequest
from homeport.protocols.anthropic import messages as wire
from homeport.protocols.anthropic.refusal import untranslatable

_PDF = "application/pdf"

Parts = str | list[dict[str, Any]]


def as_parts(content: str | Sequence[wire.Said], path: str) -> Parts:
    """Chat content: a text as it is, one text block as its text, more blocks as parts in their order.

    Raises:
        InvalidRequest: untranslatable, for a source that chat cannot point to.
    """
    if isinstance(content, str):
        return content
    parts = [part for index, block in enumerate(content) for part in _parts(block, f"{path}[{index}]")]
    return _plain(parts)


def _plain(parts: list[dict[str, Any]]) -> Parts:
    if not parts:
        return ""
    return str(parts[0]["text"]) if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _parts(block: wire.Said, path: str) -> Iterator[dict[str, Any]]:
    match block:
        case wire.Text():
            yield _text(block.text)
        case wire.Image():
            yield _image(block.source, path)
        case wire.Document():
            _refuse_citations(block.citations, path)
            yield from _document(block, path)
        case wire.SearchResult():
            _refuse_citations(block.citations, path)
            yield _text("\n".join([block.title, block.source, *(text.text for text in block.content)]))
        case wire.ToolResult():
            raise InvalidRequest("a tool's result is said by the user alone", param=path)


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _image(source: wire.Base64 | wire.Url | wire.File, path: str) -> dict[str, Any]:
    match source:
        case wire.Base64():
            url = _data_url(source)
        case wire.Url():
            url = source.url
        case wire.File():
            raise untranslatable(path, "a file id is known to Anthropic alone", "send the image itself")
    return {"type": "image_url", "image_url": {"url": url}}


def _document(block: wire.Document, path: str) -> Iterator[dict[str, Any]]:
    """Text documents as text under their title and context; a PDF as a file."""
    head = [_text(line) for line in (block.title, block.context) if line]
    match block.source:
        case wire.PlainText():
            yield from head
            yield _text(block.source.data)
        case wire.Content():
            yield from head
            content = block.source.content
            yield from [_text(content)] if isinstance(content, str) else _inner(content, path)
        case wire.Base64():
            yield from head[bool(block.title) :]
            name = block.title or ("document.pdf" if block.source.media_type == _PDF else "document")
            yield {"type": "file", "file": {"filename": name, "file_data": _data_url(block.source)}}
        case wire.Url():
            raise untranslatable(path, "chat takes a document by its bytes", "send it as base64")
        case wire.File():
            raise untranslatable(path, "a file id is known to Anthropic alone", "send the document itself")


def _inner(content: Sequence[wire.Text | wire.Image], path: str) -> Iterator[dict[str, Any]]:
    for block in content:
        yield from _parts(block, path)


def _data_url(source: wire.Base64) -> str:
    return f"data:{source.media_type};base64,{source.data}"


def _refuse_citations(citations: wire.Citations | None, path: str) -> None:
    if citations and citations.enabled:
        raise untranslatable(path, "only Anthropic's models cite their documents", "switch citations off")
