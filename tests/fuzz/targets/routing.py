"""What routing reads: requests of any form, and the parts of a router that may have been changed on the disk."""

import math
from contextlib import suppress
from typing import Any

import msgspec

from homeport.core.errors import ConfigError, StorageError
from homeport.core.routing import Prompt
from homeport.core.types import Inference, Surface
from homeport.privacy.fingerprints import fingerprints
from homeport.routing.confidence import decode_confidence
from homeport.routing.families import family_of
from homeport.routing.gap import GapModel, gap_model
from homeport.routing.prompt import draw, read_prompt
from homeport.routing.thresholds import decode_thresholds
from tests.fuzz.source import Source
from tests.fuzz.targets.privacy import body

_FIELDS = ("messages", "input", "prompt", "system", "instructions", "tools", "response_format", "text")
_ROLES = ("user", "assistant", "system", "developer", "tool", "x", "")
_MODEL = gap_model(None)


def _value(source: Source) -> Any:
    if source.flag():
        return source.many(lambda: {"role": source.choice(_ROLES), "content": body(source, 2)}, 1, 4)
    return body(source)


def asked(source: Source) -> Inference:
    """A request that no decoder has looked at."""
    fields = {source.choice(_FIELDS): _value(source) for _ in range(source.integer(1, 4))}
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in fields.items()}
    if source.seldom():
        raw["messages"] = msgspec.Raw(source.take(40))
    surface = source.choice(tuple(Surface))
    return Inference(
        surface=surface, model="m", stream=False, wants_usage=False, input_chars=0, deterministic=False, fields=raw
    )


def prompts(data: bytes) -> None:
    """Reading, scoring and drawing are total, and the same twice."""
    inference = asked(Source(data))
    prompt = read_prompt(inference)
    assert isinstance(prompt, Prompt)
    assert prompt.chars >= 0
    assert 0 <= draw(inference) < 1
    assert draw(inference) == draw(inference)
    scored = _MODEL.score(prompt)
    assert math.isfinite(scored.score), "a score that is no number"
    assert scored == _MODEL.score(prompt)
    assert family_of(prompt) == family_of(prompt)
    assert fingerprints(inference, "scope") == fingerprints(inference, "scope")


def parts(data: bytes) -> None:
    """Whatever stands in a router's files is read or refused, and what is read gives numbers."""
    source = Source(data)
    whole = _MODEL.encode()
    place = source.integer(0, len(whole) - 1)
    changed = whole[:place] + source.take(source.integer(0, 3)) + whole[place + source.integer(0, 3) :]
    with suppress(StorageError, ConfigError):
        model = GapModel.decode(changed)
        assert math.isfinite(model.score_text("What is 1 + 1?").score), "a score that is no number"
        assert all(0 <= chance <= 1 for chance in model.chances(0.3).values())
    _split(source)
    with suppress(ConfigError):
        decode_confidence(source.rest() if source.flag() else changed)


def _split(source: Source) -> None:
    numbers = (0, 0.08, 0.22, 0.5, 0.7, 1, -1, 2)
    written = {
        "tiers": source.many(source.name, 0, 3),
        "shares": source.many(lambda: source.choice(numbers), 0, 3),
        "sketch": source.many(lambda: source.choice(numbers), 0, 4),
    }
    with suppress(ConfigError):
        thresholds = decode_thresholds(msgspec.json.encode(written))
        assert abs(sum(thresholds.shares) - 1) < 0.01, "shares of something else than all requests"
        assert list(thresholds.cuts) == sorted(thresholds.cuts), "a dearer tier begins below a cheaper one"
