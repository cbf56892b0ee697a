"""What the child leaves is read as what comes from outside is."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from homeport.core.errors import EngineError
from homeport.inspection import findings as reading
from homeport.inspection.findings import Inside, read_inside
from tests.fakes.inside import changed, findings, inside

Break = Callable[[Path], object]


def write(folder: Path, found: Inside) -> Path:
    (folder / "findings.json").write_bytes(msgspec.json.encode(found.findings))
    np.savez_compressed(folder / "attention.npz", attention=found.attention)
    return folder


def told(change: Callable[[dict[str, Any]], object]) -> Break:
    def damage(folder: Path) -> None:
        path = folder / "findings.json"
        fields = json.loads(path.read_text())
        change(fields)
        path.write_text(json.dumps(fields))

    return damage


def array(value: Any) -> Break:
    return lambda folder: np.savez_compressed(folder / "attention.npz", attention=value)


def bomb(folder: Path) -> None:
    with zipfile.ZipFile(folder / "attention.npz", "w") as archive:
        archive.writestr("attention.npy", b"\x93NUMPY\x01\x00" + b"v" * 200)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = inside(changed(findings()))
    read = read_inside(write(tmp_path, found))
    assert read.findings == found.findings
    assert np.array_equal(read.attention, found.attention)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "findings.json").unlink(),
        lambda folder: (folder / "attention.npz").unlink(),
        lambda folder: (folder / "findings.json").write_bytes(b"\xff"),
        lambda folder: (folder / "findings.json").write_bytes(b"[" * 100_000),
        lambda folder: (folder / "attention.npz").write_bytes(b"PK"),
        bomb,
        told(lambda fields: fields["tokens"].pop()),
        told(lambda fields: fields["norms"].pop()),
        told(lambda fields: fields["lens"].pop()),
        told(lambda fields: fields["lens"][0].pop()),
        told(lambda fields: fields.update(first_answer=99)),
        told(lambda fields: fields.update(window_start=-1)),
        told(lambda fields: fields.update(window_start=4)),
        told(lambda fields: fields["model"].update(layers=2_000)),
        told(lambda fields: fields["tokens"][-1].update(logprob=None)),
        told(lambda fields: fields["tokens"][1].update(logprob=5.0)),
        told(lambda fields: fields["tokens"][1].update(logprob=float("nan"))),
        told(lambda fields: fields["tokens"][1].update(text="x" * 5_000)),
        told(lambda fields: fields.update(change={"logprobs": [-1.0], "greedy": []})),
        array(np.zeros((3, 2, 7, 8), dtype=np.float64)),
        array(np.zeros((3, 2, 7, 7), dtype=np.float16)),
        array(np.array([{"a": 1}], dtype=object)),
    ],
)
def test_what_is_damaged_is_refused(tmp_path: Path, damage: Break) -> None:
    damage(write(tmp_path, inside()))
    with pytest.raises(EngineError) as refused:
        read_inside(tmp_path)
    assert refused.value.code == "inspect_failed"


@pytest.mark.parametrize(("bound", "most"), [("_MOST_JSON", 100), ("_MOST_ARRAY", 100)])
def test_what_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, most: int) -> None:
    monkeypatch.setattr(reading, bound, most)
    with pytest.raises(EngineError):
        read_inside(write(tmp_path, inside()))


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path, inside())
    array(np.zeros((3, 2, 200, 201), dtype=np.float16))(folder)
    monkeypatch.setattr(reading, "_MOST_ARRAY", (folder / "attention.npz").stat().st_size)
    with pytest.raises(EngineError, match="ValueError"):
        read_inside(folder)
