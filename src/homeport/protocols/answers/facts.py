"""What an answer says of itself: who gave it, and why it ended. Total: what cannot be read is not there.

Nothing of it is content: ids, names and reasons are short and plain, or left out.
"""

import re
from collections.abc import Iterable
from functools import reduce
from typing import Any

import msgspec
from msgspec import Struct

from homeport.core.tracing import AnswerFacts
from homeport.protocols.answers.parts import UNREADABLE, data_events, field

_PLAIN = re.compile(r"[A-Za-z0-9._:/@+-]{1,128}", re.ASCII)
_REASON = re.compile(r"[a-z_]{1,40}", re.ASCII)
_MOST_CHOICES = 16
LONGEST = 256 << 10
"""Bytes of what is read; of a longer answer nothing is told, for reading it would hold others up."""

_COMPLETED = "completed"
_NOTHING = AnswerFacts()


class _Choice(Struct):
    finish_reason: Any = None


class _Object(Struct):
    """A message inside an event of Anthropic's, or a response inside one of OpenAI's."""

    id: Any = None
    model: Any = None
    status: Any = None
    incomplete_details: Any = None


class _Said(Struct):
    """A whole answer or an event, in the words of any surface: each has some of these."""

    id: Any = None
    model: Any = None
    system_fingerprint: Any = None
    status: Any = None
    incomplete_details: Any = None
    stop_reason: Any = None
    choices: list[_Choice] | None = None
    message: _Object | None = None
    response: _Object | None = None
    delta: Any = None


_SAID = msgspec.json.Decoder(_Said)


def whole_facts(body: bytes) -> AnswerFacts:
    """Of a whole answer."""
    return _read(body) if len(body) <= LONGEST else _NOTHING


def stream_facts(events: bytes) -> AnswerFacts:
    """Of the events of a stream, or of those at its beginning and its end."""
    return _joined(_read(data) for data in data_events(events)) if len(events) <= LONGEST else _NOTHING


def _joined(facts: Iterable[AnswerFacts]) -> AnswerFacts:
    return reduce(_merged, facts, _NOTHING)


def _merged(one: AnswerFacts, other: AnswerFacts) -> AnswerFacts:
    """The first id and model that are told, and the last reasons."""
    return AnswerFacts(
        id=one.id or other.id,
        model=one.model or other.model,
        finish_reasons=other.finish_reasons or one.finish_reasons,
        fingerprint=one.fingerprint or other.fingerprint,
    )


def _read(data: bytes) -> AnswerFacts:
    try:
        said = _SAID.decode(data)
    except UNREADABLE:
        return _NOTHING
    inner = said.message or said.response or _Object()
    return AnswerFacts(
        id=_plain(said.id) or _plain(inner.id),
        model=_plain(said.model) or _plain(inner.model),
        finish_reasons=_reasons(said, inner),
        fingerprint=_plain(said.system_fingerprint),
    )


def _reasons(said: _Said, inner: _Object) -> tuple[str, ...]:
    if said.choices is not None:
        found = [choice.finish_reason for choice in said.choices[:_MOST_CHOICES]]
    else:
        found = [said.stop_reason, field(said.delta, "stop_reason"), _ending(said), _ending(inner)]
    return tuple(reason for reason in found if isinstance(reason, str) and _REASON.fullmatch(reason))


def _ending(response: _Said | _Object) -> Any:
    """Why a response ended: `stop`, or why it is not complete."""
    return "stop" if response.status == _COMPLETED else field(response.incomplete_details, "reason")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else ""
