"""A package as a folder that vLLM and transformers load: whole or not there, and checked before each start."""

import json
from pathlib import Path
from typing import Any

import pytest

from homeport.engines.children import folder
from homeport.engines.children.folder import FOLDER, make, ready_folder, require_room
from homeport.engines.children.lora import UnsuitedAdapter


@pytest.fixture
def launch(tmp_path: Path) -> dict[str, Any]:
    """A package with safetensors: nothing needs torch to link them."""
    files = []
    for role, name in (("weights", "model.safetensors"), ("tokenizer", "deep/tokenizer.json"), ("template", "t.jinja")):
        path = tmp_path / f"blob-{role}"
        path.write_text(role)
        files.append({"role": role, "path": str(path), "filepath": name})
    return {"place": str(tmp_path / "derived" / "abc"), "files": files}


def test_the_files_have_the_names_that_are_looked_for(launch: dict[str, Any]) -> None:
    made = ready_folder(launch)
    assert {path.name for path in made.iterdir()} == {
        "model.safetensors",
        "tokenizer.json",
        "chat_template.jinja",
        "derived.json",
    }
    assert (made / "model.safetensors").is_symlink(), "weights are not copied"
    assert (made / "chat_template.jinja").read_text() == "template"


def test_it_is_made_once(launch: dict[str, Any]) -> None:
    first = ready_folder(launch)
    before = (first / "derived.json").stat().st_mtime_ns
    assert ready_folder(launch) == first
    assert (first / "derived.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("harm", ["changed", "lost", "added", "note"])
def test_what_was_changed_is_made_again(launch: dict[str, Any], harm: str) -> None:
    made = ready_folder(launch)
    if harm == "changed":
        (made / "chat_template.jinja").write_text("{{ evil }}")
    elif harm == "lost":
        (made / "tokenizer.json").unlink()
    elif harm == "added":
        (made / "modeling_evil.py").write_text("boom")
    else:
        (made / "derived.json").write_text(json.dumps([1]))
    again = ready_folder(launch)
    assert (again / "chat_template.jinja").read_text() == "template"
    assert not (again / "modeling_evil.py").exists()


def test_nothing_is_left_of_one_that_failed(tmp_path: Path) -> None:
    def fail(part: Path) -> None:
        (part / "half").write_text("x")
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        make(tmp_path / FOLDER, fail)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed(launch: dict[str, Any]) -> None:
    left = Path(launch["place"]) / ".part-x"
    left.mkdir(parents=True)
    (left / "half").write_text("x")
    ready_folder(launch)
    assert not left.exists()


class Weights:
    """A model that was loaded; it is saved as a file that says so."""

    def parameters(self) -> list[Any]:
        return []

    def save_pretrained(self, part: Path) -> None:
        (part / "model.safetensors").write_text("computed")
        (part / "config.json").write_text("computed")


def test_gguf_is_told_by_its_first_bytes(launch: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    Path(launch["files"][0]["path"]).write_bytes(b"GGUF....")
    monkeypatch.setattr(folder, "_dequantised", lambda weights, part: Weights())
    assert (ready_folder(launch) / "model.safetensors").read_text() == "computed"


def test_adapters_are_added_and_the_package_s_own_files_stay_as_they_are(
    launch: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "blob-config"
    config.write_text("of the package")
    launch["files"] += [
        {"role": "doc", "path": str(config), "filepath": "config.json"},
        {"role": "adapter", "path": str(tmp_path / "blob-lora"), "filepath": "lora.gguf"},
    ]
    loaded: list[str] = []
    added: list[str] = []

    def load(files: list[dict[str, str]], part: Path) -> Weights:
        loaded.extend(file["filepath"] for file in files)
        return Weights()

    monkeypatch.setattr(folder, "_loaded", load)
    monkeypatch.setattr(folder, "add_adapter", lambda model, path: added.append(path.name))
    made = ready_folder(launch)
    assert (loaded, added) == (["model.safetensors", "deep/tokenizer.json", "config.json"], ["blob-lora"])
    assert (made / "model.safetensors").read_text() == "computed"
    assert (made / "config.json").read_text() == config.read_text() == "of the package"


def test_an_adapter_that_does_not_fit_is_named(
    launch: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(model: object, path: Path) -> None:
        raise UnsuitedAdapter("the model has no blk.99.attn_q.weight of that shape")

    launch["files"].append({"role": "adapter", "path": str(tmp_path / "blob-lora"), "filepath": "lora.gguf"})
    monkeypatch.setattr(folder, "_loaded", lambda files, part: Weights())
    monkeypatch.setattr(folder, "add_adapter", refuse)
    with pytest.raises(SystemExit):
        ready_folder(launch)
    assert "lora.gguf cannot be added to the weights: the model has no blk.99" in capsys.readouterr().err
    assert {path.name for path in Path(launch["place"]).iterdir()} == {".lock"}


def test_a_disk_without_room_is_said_before_it_is_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    require_room(tmp_path, 1)
    with pytest.raises(SystemExit):
        require_room(tmp_path, 1 << 60)
    assert "no room" in capsys.readouterr().err
