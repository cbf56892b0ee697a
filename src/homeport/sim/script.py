"""Which faults a request gets: those it asks for, those queued for it, and those of the dice."""

import random
from collections import deque

import msgspec

from homeport.sim.faults import FOREVER, Faults, parse
from homeport.sim.settings import Settings


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of the script: the next `times` requests get `faults`.

    Attributes:
        faults: written as in the header; "" for requests that nothing happens to.
        path: only requests whose path holds this text.
    """

    faults: str = ""
    times: int = 1
    path: str = ""


class Fate(msgspec.Struct, frozen=True):
    """What happens to one request.

    Attributes:
        faults: with their values.
        sigmas: a roll of the standard normal distribution, for its latency.
    """

    faults: Faults
    sigmas: float = 0.0


class Script:
    """The queue and the dice. The same settings and the same order of requests give the same faults."""

    def __init__(self, settings: Settings) -> None:
        self._queue: deque[Step] = deque()
        self.change(settings)

    def change(self, settings: Settings) -> None:
        """Follow other settings; the dice begin anew."""
        self._settings = settings
        self._always = parse(settings.faults)
        self._dice = random.Random(settings.seed)  # noqa: S311  chaos that can be repeated, not a secret
        self._answered = 0

    @property
    def queued(self) -> list[Step]:
        return list(self._queue)

    def add(self, steps: list[Step]) -> None:
        """Put steps at the end of the queue.

        Raises:
            InvalidRequest: sim_fault_invalid; nothing was added.
        """
        for step in steps:
            parse(step.faults)
        self._queue.extend(step for step in steps if step.times > 0)

    def clear(self) -> None:
        self._queue.clear()

    def next(self, path: str, asked: str) -> Fate:
        """The fate of the request that just came.

        Args:
            asked: its own `x-sim-fault` header; it wins over the queue, and the queue over the dice.

        Raises:
            InvalidRequest: sim_fault_invalid.
        """
        own = parse(asked) if asked else {}
        rolled, sigmas = self._rolled()
        queued = self._dequeue(path)
        faults = (rolled if queued is None else queued) | own
        return Fate({} if "none" in faults else faults, sigmas)

    def _rolled(self) -> tuple[dict[str, float | str], float]:
        """Each request takes as many rolls, whatever the settings are."""
        settings, dice = self._settings, self._dice
        self._answered += 1
        always, error, stall, cut, mute = (dice.random() for _ in range(5))
        found = dict(self._always) if always < settings.fault_rate else {}
        if error < settings.error_rate:
            found["status"] = float(settings.error_status)
        if stall < settings.stall_rate:
            found["stall"] = FOREVER
        if cut < settings.cut_rate:
            found["reset"] = 1.0
        if mute < settings.missing_usage_rate:
            found["missing-usage"] = 1.0
        if 0 < settings.swap_model_after < self._answered:
            found["model"] = "swapped"
        return found, dice.gauss(0.0, 1.0)

    def _dequeue(self, path: str) -> dict[str, float | str] | None:
        for at, step in enumerate(self._queue):
            if step.path in path:
                if step.times <= 1:
                    del self._queue[at]
                else:
                    self._queue[at] = msgspec.structs.replace(step, times=step.times - 1)
                return parse(step.faults)
        return None
