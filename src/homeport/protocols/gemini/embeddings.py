"""OpenAI's embeddings as Gemini's batchEmbedContents, and back."""

import base64
from array import array
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from homeport.core.errors import BadAnswer, InvalidRequest
from homeport.core.types import Usage
from homeport.protocols.gemini.usage import read_usage, usage_metadata
from homeport.protocols.gemini.wire import NULL, UNREADABLE, Content, Part, camel_keys, fit, read, unsupported

_FIELDS = frozenset({"model", "input", "dimensions", "encoding_format", "user", "extra_body"})
_TEXTS: Any = str | list[Any]
# What else Gemini's requests hold; OpenAI's have no field for it.
_GOOGLE = frozenset({"taskType", "title"})
_CHARS_PER_TOKEN = 4


def batch_request(fields: Mapping[str, Raw], model: str) -> bytes:
    """The body of batchEmbedContents. `user` is dropped as harmless.

    Raises:
        InvalidRequest: a wrong value, or tokens instead of text: only the model's own vocabulary could read them.
    """
    said = {name: value for name, value in fields.items() if bytes(value) != b"null"}
    if unknown := said.keys() - _FIELDS:
        raise unsupported(min(unknown), "Gemini has no such field")
    extra = read(said["extra_body"], dict[str, dict[str, Any]], "extra_body") if "extra_body" in said else {}
    shared = {name: value for name, value in camel_keys(extra.get("google", {})).items() if name in _GOOGLE}
    if "dimensions" in said:
        shared["outputDimensionality"] = read(said["dimensions"], int, "dimensions")
    encoding_format(said)
    entry = {"model": f"models/{model}", **shared}
    requests = [{**entry, "content": Content(parts=[Part(text=text)])} for text in _texts(said)]
    return msgspec.json.encode({"requests": requests})


def encoding_format(fields: Mapping[str, Raw]) -> str:
    """`float` or `base64`. Raises InvalidRequest for another one."""
    raw = fields.get("encoding_format", NULL)
    wanted = "float" if bytes(raw) == b"null" else read(raw, str, "encoding_format")
    if wanted not in {"float", "base64"}:
        raise InvalidRequest("encoding_format is float or base64", param="encoding_format")
    return wanted


def estimated_tokens(fields: Mapping[str, Raw]) -> int:
    """About how many tokens the texts of a request are: Google tells the usage of its newest embedding models only."""
    return -(-sum(map(len, _texts(fields))) // _CHARS_PER_TOKEN)


def _texts(said: Mapping[str, Raw]) -> list[str]:
    given = read(said.get("input", NULL), _TEXTS, "input")
    texts = [given] if isinstance(given, str) else given
    if not texts or not all(isinstance(text, str) for text in texts):
        raise unsupported("input", "Gemini embeds text only, not tokens", "send a text or a list of texts")
    return list(texts)


class _Embedding(Struct, rename="camel"):
    values: list[float]


class _Embeddings(Struct, rename="camel"):
    embeddings: list[_Embedding]
    usage_metadata: Raw = NULL


def embedding_list(body: bytes, *, model: str, encoding: str, expected: int) -> tuple[dict[str, Any], Usage]:
    """OpenAI's list of embeddings, and the usage: every such list has one, and clients read it.

    Args:
        encoding: `float`, or `base64` for little-endian 32-bit floats.
        expected: the tokens of the texts, for an answer that does not tell them.

    Raises:
        BadAnswer: not an answer of batchEmbedContents.
    """
    try:
        answer = msgspec.json.decode(body, type=_Embeddings)
    except UNREADABLE as error:
        raise BadAnswer("the upstream answered with something that holds no embeddings") from error
    usage = read_usage(answer.usage_metadata) or Usage(input_tokens=expected, estimated=True)
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(embedding.values, encoding)}
        for index, embedding in enumerate(answer.embeddings)
    ]
    counts = {"prompt_tokens": usage.input_tokens, "total_tokens": usage.input_tokens}
    return {"object": "list", "data": data, "model": model, "usage": counts}, usage


def _encoded(values: list[float], encoding: str) -> Any:
    if encoding == "float":
        return values
    packed = array("f", values)
    if array("H", [1]).tobytes() != b"\x01\x00":
        packed.byteswap()
    return base64.b64encode(packed.tobytes()).decode()


class _EmbedRequest(Struct, rename="camel"):
    content: Content
    output_dimensionality: int | None = None


class _BatchRequest(Struct):
    requests: list[_EmbedRequest]


def embedding_request(body: bytes, *, model: str) -> dict[str, Any]:
    """The OpenAI embedding request that says what a batchEmbedContents request says.

    Raises:
        InvalidRequest: not a request; or its parts differ in their dimensions, or are no text.
    """
    entries = fit(camel_keys(read(body, dict[str, Any], "")), _BatchRequest, "").requests
    dimensions = {entry.output_dimensionality for entry in entries}
    if len(dimensions) != 1:
        raise unsupported("requests", "all of them should ask for the same outputDimensionality")
    parts = [part for entry in entries for part in entry.content.parts]
    if any(part.text is None for part in parts):
        raise unsupported("requests", "only text can be embedded")
    texts = ["".join(part.text or "" for part in entry.content.parts) for entry in entries]
    wanted = {"dimensions": size} if (size := dimensions.pop()) is not None else {}
    return {"model": model, "input": texts, **wanted}


class _ChatEmbedding(Struct):
    embedding: list[float]


class _ChatEmbeddings(Struct):
    data: list[_ChatEmbedding]
    usage: dict[str, Any] = {}


def batch_answer(body: bytes) -> bytes:
    """The batchEmbedContents answer of OpenAI's list of embeddings (of floats). Raises BadAnswer."""
    try:
        answer = msgspec.json.decode(body, type=_ChatEmbeddings)
    except UNREADABLE as error:
        raise BadAnswer("the upstream answered with something that holds no embeddings") from error
    tokens = answer.usage.get("prompt_tokens")
    usage = {"usageMetadata": usage_metadata(Usage(input_tokens=tokens))} if isinstance(tokens, int) else {}
    return msgspec.json.encode({"embeddings": [{"values": item.embedding} for item in answer.data], **usage})
