"""Requests as callers send them, read by the real dialects."""

from collections.abc import Mapping
from typing import Any

import msgspec

from homeport.api.dialects import dialects
from homeport.cache.keys import Asked, Keys, Uncached
from homeport.core.caching import CacheRule, Mode
from homeport.core.privacy import Assessment
from homeport.core.types import Inference, Key, Surface, Target

SECRET = b"a secret of the test's own"
KEYS = Keys(SECRET, "static:1")
EXACT = CacheRule(name="r", exact=True)
RULE = CacheRule(name="r", exact=True, semantic=Mode.BALANCED)
ANN = Key(id="key_ann", name="ann", project="acme/shop")
SAFE = Assessment()
QUESTION = "How do I cancel the subscription?"


def target(**fields: Any) -> Target:
    named = {"name": "mid", "tier": "t", "upstream": "api", "model": "mid-1", "local": False, "price": None}
    return Target(**{**named, "surfaces": frozenset({Surface.CHAT}), **fields})


MID = target()


def chat(content: Any = QUESTION, *before: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "auto", "messages": [*before, {"role": "user", "content": content}], **fields}


def decoded(body: Any, surface: Surface = Surface.CHAT) -> Inference:
    """A body, as a value or as it is written."""
    return dialects()[surface].decode(surface, body if isinstance(body, bytes) else msgspec.json.encode(body))


def asked(body: Any, surface: Surface = Surface.CHAT, rule: CacheRule = RULE, **more: Any) -> Asked:
    found = read(body, surface, rule, **more)
    assert isinstance(found, Asked), found
    return found


def read(body: Any, surface: Surface = Surface.CHAT, rule: CacheRule = RULE, **more: Any) -> Asked | Uncached:
    keys: Keys = more.pop("keys", KEYS)
    key, assessment = more.pop("key", ANN), more.pop("assessment", SAFE)
    return keys.read(decoded(body, surface), key, rule, assessment, **more)


def why_not(body: Any, surface: Surface = Surface.CHAT, rule: CacheRule = RULE, **more: Any) -> str:
    """Why it is not cached, or only the very same of it; "" where others may answer."""
    found = read(body, surface, rule, **more)
    return found.reason if isinstance(found, Uncached) else found.semantic
