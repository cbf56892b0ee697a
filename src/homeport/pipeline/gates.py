"""The gates of all own engines in this process. They outlive a change of the configuration."""

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from homeport.core.ports import Clock
from homeport.core.types import Target
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.gate import Asker, Gate, GatePolicy, Place, Standing
from homeport.pipeline.load import weight
from homeport.pipeline.waiting import enter

_BACKGROUND = 0.1
"""The weight of what nobody waits for, beside what somebody does."""


class EngineGate(msgspec.Struct, frozen=True, kw_only=True):
    """How an engine is shared.

    Attributes:
        share_by: whose requests are one flow.
        weights: by the name of a key or a project; 1.0 for others.
    """

    policy: GatePolicy = GatePolicy()
    share_by: Literal["key", "project"] = "key"
    weights: Mapping[str, float] = {}


class Gates:
    """One for each engine and what it serves: another version of a package is another engine.

    Args:
        waited: told the upstream of each request that got its place, and after how many nanoseconds.
    """

    def __init__(self, clock: Clock, waited: Callable[[str, int], None] = lambda upstream, nanoseconds: None) -> None:
        self._clock = clock
        self._waited = waited
        self._settings: Mapping[str, EngineGate] = {}
        self._gates: dict[tuple[str, str], Gate] = {}
        self._percents: Mapping[str, int] = {}

    def adopt(self, settings: Mapping[str, EngineGate]) -> None:
        """Share engines, by the names of their upstreams, so from now on; one that is not named has no gate."""
        self._settings = settings
        now = self._clock.monotonic_ns()
        self._gates = {place: gate for place, gate in self._gates.items() if place[0] in settings}
        for (upstream, _), gate in self._gates.items():
            gate.adopt(settings[upstream].policy, now)

    def reserve(self, percents: Mapping[str, int]) -> None:
        """Keep so many per cent of each engine's places for each key id from now on."""
        self._percents = dict(percents)
        for gate in self._gates.values():
            gate.reserve(self._percents, self._clock.monotonic_ns())

    def standing(self, target: Target) -> Standing | None:
        """How the gate of a target stands; None where it has none."""
        gate = self._of(target)
        return None if gate is None else gate.standing()

    def standings(self) -> Mapping[str, Standing]:
        """How each stands, by the name of its upstream; of two versions, the one that was asked last."""
        return {upstream: gate.standing() for (upstream, _), gate in self._gates.items()}

    async def enter(self, exchange: Exchange, target: Target) -> Place | None:
        """A place at a target, which whoever has it gives back; None where it has no gate.

        Raises:
            EngineBusy: there is none in time.
        """
        gate = self._of(target)
        if gate is None:
            return None
        came = self._clock.monotonic_ns()
        place = await enter(gate, self._asker(exchange, target), self._clock)
        self._waited(target.upstream, self._clock.monotonic_ns() - came)
        return place

    def _of(self, target: Target) -> Gate | None:
        gate = self._gates.get((target.upstream, target.revision))
        if gate is not None or target.upstream not in self._settings:
            return gate
        for place in [place for place, old in self._gates.items() if place[0] == target.upstream and old.is_empty]:
            del self._gates[place]
        gate = self._gates[target.upstream, target.revision] = Gate(self._settings[target.upstream].policy)
        gate.reserve(self._percents, self._clock.monotonic_ns())
        return gate

    def _asker(self, exchange: Exchange, target: Target) -> Asker:
        key, settings = exchange.key, self._settings[target.upstream]
        assert key is not None
        assert exchange.inference is not None
        flow, name = (key.id, key.name) if settings.share_by == "key" else (key.project, key.project)
        share = settings.weights.get(name, 1.0)
        if exchange.purpose or exchange.batch:
            flow, share = f"{flow}\0", share * _BACKGROUND
        return Asker(
            key_id=key.id,
            flow=flow,
            weight=share,
            cost=weight(exchange.inference) / share,
            deadline_ns=exchange.deadline_ns,
            waits=not exchange.spare,
            patient=exchange.batch,
        )
