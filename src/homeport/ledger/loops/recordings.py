"""Recorded agents: OpenTelemetry traces, and turns of conversations, as the calls that they made.

The spans are those of OpenTelemetry's semantic conventions for generative AI (`gen_ai.*` attributes); the turns are
JSON lines of `conversation_id`, `turn`, `role` and `content`.
"""

import codecs
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from homeport.core.errors import ConfigError
from homeport.ledger.loops.spans import span_calls
from homeport.ledger.loops.turns import conversations

MOST_BYTES = 256 * 1024 * 1024
_WANTED = "an OpenTelemetry trace {trace_id, spans}, or lines of {conversation_id, turn, role, content}"
_MOST_MESSAGES = 500


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a model.

    Attributes:
        start_ns, end_ns: since its trace began.
        history, sent: what it was sent, in the words of OpenAI's chats, is the beginning of the history.
        answer: the message that came back.
        model: "" where the recording does not say.
        input_tokens, output_tokens: None where it does not say.
    """

    start_ns: int
    end_ns: int
    history: tuple[Mapping[str, Any], ...]
    sent: int
    answer: Mapping[str, Any]
    model: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None

    @property
    def messages(self) -> tuple[Mapping[str, Any], ...]:
        """What it was sent; of a very long history, as of an agent that forgets, the last 500 messages or more."""
        first = max(0, self.sent // _MOST_MESSAGES - 1) * _MOST_MESSAGES
        return self.history[first : self.sent]


class Recording(msgspec.Struct, frozen=True):
    """A trace or a conversation, its calls in the order of their start."""

    name: str
    calls: tuple[Call, ...]


def read_recordings(data: bytes, name: str) -> tuple[Recording, ...]:
    """What a file holds.

    Raises:
        ConfigError: recording_invalid; it is empty, too large, not JSON, or of another kind.
    """
    if len(data) > MOST_BYTES:
        raise _invalid(name, f"is larger than {MOST_BYTES} bytes")
    if not data.strip():
        raise _invalid(name, "is empty")
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return tuple(_conversations(_lines(data, name), name))
    documents = document if isinstance(document, list) else [document]
    if documents and all(isinstance(one, dict) and "conversation_id" in one for one in documents):
        return tuple(_conversations(enumerate(documents, 1), name))
    return tuple(_traces(documents, name))


def _traces(documents: Sequence[Any], name: str) -> Iterator[Recording]:
    by_trace: dict[str, list[Call]] = {}
    for document in documents:
        if not isinstance(document, dict) or not ("spans" in document or "resourceSpans" in document):
            raise _invalid(name, "is no trace and no list of turns")
        try:
            for trace, fields in span_calls(document):
                by_trace.setdefault(trace, []).append(Call(**fields))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            # Whatever is not as the conventions say ends here: the shape of a span is not ours.
            raise _invalid(name, f"has a span that cannot be read: {error}") from error
    if not by_trace:
        raise _invalid(name, "has no span with gen_ai.input.messages or of the operation chat")
    for trace, calls in by_trace.items():
        yield Recording(trace, tuple(sorted(calls, key=lambda call: call.start_ns)))


def _lines(data: bytes, name: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            try:
                yield number, msgspec.json.decode(line)
            except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
                raise _invalid(name, f"is not JSON in line {number}") from error


def _conversations(lines: Iterable[tuple[int, Any]], name: str) -> Iterator[Recording]:
    try:
        for conversation, calls in conversations(lines):
            yield Recording(conversation, tuple(Call(**fields) for fields in calls))
    except ValueError as error:
        raise _invalid(name, str(error)) from error


def _invalid(name: str, problem: str) -> ConfigError:
    return ConfigError(f"{name} {problem}", code="recording_invalid", hint=f"it should be {_WANTED}")
