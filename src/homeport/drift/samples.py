"""Samples of one unchanged model, split into batches that must raise no alarm.

A file has a line for each prompt: {"prompt_id": 0, "completions": [[77, 1639], ...]}, with numbers of tokens or texts.
Source of the data: Cai et al., "Are you getting what you pay for? Auditing model substitution in LLM APIs" (2025).
"""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from homeport.core.errors import ConfigError
from homeport.drift.detectors import ALPHA, audit
from homeport.drift.similarity import Features, compare, text_features
from homeport.drift.traits import LEVELS, traits
from homeport.stats.arrays import Numbers

if TYPE_CHECKING:
    from numpy.random import Generator

PROBES = 26
_LEAST_SAMPLES = 40
_LEAST_PROMPTS = 4
_BATCHES = 20
_MOST_BYTES = 512 << 20
_HINT = 'a line is {"prompt_id": 0, "completions": [[token, ...], ...]}'


class _Line(msgspec.Struct, frozen=True):
    completions: Annotated[list[list[int] | str], Meta(min_length=_LEAST_SAMPLES, max_length=10_000)]


class Samples(msgspec.Struct, frozen=True):
    """Completions of a model, as far as they are compared: by prompt, the traits of each as numbers."""

    name: str
    prompts: "tuple[Numbers, ...]"


class Calm(msgspec.Struct, frozen=True, kw_only=True):
    """What became of batches of one model.

    Attributes:
        runs, batches: how many recordings were drawn, and how many batches of them were judged.
        alarms: all of them are false.
        deviations: judged batches whose score was above the tolerance.
        stated: alarms that the stated rate allows.
    """

    name: str
    prompts: int
    runs: int
    batches: int
    answers_each: int
    alarms: int
    deviations: float
    stated: float


def read_samples(folder: Path) -> tuple[Samples, ...]:
    """Every `*.jsonl` and `*.jsonl.gz` of a folder.

    Raises:
        ConfigError: recordings_missing; recording_invalid, with the line.
    """
    found = [Samples(path.name, tuple(_prompts(path))) for path in sorted(folder.glob("*.jsonl*"))]
    if not found:
        raise ConfigError(
            f"there are no samples of a model in {folder}",
            code="recordings_missing",
            hint="name the folder with --data: it has llama70b_fp8_samples/*.jsonl.gz",
        )
    return tuple(found)


def _prompts(path: Path) -> "Iterator[Numbers]":
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            lines = file.read(_MOST_BYTES).split(b"\n")
        for line in lines:
            number += 1
            if line.strip():
                yield _columns(msgspec.json.decode(line, type=_Line).completions)
    except (OSError, EOFError, zlib.error, UnicodeError, RecursionError, msgspec.DecodeError) as error:
        raise ConfigError(
            f"{path}, line {number}, cannot be read: {error}"[:600], code="recording_invalid", hint=_HINT
        ) from error


def _columns(completions: "Sequence[list[int] | str]") -> "Numbers":
    import numpy as np

    columns: dict[tuple[int, bytes], int] = {}
    texts = (one if isinstance(one, str) else " ".join(map(str, one)) for one in completions)
    levels = [
        [columns.setdefault((level, trait), len(columns)) for level, trait in enumerate(traits(text))] for text in texts
    ]
    return np.array(levels).reshape(-1, LEVELS)


def calm(samples: Samples, runs: int, rng: "Generator", alpha: float = ALPHA) -> Calm:
    """Judge recordings that are drawn from one model: disjoint samples in random order, twenty batches each.

    The first half of what is there is what the second is compared with, as far as it was clean.
    """
    if len(samples.prompts) < _LEAST_PROMPTS:
        raise ConfigError(
            f"{samples.name} has fewer than {_LEAST_PROMPTS} prompts", code="recording_too_short", hint="record more"
        )
    each = min(len(one) for one in samples.prompts) // _BATCHES
    found = [audit(compare(_recording(samples, each, rng), _BATCHES), alpha) for _ in range(runs)]
    judged = [one for run in found for one in run.judged if one.score is not None]
    above = sum(one.score > one.tolerance for one in judged if one.score is not None and one.tolerance is not None)
    return Calm(
        name=samples.name,
        prompts=len(samples.prompts),
        runs=runs,
        batches=len(judged),
        answers_each=each,
        alarms=sum(len(run.alarms) for run in found),
        deviations=above / max(len(judged), 1),
        stated=alpha * len(judged),
    )


def _recording(samples: Samples, each: int, rng: "Generator") -> list[Features]:
    import numpy as np

    batch = np.repeat(np.arange(_BATCHES), each)
    chosen = rng.permutation(len(samples.prompts))[:PROBES]
    return [
        text_features(batch, rng.permutation(len(samples.prompts[one]))[: len(batch)], samples.prompts[one], _BATCHES)
        for one in chosen
    ]
