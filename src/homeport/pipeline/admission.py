"""How many requests may be in the house, and whether the door is open."""

from collections.abc import Iterator
from contextlib import contextmanager

from homeport.core.errors import CapacityError


class Admission:
    """A bound on requests in flight; closed while the process drains.

    Args:
        max_in_flight: beyond it requests are refused at once, so memory is bounded.
    """

    def __init__(self, max_in_flight: int) -> None:
        self._max = max_in_flight
        self._draining = False
        self.in_flight = 0

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Hold a place for the length of a request.

        Raises:
            CapacityError: no place, or draining.
        """
        if self._draining:
            raise CapacityError("this gateway is shutting down", code="draining", hint="send the request again")
        if self.in_flight >= self._max:
            raise CapacityError(
                f"{self._max} requests are being answered already",
                hint="try again after Retry-After seconds, or raise server.max_in_flight",
            )
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1

    def close(self) -> None:
        self._draining = True
