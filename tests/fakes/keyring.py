"""A ring of keys that are simply known."""

from collections.abc import Mapping

from homeport.core.types import Key


class FixedKeyRing:
    """`KeyRing` of a dictionary: token -> key."""

    def __init__(self, keys: Mapping[str, Key]) -> None:
        self._keys = dict(keys)
        self.asked: list[str] = []

    def find(self, token: str) -> Key | None:
        self.asked.append(token)
        return self._keys.get(token)

    def revoke(self, token: str) -> None:
        del self._keys[token]
