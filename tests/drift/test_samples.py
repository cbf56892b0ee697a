"""Samples of one model, split into batches."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from homeport.core.errors import ConfigError
from homeport.drift.samples import calm, read_samples
from tests.drift.recordings import write_samples


def test_batches_of_one_model_raise_no_alarm(tmp_path: Path) -> None:
    (samples,) = read_samples(write_samples(tmp_path / "m.jsonl.gz").parent)
    found = calm(samples, 5, np.random.default_rng(1))
    assert (found.alarms, found.prompts, found.runs, found.answers_each) == (0, 8, 5, 3)
    assert found.batches >= 50
    assert found.stated == pytest.approx(found.batches / 1_000)
    assert found.deviations < 0.2


def test_texts_are_samples_too(tmp_path: Path) -> None:
    lines = [json.dumps({"completions": [f"{number} x" for number in range(40)]}) for _ in range(4)]
    (tmp_path / "m.jsonl").write_text("\n".join(lines))
    (samples,) = read_samples(tmp_path)
    assert [one.shape for one in samples.prompts] == [(40, 4)] * 4


@pytest.mark.parametrize(
    "bad", [b"{", b'{"completions": []}', b'{"completions": [[1.5]]}', b'{"completions": null}', b"\xff", b"[" * 9_000]
)
def test_what_is_no_line_is_told(tmp_path: Path, bad: bytes) -> None:
    path = write_samples(tmp_path / "m.jsonl.gz", prompts=1)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + b"\n\n" + bad))
    with pytest.raises(ConfigError) as raised:
        read_samples(tmp_path)
    assert raised.value.code == "recording_invalid"
    assert "line 3" in raised.value.message


def test_what_is_no_file_or_too_little_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no samples"):
        read_samples(tmp_path)
    path = write_samples(tmp_path / "m.jsonl.gz", prompts=2)
    with pytest.raises(ConfigError) as raised:
        calm(read_samples(tmp_path)[0], 1, np.random.default_rng(1))
    assert raised.value.code == "recording_too_short"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ConfigError) as raised:
        read_samples(tmp_path)
    assert raised.value.code == "recording_invalid"
