"""A package as a Hugging Face folder, which vLLM and transformers load: made once and kept below the package's digest.

GGUF weights are dequantised to float32 (source: transformers' `gguf_file`), and adapters are added to them; safetensors
without adapters are linked. A folder is finished or not there: it is made beside its place, under a lock, and renamed.
What is in it is compared with the SHA-256 noted then, before each start.
"""

import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from homeport.engines.children.lora import UnsuitedAdapter, add_adapter
from homeport.engines.children.start import give_up

FOLDER = "hf-1"
"""Made by the rules of this file; another number, another folder."""

_NOTE = "derived.json"
_MAX_NOTE = 1 << 20
_TEMPLATE = "chat_template.jinja"
_CHUNK = 4 << 20
# What a folder needs beside its weights; nothing else of a package is looked at by what loads it.
_TEXTS = ("config.json", "generation_config.json")
_INDEX = "model.safetensors.index.json"


def ready_folder(told: Mapping[str, Any]) -> Path:
    """The folder of a package, made now where it is not there or is not as it was made.

    Args:
        told: has `place` (a folder of the package's digest) and `files`: {role, path, filepath} of the package.
    """
    place = Path(told["place"])
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(place / ".lock"):
        _drop_unfinished(place)
        folder = place / FOLDER
        if not _is_whole(folder):
            shutil.rmtree(folder, ignore_errors=True)
            make(folder, lambda part: _fill(part, told["files"]))
    return folder


def make(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fill a folder beside its place, note what is in it, and move it there; nothing is left where that fails."""
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=folder.parent))
    try:
        fill(part)
        (part / _NOTE).write_text(json.dumps({path.name: _stamp(path) for path in sorted(part.iterdir())}))
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _fill(part: Path, files: Sequence[Mapping[str, str]]) -> None:
    weights, adapters, templates = (
        [file for file in files if file["role"] == role] for role in ("weights", "adapter", "template")
    )
    beside = [file for file in files if file["role"] == "tokenizer" or _name(file) in _TEXTS]
    index = [file for file in files if _name(file) == _INDEX]
    if _is_gguf(Path(weights[0]["path"])):
        _save(_dequantised(Path(weights[0]["path"]), part), adapters, part)
    elif adapters:
        _save(_loaded([*weights, *index, *beside], part), adapters, part)
    else:
        _link([*weights, *index], part)
    _link(beside, part)
    for file in templates:
        shutil.copyfile(file["path"], part / _TEMPLATE)


def _dequantised(weights: Path, part: Path) -> Any:
    """The model of a GGUF, whose tokenizer is saved."""
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    say(f"dequantising {weights.name} to float32, once")
    told = {"gguf_file": weights.name, "trust_remote_code": False}
    transformers.AutoTokenizer.from_pretrained(weights.parent, **told).save_pretrained(part)
    model = transformers.AutoModelForCausalLM.from_pretrained(weights.parent, dtype=torch.float32, **told)
    # What is in memory is no longer quantised; with these a writer refuses it, and a reader would take it for GGUF.
    model.hf_quantizer = None
    model.config.__dict__.pop("quantization_config", None)
    return model


def _loaded(files: Sequence[Mapping[str, str]], part: Path) -> Any:
    """The model of safetensors, in float32."""
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory(dir=part) as linked:
        _link(files, Path(linked))
        return transformers.AutoModelForCausalLM.from_pretrained(
            linked, dtype=torch.float32, use_safetensors=True, local_files_only=True, trust_remote_code=False
        )


def _save(model: Any, adapters: Sequence[Mapping[str, str]], part: Path) -> None:
    for adapter in adapters:
        say(f"adding {adapter['filepath']} to the weights, once")
        try:
            add_adapter(model, Path(adapter["path"]))
        except UnsuitedAdapter as error:
            give_up(f"the adapter {adapter['filepath']} cannot be added to the weights: {error}")
    require_room(part, sum(weight.numel() * weight.element_size() for weight in model.parameters()))
    model.save_pretrained(part)


def require_room(folder: Path, size: int) -> None:
    """End with a line for the log where the disk has no room for so many bytes; a library says that less clearly."""
    free = shutil.disk_usage(folder).free
    if free < size:
        give_up(f"no room in {folder.parent}: the folder of this model needs {size} bytes, and {free} are free")


def _link(files: Sequence[Mapping[str, str]], part: Path) -> None:
    for file in files:
        target = part / _name(file)
        target.unlink(missing_ok=True)  # what a package brings along wins over what was made of its weights
        target.symlink_to(Path(file["path"]).absolute())


def _name(file: Mapping[str, str]) -> str:
    return file["filepath"].rpartition("/")[2]


def _is_gguf(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"GGUF"


def _is_whole(folder: Path) -> bool:
    try:
        with (folder / _NOTE).open(encoding="utf-8") as stream:
            noted = json.loads(stream.read(_MAX_NOTE))
        there = {path.name for path in folder.iterdir()} - {_NOTE}
        return there == set(noted) and all(_stamp(folder / name) == stamp for name, stamp in noted.items())
    except (OSError, ValueError, AttributeError):
        return False


def _stamp(path: Path) -> list[int | str]:
    """Size and SHA-256; of a link, of what it leads to."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return [path.stat().st_size, digest.hexdigest()]


def _drop_unfinished(place: Path) -> None:
    """What a process that was killed left; nobody else is at work, for we hold the lock."""
    for part in place.glob(".part-*"):
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    number = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def say(text: str) -> None:
    """A line for the supervisor's log."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
