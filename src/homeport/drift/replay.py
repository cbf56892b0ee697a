"""A recording through the detector: what an audit would have said, batch by batch, had it run then."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from homeport.drift.detectors import ALPHA, Alarm, Audit, Judged, Verdict, audit
from homeport.drift.probes import Recorded, collect
from homeport.drift.recording import read_rows
from homeport.drift.scoring import CLEAN_BATCHES, LEAST_BATCHES

_TELLING = 0.5
_MOST_NAMED = 100


def replay(path: Path, alpha: float = ALPHA) -> dict[str, Any]:
    """What `homeport drift replay --json` prints.

    Raises:
        ConfigError: recording_invalid, with the line; recording_too_large.
    """
    recorded = collect(read_rows(path))
    return plain(recorded, audit(recorded.similarity, alpha), alpha)


def plain(recorded: Recorded, found: Audit, alpha: float) -> dict[str, Any]:
    """An audit in plain values, with names in the place of numbers."""
    transients = [one for one in found.judged if one.verdict is Verdict.TRANSIENT]
    return {
        "tolerance": found.tolerance,
        "alpha": alpha,
        "threshold": 1 / alpha,
        "average_run_length": 1 / alpha,
        "probes": len(recorded.probes),
        "warnings": _warnings(recorded, found),
        "batches": [_batch(recorded, one) for one in found.judged],
        "alarms": [_alarm(recorded, found, one) for one in found.alarms],
        "transients": [{"batch": recorded.batches[one.batch]} for one in transients],
    }


def _batch(recorded: Recorded, one: Judged) -> dict[str, Any]:
    return {
        "batch": recorded.batches[one.batch],
        "e_value": one.e_value,
        "score": one.score,
        "tolerance": one.tolerance,
        "learned_from": one.learned_from,
        "answers": int(recorded.similarity.rows[:, one.batch].sum()),
        "verdict": one.verdict.value,
    }


def _alarm(recorded: Recorded, found: Audit, alarm: Alarm) -> dict[str, Any]:
    return {
        "batch": recorded.batches[alarm.batch],
        "since": recorded.batches[alarm.since],
        "e_value": alarm.e_value,
        "probes": _moved(recorded.probes, found.judged[alarm.batch].moved),
    }


def _moved(probes: Sequence[str], moved: Sequence[float]) -> list[str]:
    """Names of the probes that moved, those that did most first."""
    far = sorted(((share, name) for name, share in zip(probes, moved, strict=True) if share >= _TELLING), reverse=True)
    return [name for _, name in far[:_MOST_NAMED]]


def _warnings(recorded: Recorded, found: Audit) -> list[str]:
    warnings = []
    if len(recorded.batches) <= LEAST_BATCHES:
        warnings.append(f"nothing was judged: the first {LEAST_BATCHES} batches are only learned from")
    elif len(recorded.batches) <= CLEAN_BATCHES:
        warnings.append(f"fewer than {CLEAN_BATCHES} clean batches: the tolerance is wider, and alarms come later")
    unjudged = sum(one.verdict is Verdict.UNJUDGED for one in found.judged)
    if unjudged:
        warnings.append(f"{unjudged} batches were not judged: fewer than half of the usual probes were answered")
    return warnings
