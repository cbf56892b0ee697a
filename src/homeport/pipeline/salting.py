"""Keeping what an engine has read for one caller from being guessed by another.

An engine that has the beginning of a prompt in its memory answers sooner. Whoever may send it prompts can so find out,
word by word, what somebody else has sent. vLLM keeps prompts with different salts apart; each tenant gets one that
nobody else can know, so that a prefix is shared within a tenant and nowhere else.

Sources: https://docs.vllm.ai/en/latest/design/prefix_caching.html, and Song and others, "The Early Bird Catches the
Leak: Unveiling Timing Side Channels in LLM Serving Systems", arXiv 2409.20002.
"""

import hmac

import msgspec
from msgspec import Raw

from homeport.core.types import Key, Surface, Target, UpstreamCall

_FIELD = "cache_salt"
_SALTED = frozenset({Surface.CHAT, Surface.COMPLETION, Surface.RESPONSES})
_SALT_BYTES = 24


def scope_of_prompts(key: Key | None, target: Target) -> str:
    """Whose prompts a target shares with each other: those of one key, of one project, or "" for everybody's."""
    if key is None or not target.salted_by:
        return ""
    return f"{target.salted_by}:{key.project if target.salted_by == 'project' else key.id}"


class Salter:
    """Salts calls of the engines that know what a salt is.

    Args:
        secret: of this installation; the same in all its processes.
    """

    def __init__(self, secret: bytes) -> None:
        # What is worked out of it here is worth nothing anywhere else.
        self._secret = hmac.digest(secret, b"homeport prompt salts", "sha256")

    def salted(self, call: UpstreamCall, key: Key | None) -> UpstreamCall:
        """The call with its tenant's salt, where its target takes one. A caller's own salt divides it further."""
        scope = scope_of_prompts(key, call.target)
        if not scope or call.surface not in _SALTED:
            return call
        own = bytes(call.fields.get(_FIELD, b""))
        salt = hmac.digest(self._secret, scope.encode("utf-8", "surrogatepass") + b"\0" + own, "sha256")
        told = Raw(msgspec.json.encode(salt[:_SALT_BYTES].hex()))
        return msgspec.structs.replace(call, fields={**call.fields, _FIELD: told})
