"""A property that cannot fail proves nothing: each target must notice when the code that it tries is broken."""

import re
from typing import Any

import msgspec
import pytest

import homeport.api.anthropic
import homeport.api.bodies
import homeport.protocols.gemini.wire
import homeport.protocols.replay.base
import homeport.protocols.responses.chunk
import homeport.providers.gemini
import homeport.providers.replicate
import homeport.transport.sse
from homeport.api.multipart import Upload
from homeport.cache import keys
from homeport.cache.verifier import verify
from homeport.jobs import lines
from homeport.packages import bundle, referrers, trust
from homeport.pipeline import deadline, visit
from homeport.privacy import redact
from homeport.protocols.anthropic import reading, request_to_chat, stream_from_chat
from homeport.protocols.gemini import contents
from homeport.protocols.gemini import stream as gemini_stream
from homeport.protocols.responses import items
from homeport.providers import frames, message_frames, response_frames
from homeport.routing import prompt, thresholds
from homeport.transport.connection import Connection
from tests.fuzz.targets import TARGETS
from tests.fuzz.tries import seeded

TRIES = 1_500


def _half_written(upload: Upload, data: bytes, start: int, end: int) -> None:
    upload._write(data[start : end - (end - start > 1)])


def _unchecked(body: bytes, decoder: Any) -> Any:
    return decoder.decode(body), homeport.api.bodies.FIELDS.decode(body)


def _whatever_was_read() -> Any:
    """What takes a bundle in every form for the one form."""

    class Same:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    return lambda signed: Same()


BROKEN: dict[str, tuple[object, str, Any]] = {
    "sse": (homeport.transport.sse, "BLANK_LINE", re.compile(rb"\n\n")),
    "frames-chat": (frames, "_is_plain", lambda block: True),
    "frames-responses": (response_frames, "_ENDS", frozenset({"response.completed", "response.failed", "error"})),
    "frames-messages": (message_frames, "_joined", lambda first, second: second),
    "frames-gemini": (homeport.providers.gemini, "events", lambda block: [block]),
    "frames-replicate": (homeport.providers.replicate, "data_of", lambda event: b"data"),
    "providers": (reading, "UNREADABLE", ()),
    "http-answers": (Connection, "finish", lambda connection: True),
    "http-hostile": (Connection, "on_message_begin", lambda connection: None),
    "http-floods": (Connection, "pause", lambda connection: None),
    "anthropic-requests": (request_to_chat, "_result_text", lambda result, path: "done"),
    "anthropic-answers": (stream_from_chat._Block, "is_whole", lambda block: True),
    "anthropic-nonsense": (reading, "UNREADABLE", (msgspec.DecodeError,)),
    "gemini-requests": (contents, "_flushed", lambda results: iter(())),
    "gemini-answers": (gemini_stream.ChatChunks, "_number", lambda chunks, index, delta: None),
    "gemini-nonsense": (homeport.protocols.gemini.wire, "UNREADABLE", (msgspec.DecodeError,)),
    "responses-requests": (items, "_said", lambda content, where: ("", "")),
    "responses-answers": (homeport.protocols.responses.chunk.Said, "thought", ""),
    "responses-nonsense": (homeport.protocols.responses.chunk, "UNREADABLE", (msgspec.DecodeError,)),
    "depth": (homeport.api.anthropic, "_measured", homeport.api.anthropic._input_chars),
    "server-bodies": (homeport.api.bodies, "read", _unchecked),
    "server-writers": (homeport.api.anthropic, "events", lambda block: [block]),
    "server-multipart": (Upload, "part_data", _half_written),
    "server-deadline": (deadline, "_SECONDS", re.compile(r"\d{1,9}(\.\d{1,9})?")),
    "server-batch-lines": (lines, "_check_request", lambda number, request, endpoint, seen: None),
    "redaction": (redact, "_lookalikes", lambda name, said: frozenset()),
    "routing-prompts": (prompt, "_decoded", lambda raw: raw and msgspec.json.decode(raw)),
    "routing-parts": (thresholds, "check_shares", lambda shares: None),
    "cache-keys": (keys, "_WRONG", ()),
    "cache-answers": (homeport.protocols.replay.base, "pieces", lambda text: [text[:3]]),
    "cache-verifier": (verify, "same_words", lambda one, other, lexicon, synonyms: True),
    "cache-headers": (visit, "_TAG", re.compile(".*")),
    "signature-bundles": (bundle, "_encoded", _whatever_was_read()),
    "signature-statements": (trust, "_require_same", lambda statement, candidate: None),
    "signature-manifests": (referrers, "MAX_BUNDLE_BYTES", 1 << 60),
}
"""Of each target: the one thing that is put wrong."""


def test_every_target_has_its_break() -> None:
    assert set(BROKEN) == set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_a_break_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*BROKEN[name])
    assert any(_fails(name, data) for data in seeded(TRIES)), "the code is broken, and nothing was noticed"


def _fails(name: str, data: bytes) -> bool:
    try:
        TARGETS[name](data)
    except Exception:  # however it is noticed
        return True
    return False
