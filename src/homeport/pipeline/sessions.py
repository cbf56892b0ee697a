"""The tier that has answered a conversation until now: what it goes on with, unless another is much better."""

import hashlib
from collections.abc import Iterable

from homeport.core.ports import SessionTable
from homeport.core.types import CONVERSATIONS, Inference, Key
from homeport.privacy.fingerprints import fingerprints, named

_LOOK_BACK = 64
"""Messages since the last turn: one answer and what its tool calls gave."""


class Conversation:
    """One request's, known by its messages. Read when it is first asked for."""

    def __init__(self, table: SessionTable, numbers: "Numbers", inference: Inference, scope: str) -> None:
        self._table = table
        self._numbers = numbers
        self._inference = inference
        self._scope = scope
        self._chain: tuple[bytes, ...] = ()
        self._names: tuple[bytes, ...] = ()

    def tier(self) -> str:
        """The tier that answered an earlier turn; "" for a first turn, and where nothing is known."""
        if self._inference.surface not in CONVERSATIONS:
            return ""
        self._chain = fingerprints(self._inference, self._scope)
        self._names = named(self._inference, self._scope)
        earlier = self._chain[:-1][-_LOOK_BACK:]
        for fingerprint in (*self._names, *reversed(earlier)):
            if tier := self._numbers.tier(self._table.find(fingerprint)):
                return tier
        return ""

    def answered_by(self, tier: str) -> None:
        """Keep it for the next turn, where somebody asked for it in this one."""
        for fingerprint in (*self._chain[-1:], *self._names):
            self._table.note(fingerprint, self._numbers.of(tier))


class Numbers:
    """A number for the name of each tier, the same in every process."""

    def __init__(self, tiers: Iterable[str]) -> None:
        self._tiers = {self.of(tier): tier for tier in tiers}

    def of(self, tier: str) -> int:
        digest = hashlib.blake2b(tier.encode("utf-8", "surrogatepass"), digest_size=4).digest()
        return int.from_bytes(digest, "little") | 1

    def tier(self, number: int) -> str:
        """The tier that has a number; "" where none of the configuration has it."""
        return self._tiers.get(number, "")


class Sessions:
    """Conversations with any of some tiers. A key's are its own."""

    def __init__(self, table: SessionTable, tiers: Iterable[str]) -> None:
        self._table = table
        self._numbers = Numbers(tiers)

    def of(self, inference: Inference, key: Key) -> Conversation:
        return Conversation(self._table, self._numbers, inference, key.id)
