"""How many requests may be in the house."""

from collections.abc import Iterator
from contextlib import contextmanager

from homeport.core.errors import CapacityError


class Admission:
    """A bound on requests in flight.

    Args:
        max_in_flight: beyond it requests are refused at once, so memory is bounded.
    """

    def __init__(self, max_in_flight: int) -> None:
        self._max = max_in_flight
        self.in_flight = 0

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Hold a place for the length of a request.

        Raises:
            CapacityError: no place.
        """
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
