"""Recordings made out of published answers: two versions of GPT-4 and GPT-3.5, and samples of one model."""

import csv
import gzip
import io
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import pytest

from homeport.drift.detectors import audit
from homeport.drift.probes import collect
from homeport.drift.recording import Row
from homeport.drift.samples import calm, read_samples

DATA = Path(os.environ.get("HOMEPORT_DATA") or Path(__file__).parents[3] / "shared" / "data") / "drift"

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the reference data is not here (HOMEPORT_DATA)")

GPT_4 = ("gpt-4-0314", "gpt-4-0613")
GPT_35 = ("gpt-3.5-turbo-0301", "gpt-3.5-turbo-0613")
PROBES, EACH = 26, 10


@cache
def answers(version: str) -> tuple[tuple[str, ...], ...]:
    """Of a version, the answers to groups of questions: each group stands for one probe, that is asked again and
    again at a low temperature, since the recordings have each question once."""
    found: list[str] = []
    for path in sorted((DATA / "llmdrift").glob("*.csv.gz")):
        rows = csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode(), newline=""))
        found += [row["answer"] for row in rows if row["model"].endswith(version)]
    size = len(found) // PROBES
    return tuple(tuple(found[place * size : (place + 1) * size]) for place in range(PROBES))


def rows(days: list[str], seed: int) -> Iterator[Row]:
    """A batch a day, by the version of each."""
    rng = Random(seed)
    for day, version in enumerate(days):
        for probe, group in enumerate(answers(version)):
            for output in rng.sample(group, EACH):
                yield Row(seconds=float(day), batch=str(day), probe=str(probe), output=output, logprobs={})


@needs_data
@pytest.mark.parametrize("versions", [GPT_4, GPT_35])
@pytest.mark.parametrize("clean", [10, 20])
def test_march_became_june(versions: tuple[str, str], clean: int) -> None:
    found = audit(collect(rows([versions[0]] * clean + [versions[1]] * 5, seed=clean)).similarity)
    assert [alarm.since for alarm in found.alarms] == [clean]
    assert found.alarms[0].batch <= clean + 3


@needs_data
def test_march_stayed_march() -> None:
    assert audit(collect(rows([GPT_35[0]] * 40, seed=1)).similarity).alarms == ()


@needs_data
def test_samples_of_one_model_are_of_one_model() -> None:
    for samples in read_samples(DATA / "llama70b_fp8_samples"):
        assert calm(samples, 3, np.random.default_rng(2)).alarms == 0
