"""Makes wheels, and gives a folder of them to pip."""

import hashlib
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

_DATE = (2025, 2, 7, 7, 2, 44)


def make_wheel(folder: Path, members: Mapping[str, bytes], *, name: str = "tiny_weights", version: str = "1.0") -> Path:
    """A wheel that pip accepts, with these members and a licence."""
    info = f"{name}-{version}.dist-info"
    metadata = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/LICENSE": b"Do as you like.\n",
        f"{info}/RECORD": b"",
    }
    path = folder / f"{name}-{version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    make_zip(path, {**members, **metadata})
    return path


def make_zip(path: Path, members: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), data, zipfile.ZIP_DEFLATED)


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def use_wheelhouse(monkeypatch: pytest.MonkeyPatch, folder: Path | str) -> None:
    """Let pip find wheels in this folder (or at this address) and nowhere else."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
