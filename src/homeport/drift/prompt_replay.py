"""A recording of prompts through the detector: what would have been said, day by day, had it run then."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from homeport.drift.prompt_batches import LEAST_PROMPTS, batches_of
from homeport.drift.prompt_features import PromptReader
from homeport.drift.prompt_recording import Day, read_days
from homeport.drift.prompt_told import sentence_of
from homeport.drift.prompt_views import VIEWS
from homeport.drift.prompts import ALPHA, KNOWN_BATCHES, LEAST_BATCHES, Alarm, Judged, Watch, watch

_SHOWN = 200


def replay_prompts(path: Path, reader: PromptReader, alpha: float = ALPHA) -> dict[str, Any]:
    """What `homeport drift prompts FILE --json` prints.

    Raises:
        ConfigError: recording_invalid, with the line; recording_too_large.
    """
    days = read_days(path)
    read = ((day.day, reader.read([(str(one.line), one.text) for one in day.prompts])) for day in days)
    found = watch(batches_of(read), alpha)
    return {**plain_watch(found, alpha, _examples(days, found.alarms)), "warnings": _warnings(days, found)}


def plain_watch(found: Watch, alpha: float, examples: Mapping[str, dict[str, str]]) -> dict[str, Any]:
    """What was found in plain values; `examples`: what is told of prompts beside their ids."""
    return {
        "alpha": alpha,
        "threshold": 1 / alpha,
        "average_run_length": 1 / alpha,
        "batches": [_batch(one) for one in found.judged],
        "alarms": [_alarm(one, examples) for one in found.alarms],
    }


def _batch(one: Judged) -> dict[str, Any]:
    scored = zip(VIEWS, one.scores, one.tolerances, one.distances, strict=bool(one.scores))
    return {
        "batch": one.last,
        "first_day": one.first,
        "prompts": one.prompts,
        "verdict": one.verdict.value,
        "e_value": one.e_value,
        "learned_from": one.learned_from,
        "views": {
            view: {"distance": distance, "score": score, "tolerance": tolerance}
            for view, score, tolerance, distance in scored
        }
        if one.scores
        else {},
    }


def _alarm(one: Alarm, examples: Mapping[str, dict[str, str]]) -> dict[str, Any]:
    return {
        "batch": one.day,
        "since": one.since,
        "e_value": one.e_value,
        "views": list(one.views),
        "usual_batches": one.usual_days,
        "sentence": sentence_of(one),
        "evidence": [msgspec.structs.asdict(figure) for figure in one.figures],
        "examples": [examples.get(name, {"id": name}) for name in one.examples],
    }


def _examples(days: Sequence[Day], alarms: Sequence[Alarm]) -> dict[str, dict[str, str]]:
    wanted = {name for alarm in alarms for name in alarm.examples}
    return {
        str(one.line): {"id": one.id, "prompt": _beginning(one.text)}
        for day in days
        for one in day.prompts
        if str(one.line) in wanted
    }


def _beginning(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}\u2026"


def _warnings(days: Sequence[Day], found: Watch) -> list[str]:
    warnings = []
    if len(found.judged) <= LEAST_BATCHES:
        warnings.append(f"nothing was judged: the first {LEAST_BATCHES} batches are only learned from")
    elif len(found.judged) <= KNOWN_BATCHES:
        warnings.append(f"fewer than {KNOWN_BATCHES} usual batches: alarms come later, and say less")
    if len(found.judged) < len(days):
        warnings.append(f"days with fewer than {LEAST_PROMPTS} different prompts were put together with those after")
    return warnings
