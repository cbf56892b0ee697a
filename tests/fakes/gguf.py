"""Makes GGUF files: tiny valid ones, and the pieces of hostile ones."""

import struct
from collections.abc import Sequence

U8, U32, TEXT, ARRAY, U64 = 0, 4, 8, 9, 10

Pair = tuple[str, bytes]


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def text_pair(key: str, value: str | bytes) -> Pair:
    return key, struct.pack("<I", TEXT) + text(value)


def count_pair(key: str, value: int) -> Pair:
    return key, struct.pack("<II", U32, value)


def array_pair(key: str, kind: int, count: int, content: bytes = b"") -> Pair:
    """An array that claims `count` elements, whatever its content is."""
    return key, struct.pack("<IIQ", ARRAY, kind, count) + content


def tensor(name: str, shape: Sequence[int]) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, 0)


STANDARD: tuple[Pair, ...] = (
    text_pair("general.architecture", "llama"),
    text_pair("general.name", "Tiny Test"),
    text_pair("general.basename", "tiny"),
    text_pair("general.license", "apache-2.0"),
    count_pair("llama.context_length", 128),
    count_pair("general.file_type", 3),
    array_pair("tokenizer.ggml.tokens", TEXT, 2, text("<a>") + text("<b>")),
    array_pair("tokenizer.ggml.token_type", U8, 2, b"\x01\x02"),
)


def gguf(
    pairs: Sequence[Pair] = STANDARD,
    *,
    tensors: Sequence[bytes] = (tensor("token_embd.weight", (32, 50)),),
    data: bytes = bytes(1600),
    version: int = 3,
    tensor_count: int | None = None,
    key_count: int | None = None,
) -> bytes:
    """A GGUF file; the counts say what is there unless they are told to lie."""
    head = struct.pack(
        "<4sIQQ",
        b"GGUF",
        version,
        len(tensors) if tensor_count is None else tensor_count,
        len(pairs) if key_count is None else key_count,
    )
    return head + b"".join(text(key) + value for key, value in pairs) + b"".join(tensors) + data
