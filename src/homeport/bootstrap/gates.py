"""The gates in front of own engines, as the configuration has them."""

from collections.abc import Iterable, Mapping

from homeport.config.schema import EngineSettings, Settings
from homeport.core.types import Target
from homeport.pipeline.gate import GatePolicy
from homeport.pipeline.gates import EngineGate, Gates
from homeport.pipeline.limit import Bounds
from homeport.telemetry.gates import GateFigures

_MOST_UNKNOWN = 256
_FIRST_UNKNOWN = 16


def engine_gates(settings: Settings, targets: Iterable[Target], pools: Mapping[str, str]) -> Mapping[str, EngineGate]:
    """How the engine of each upstream is shared; one whose admission is off is left out.

    Args:
        pools: the engine of each upstream, as the configuration names it.
    """
    slots = {target.upstream: target.slots for target in targets if target.upstream in pools}
    engines = {upstream: settings.engines[pools[upstream]] for upstream in slots}
    return {
        upstream: _gate(engine, slots[upstream], settings.server.workers)
        for upstream, engine in engines.items()
        if engine.admission.enabled
    }


def gate_figures(gates: Gates) -> Iterable[GateFigures]:
    """What the metrics show of each gate."""
    return [
        GateFigures(upstream=upstream, places=one.places, in_use=one.in_use, waiting=one.waiting)
        for upstream, one in gates.standings().items()
    ]


def _gate(engine: EngineSettings, slots: int, workers: int) -> EngineGate:
    admission = engine.admission
    policy = GatePolicy(
        bounds=_bounds(engine, slots, workers),
        longest_wait_s=admission.longest_wait_seconds,
        queue=-(-admission.queue // workers),
    )
    return EngineGate(policy=policy, share_by=admission.share_by, weights=admission.weights)


def _bounds(engine: EngineSettings, slots: int, workers: int) -> Bounds:
    """Of one process: its part of the places. The slots of an engine that we start are all that it has."""
    known = engine.url is None
    most = engine.admission.limit or (slots if known else max(slots, _MOST_UNKNOWN))
    first = min(most, slots if known else max(slots, _FIRST_UNKNOWN))
    least = min(first, slots // 2 if known else slots)
    shares = [max(1, -(-number // workers)) for number in (least, most, first)]
    return Bounds(least=shares[0], most=shares[1], first=shares[2], stretch=engine.admission.stretch)
