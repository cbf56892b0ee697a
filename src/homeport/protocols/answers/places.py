"""Which call of a tool a piece of a chat's stream belongs to."""

from typing import Any

from homeport.protocols.answers.parts import field


class CallPlaces:
    """Places of calls, in order of their beginnings.

    Some servers number no call, or all of them 0, but give each an id.
    """

    def __init__(self) -> None:
        self._ids: dict[int, tuple[int, str]] = {}
        self._known = 0

    def of(self, call: Any) -> int:
        """The place of the call that a piece is of; a new one where it begins a call."""
        index, told = field(call, "index"), field(call, "id")
        key = index if isinstance(index, int) else -self._known - 1
        known = self._ids.get(key) if isinstance(index, int) else next(reversed(self._ids.values()), None)
        if known is None or (isinstance(told, str) and told and told != known[1]):
            known = self._known, told if isinstance(told, str) else ""
            self._ids[key] = known
            self._known += 1
        return known[0]
