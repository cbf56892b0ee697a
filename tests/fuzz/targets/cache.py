"""What the cache reads: requests, headers, texts, and kept answers that may have been changed on the disk."""

import json
from contextlib import suppress
from functools import cache
from typing import Any

import msgspec

from homeport.cache.keys import Asked, Keys
from homeport.cache.verifier.verify import Verifier
from homeport.core.caching import CacheRule, Mode
from homeport.core.errors import InvalidRequest
from homeport.core.privacy import Assessment
from homeport.core.types import Key, Surface, Target
from homeport.pipeline.visit import CacheHeaders, read_wishes
from homeport.protocols.replay.replays import Admission, replays
from tests.fuzz.chats import answer_of, stream_of
from tests.fuzz.source import Source
from tests.fuzz.targets.routing import asked

_KEYS = Keys(b"a secret of sixteen and more bytes", "embedder-1")
_RULE = CacheRule(exact=True, semantic=Mode.BALANCED, sampled=True, multi_turn=True)
_KEY = Key(id="key_1", name="one")
_HERE = Target(
    name="a", tier="a", upstream="a", model="a", local=False, surfaces=frozenset(Surface), price=None, revision="1"
)
_THERE = msgspec.structs.replace(_HERE, revision="2")
_WORDS = ("how", "do", "I", "cancel", "not", "my", "plan", "before", "7", "seven", "Anna", "?", ",", "please", "don't")


def keys(data: bytes) -> None:
    """Reading is total and the same twice; another model is another place; what is added to a text is not lost."""
    source = Source(data)
    inference = asked(source)
    read = _KEYS.read(inference, _KEY, _RULE, Assessment())
    assert read == _KEYS.read(inference, _KEY, _RULE, Assessment())
    if not isinstance(read, Asked):
        return
    place = read.at(_HERE)
    assert len(place.id) == len(place.partition) == len(place.prompt) == 16
    assert place.id != read.at(_THERE).id
    assert bool(place.text) == (place.mode is not Mode.OFF)
    name = next(iter(inference.fields))
    more = {**inference.fields, name: msgspec.Raw(b"[" + bytes(inference.fields[name]) + b"]")}
    other = _KEYS.read(msgspec.structs.replace(inference, fields=more), _KEY, _RULE, Assessment())
    assert not isinstance(other, Asked) or other.at(_HERE).id != place.id, "two requests are one"


def answers(data: bytes) -> None:
    """Any bytes are told again, or not; and what is whole is the same after it was a stream."""
    source = Source(data)
    whole, chunks = answer_of(source)
    streamed = source.flag()
    told = stream_of(chunks) if streamed else json.dumps(whole).encode()
    if source.flag():
        place = source.integer(0, len(told))
        told = told[:place] + source.take(source.integer(0, 4)) + told[place + source.integer(0, 4) :]
    surface = source.choice(tuple(Surface))
    why = Admission().defect(surface, told, streamed=streamed)
    assert isinstance(why, str)
    replay = replays().get(surface)
    if replay is None:
        return
    if streamed:
        body = replay.whole(told)
        assert body is not None or why, "an answer would be kept that cannot be told whole"
        replay.stored_frames(told)
    elif (frames := replay.frames(told)) is not None and not why:
        again = replay.whole(b"".join(frame.data for frame in frames))
        assert _said(again) == _said(told), "another answer after it was a stream"


def verifier(data: bytes) -> None:
    """Ruling is total; the same text is the same; one that says a number more never is."""
    source = Source(data)
    judge = _verifier()
    text = " ".join(source.many(lambda: source.choice(_WORDS) if source.flag() else source.text(), 1, 9))
    other = " ".join(source.many(lambda: source.choice(_WORDS) if source.flag() else source.text(), 1, 9))
    mode = source.choice((Mode.STRICT, Mode.BALANCED))
    assert judge.rule(text, text, 1.0, mode).same
    ruling = judge.rule(text, other, 1.0, mode)
    assert not (ruling.same and ruling.doubtful)
    assert not judge.rule(f"{text} 4711", text, 1.0, mode).same, "a number more is the same"


@cache
def _verifier() -> Verifier:
    return Verifier()


def headers(data: bytes) -> None:
    """What headers say is read or refused, and what is read is small and plain."""
    source = Source(data)
    said = [source.text() if source.flag() else None for _ in range(3)]
    with suppress(InvalidRequest):
        wishes = read_wishes(CacheHeaders(control=said[0], tags=said[1], corpus=said[2]))
        assert all(tag.isascii() and tag.isprintable() and 0 < len(tag) <= 64 for tag in wishes.tags)
        assert wishes.corpus.isprintable()
        assert wishes.max_age_s is None or 0 <= wishes.max_age_s < 1 << 31


def _said(body: bytes | None) -> Any:
    choices = json.loads(body)["choices"] if body else None
    return [(one["message"].get("content") or "", one["finish_reason"]) for one in choices] if choices else None
