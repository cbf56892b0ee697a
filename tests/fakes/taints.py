"""What is remembered of conversations, as long as the test lasts."""

from collections.abc import Iterable, Sequence

from homeport.core.errors import StorageError
from homeport.core.privacy import Action, strictest


class MemoryTaints:
    """`Taints`.

    Attributes:
        broken: nothing can be read; `full`: nothing can be kept.
    """

    def __init__(self) -> None:
        self.known: dict[bytes, Action] = {}
        self.broken = self.full = False

    def of(self, fingerprints: Iterable[bytes]) -> Action:
        if self.broken:
            raise StorageError("nobody knows", code="taints_unusable")
        return strictest(self.known.get(one, Action.ALLOW) for one in fingerprints)

    def remember(self, fingerprints: Sequence[bytes], action: Action, *, unless: Sequence[bytes] = ()) -> None:
        if self.full or self.broken:
            raise StorageError("it cannot be kept", code="taints_unusable")
        if not any(self.known.get(one, Action.ALLOW).strictness >= action.strictness for one in unless):
            self.known |= {one: strictest((action, self.of([one]))) for one in fingerprints}
