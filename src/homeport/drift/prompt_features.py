"""What is looked at in a prompt: what it speaks of, its length, language, words and format. The text is not kept."""

import math
import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from hashlib import blake2b

import msgspec

from homeport.core.prompts import PromptFeatures
from homeport.embeddings.base import LONGEST, Embedder

MOST_WORDS = 96
"""Different words of a prompt that are kept: those with the smallest hashes, so the same of the same text."""

_PERSON = b"homeport-prompt"
_LONGEST_WORD = 64
_HAN = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_HAN}]|[^\W\d_{_HAN}]{{2,}}")
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
_CODE_LINE = re.compile(
    r"^\s*(?:(?:async\s+)?def |class \w|import \w|from \S+ import |#include\b|return\b|elif |else:|except\b|raise "
    r"|(?:if|for|while|with)\b.*[:{]\s*$|(?:public|private|static|const|let|var|func|fn|void|int) \w"
    r"|select .* from |[}\])]+[;,]?\s*$|@\w+|>>> |\$ \w|<\?\w|</?\w+[^>]*>\s*$)"
    r"|[;{]\s*$|^\s*[\w.\[\]\"']+ ?(?:[+\-*/|&]?=|:=) ?\S|\w\([^)]*\)\s*;?\s*$",
    re.IGNORECASE,
)
_MARKS = re.compile(r"^ {0,3}(?:#{1,6} \S|[-*+] \S|\d{1,3}[.)] \S|> \S|\|.*\|)|\*\*\S[^*\n]{0,200}\*\*|\]\(\S")
_CODE_SHARE = 0.4
_LEAST_CODE = 2
_LEAST_MARKS = 2
_MOST_LINES = 400


class Form(StrEnum):
    """How a prompt is written."""

    JSON = "JSON"
    CODE = "code"
    MARKDOWN = "Markdown"
    PLAIN = "plain text"


class PromptReader:
    """Reads features out of texts.

    Args:
        language_of: the code of a text's language, "" where it cannot be told.
        key: of the hashes of words and texts: who has not got it cannot look words up.
    """

    def __init__(self, embedder: Embedder, language_of: Callable[[str], str], key: bytes) -> None:
        self.embedder = embedder.name
        self._embedder = embedder
        self._language_of = language_of
        self._key = key

    def read(self, prompts: Sequence[tuple[str, str]]) -> list[PromptFeatures]:
        """The features of prompts, given as ids and texts. Of a long text the beginning is read."""
        import numpy as np

        vectors = self._embedder.embed([text for _, text in prompts]).astype(np.float16)
        return [self._features(name, text, row.tobytes()) for (name, text), row in zip(prompts, vectors, strict=True)]

    def _features(self, name: str, text: str, vector: bytes) -> PromptFeatures:
        read = text[:LONGEST]
        return PromptFeatures(
            id=name,
            digest=self._hash(" ".join(text.split()), 8),
            vector=vector,
            words=self._words(read),
            octaves=math.log2(1 + len(text)),
            language=self._language_of(read),
            form=form_of(read).value,
        )

    def _words(self, text: str) -> bytes:
        words = {word[:_LONGEST_WORD] for word in _WORD.findall(text.lower())}
        hashes = sorted({int.from_bytes(self._hash(word, 4), "little") for word in words})
        return b"".join(one.to_bytes(4, "little") for one in hashes[:MOST_WORDS])

    def _hash(self, text: str, size: int) -> bytes:
        data = text.encode("utf-8", "surrogatepass")
        return blake2b(data, key=self._key[:64], digest_size=size, person=_PERSON).digest()


def form_of(text: str) -> Form:
    """JSON as a whole, code where it is fenced or where many lines look like it, Markdown by its marks."""
    if _is_json(text):
        return Form.JSON
    lines = [line for line in text.splitlines() if line.strip()][:_MOST_LINES]
    code = sum(1 for line in lines if len(line) <= 1_000 and _CODE_LINE.search(line))
    if _FENCE.search(text) or code >= max(_LEAST_CODE, _CODE_SHARE * len(lines)):
        return Form.CODE
    marks = sum(1 for line in lines if len(line) <= 1_000 and _MARKS.search(line))
    return Form.MARKDOWN if marks >= _LEAST_MARKS else Form.PLAIN


def _is_json(text: str) -> bool:
    stripped = text.strip()
    if not stripped.startswith(("{", "[")):
        return False
    try:
        return isinstance(msgspec.json.decode(stripped.encode()), dict | list)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return len(stripped) >= LONGEST - 2 and stripped.startswith(('{"', '[{"', "[{'", "{'"))
