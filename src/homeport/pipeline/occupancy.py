"""How many requests still use what one configuration put together, so that it can be taken down after the last."""

from collections.abc import Callable


class Occupancy:
    """A room that requests go through: a context manager, entered by each of them."""

    def __init__(self) -> None:
        self._inside = 0
        self._then: Callable[[], None] | None = None

    def __enter__(self) -> None:
        self._inside += 1

    def __exit__(self, *_: object) -> None:
        self._inside -= 1
        if self._then is not None:
            self._call_if_empty()

    def when_empty(self, then: Callable[[], None]) -> None:
        """Call `then` once, when nobody is inside: now, or when the last one leaves. Nobody new may come."""
        self._then = then
        self._call_if_empty()

    def _call_if_empty(self) -> None:
        if self._inside == 0 and self._then is not None:
            then, self._then = self._then, None
            then()
