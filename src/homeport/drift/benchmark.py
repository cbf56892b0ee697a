"""What `homeport bench drift` measures, and what its targets are."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from homeport.drift.detectors import Verdict
from homeport.drift.graded import read_endpoints
from homeport.drift.rehearsal import Plan, Rehearsed, rehearse
from homeport.drift.samples import Calm, calm, read_samples
from homeport.drift.tables import Passing, passing, read_tables
from homeport.drift.weekly import FALSE_ALARMS_A_YEAR

_LARGE = 0.2
_SOON, _SOON_SHARE = 4, 0.95


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What must hold: a figure, and the bound that it must not cross."""

    target: str
    value: float
    bound: float
    met: bool


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """All figures: weekly checks, batches of unchanged models, and a deviation that passes."""

    endpoints: tuple[Rehearsed, ...]
    samples: tuple[Calm, ...]
    tables: tuple[Passing, ...]


def measure(folder: Path, plan: Plan, recordings: int, seed: int, told: Callable[[str], None]) -> Measured:
    """Everything, each step told before it is begun.

    Args:
        folder: has llmdrift, llama70b_fp8_samples and trackllm_lt.
        recordings: drawn of each model's samples.

    Raises:
        ConfigError: recordings_missing; recording_invalid; recording_too_short.
    """
    import numpy as np

    endpoints, samples = read_endpoints(folder / "llmdrift"), read_samples(folder / "llama70b_fp8_samples")
    tables = read_tables(folder / "trackllm_lt")
    rng = np.random.default_rng(seed)
    told(f"{plan.runs} runs of each of {len(endpoints)} endpoints")
    rehearsed = tuple(rehearse(endpoint, plan, rng) for endpoint in endpoints)
    told(f"{recordings} recordings of each of {len(samples)} unchanged models")
    unchanged = tuple(calm(one, recordings, rng) for one in samples)
    told(f"{len(tables)} tables of log-probabilities")
    return Measured(endpoints=rehearsed, samples=unchanged, tables=tuple(passing(one) for one in tables))


def targets(found: Measured) -> tuple[Target, ...]:
    """What is promised, and whether it was kept."""
    return (*_weekly(found.endpoints), *map(_unchanged, found.samples), *map(_transient, found.tables))


def _weekly(endpoints: tuple[Rehearsed, ...]) -> list[Target]:
    paired = max(one.confirmed.year for one in endpoints)
    unpaired = max(one.unpaired.year for one in endpoints)
    found = [
        _at_most("false alarms a year, worst endpoint, same inputs", paired, FALSE_ALARMS_A_YEAR),
        _at_most("false alarms a year, worst endpoint, other inputs each week", unpaired, FALSE_ALARMS_A_YEAR),
    ]
    large = [one.swap.within[str(_SOON)] for one in endpoints if abs(one.before - one.after) >= _LARGE]
    if large:
        what = f"swaps by {_LARGE:.0%} or more that are noticed within {_SOON} weeks, worst endpoint"
        found.append(Target(target=what, value=min(large), bound=_SOON_SHARE, met=min(large) >= _SOON_SHARE))
    return found


def _unchanged(one: Calm) -> Target:
    return _at_most(f"false alarms in {one.batches:,} batches of {one.name}", one.alarms, one.stated)


def _transient(one: Passing) -> Target:
    passed = one.burst is one.verdict is Verdict.TRANSIENT and not one.alarms
    stays = one.persisting_burst is Verdict.CHANGE and one.persisting_alarm_after > 0
    what = f"the deviation of {one.name} is transient, and would be a change if it stayed (1 for yes)"
    return Target(target=what, value=float(passed and stays), bound=1.0, met=passed and stays)


def _at_most(what: str, value: float, bound: float) -> Target:
    return Target(target=what, value=value, bound=bound, met=value <= bound)
