"""What is private, in any body: it is found, replaced, and put back however the answer is cut."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec

from homeport.privacy.recognize import Finding, Recognizers, load_recognizers
from homeport.privacy.redact import Redacted, Unredactable, redact
from homeport.privacy.texts import Text, Unreadable
from tests.fuzz.source import Source

SECRETS = (
    *("ada@example.org", "4111 1111 1111 1111", "GB82WEST12345698765432", "203.0.113.9", "+41 44 668 18 00"),
    *("hp-0123456789abcdef-" + "A" * 43, "123-45-6789"),
)
_AROUND = (
    "",
    " ",
    ", ",
    "(",
    ")",
    "\n",
    "[",
    "EMAIL_1",
    "[EMAIL_1]",
    "[email 1]",
    "\\",
    '"',
    "é",
    "\u2028",
    "]",
    "_1]",
)
_FIELDS = ("content", "text", "arguments", "role", "name", "url", "x")


def sentence(source: Source) -> str:
    """A text with some secrets in it, and things that look like placeholders."""
    words = source.many(
        lambda: source.choice(_AROUND) + (source.choice(SECRETS) if source.flag() else source.text()), 1, 4
    )
    return " ".join(words)


def body(source: Source, depth: int = 3) -> Any:
    """JSON with texts anywhere; some of them are JSON themselves."""
    kind = source.integer(0, 4) if depth else 0
    if kind == 1:
        return source.many(lambda: body(source, depth - 1))
    if kind == 2:
        return {source.choice(_FIELDS): body(source, depth - 1) for _ in range(source.integer(1, 3))}
    if kind == 3:
        return json.dumps(body(source, depth - 1))
    return source.integer(0, 999) if source.seldom() else sentence(source)


def redaction(data: bytes) -> None:
    """No secret that is found leaves, and what comes back is what was said, in every text and however it is cut."""
    source = Source(data)
    asked = {"messages": body(source), "tools": body(source)}
    recognizers = load_recognizers(("email", "payment_card", "iban", "ip_address", "phone", "secret", "us_ssn"))

    def find(text: Text) -> list[Finding]:
        return recognizers.find(text.text)

    fields = {name: msgspec.Raw(json.dumps(value).encode()) for name, value in asked.items()}
    with suppress(Unreadable, Unredactable):
        told = redact(fields, find)
        if told is not None:
            _check(source, asked, told, recognizers)


def _check(source: Source, asked: Any, told: Redacted, recognizers: Recognizers) -> None:
    sent = {name: json.loads(bytes(raw)) for name, raw in told.fields.items()}
    for before, after in zip(_strings(asked), _strings(sent), strict=True):
        if _json_of(before) is None:
            assert not _found(after, recognizers), "something that is found would leave"
            restorer = told.originals.restorer()
            pieces = [restorer.feed(piece) for piece in source.split(after)]
            assert "".join(pieces) + restorer.flush() == before, "what came back is not what was said"


def _found(text: str, recognizers: Recognizers) -> list[Finding]:
    """A finding that is made of placeholders and signs alone shows nothing."""
    return [one for one in recognizers.find(text) if any(secret in text[one.start : one.end] for secret in SECRETS)]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)


def _json_of(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict | list | str) else None
