"""What a file of a package may be, by its content: nothing that could be run, unpacked or unpickled."""

import io
import pickletools
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from homeport.core.errors import PackageError
from homeport.packages import gguf, safetensors
from homeport.packages.base import MAX_WEIGHTS_BYTES, FileRole
from homeport.packages.gguf import WeightsHeader
from homeport.packages.template_check import MAX_TEMPLATE_BYTES, check_template, try_templates

_START = 64 * 1024
_MAX_TEXT: Final = {
    FileRole.TOKENIZER: 64 * 1024 * 1024,
    FileRole.TEMPLATE: MAX_TEMPLATE_BYTES,
    FileRole.PROFILES: 1024 * 1024,
    FileRole.PROMPT: 1024 * 1024,
    FileRole.SUITE: 64 * 1024 * 1024,
    FileRole.DOC: 64 * 1024 * 1024,
}
"""The most bytes a file of a role may have; weights have 64 GiB."""

_WEIGHTS = frozenset({FileRole.WEIGHTS, FileRole.ADAPTER})
_TEXTS = frozenset({FileRole.TEMPLATE, FileRole.PROFILES, FileRole.PROMPT, FileRole.SUITE})
_PICKLE_SUFFIXES = frozenset({".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".bin", ".joblib", ".dill", ".npy", ".npz"})
_TOKENIZER_SUFFIXES = frozenset({".json", ".txt", ".model", ".tiktoken", ".vocab", ".jinja"})
_ARCHIVES: Final = (
    b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"\x28\xb5\x2f\xfd", b"Rar!",
)  # fmt: skip
_PROGRAMS: Final = (b"\x7fELF", b"MZ", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!")
_TAR_MAGIC = slice(257, 262)
# What a pickle does that a list of plain values does not: it names and calls things.
_CALLS = frozenset({"GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "REDUCE", "BUILD", "NEWOBJ", "NEWOBJ_EX"})


def screen(path: Path, filepath: str, role: FileRole) -> WeightsHeader | None:
    """Refuse a file that is not what its role says.

    Returns:
        For a GGUF file, its header.

    Raises:
        PackageError: package_pickle_refused, package_format_refused, package_weights_unreadable,
            package_template_unsafe, package_template_invalid or package_too_large.
    """
    check_size(path.stat().st_size, filepath, role)
    with path.open("rb") as stream:
        start = stream.read(_START)
    if role in _WEIGHTS:
        return _screen_weights(path, filepath, start)
    _check_pickle(path, filepath, start)
    if start.startswith((*_ARCHIVES, *_PROGRAMS)) or start[_TAR_MAGIC] == b"ustar":
        raise _refused(f"{filepath} is an archive or a program")
    if role is FileRole.TOKENIZER and PurePosixPath(filepath).suffix not in _TOKENIZER_SUFFIXES:
        raise _refused(f"{filepath} is not a file of a tokenizer ({', '.join(sorted(_TOKENIZER_SUFFIXES))})")
    if role in _TEXTS:
        _text(path, filepath)
    if role is FileRole.PROFILES:
        _check_profiles(path, filepath)
    for text in templates_of(path, filepath, role):
        check_template(text)
    return None


def check_size(size: int, filepath: str, role: FileRole) -> None:
    """Refuse a file of more bytes than one of its role may have.

    Raises:
        PackageError: package_too_large.
    """
    limit = MAX_WEIGHTS_BYTES if role in _WEIGHTS else _MAX_TEXT[role]
    if size > limit:
        raise PackageError(
            f"{filepath} is larger than the {limit} bytes that a file of its kind may have",
            code="package_too_large",
            hint="check what it is",
        )


def templates_of(path: Path, filepath: str, role: FileRole) -> Sequence[str]:
    """The chat templates in a file.

    Raises:
        PackageError: package_format_refused or package_weights_unreadable.
    """
    name = PurePosixPath(filepath).name
    if role is FileRole.TEMPLATE or (role is FileRole.TOKENIZER and name.endswith(".jinja")):
        return (_text(path, filepath),)
    if role is FileRole.TOKENIZER and name.endswith("tokenizer_config.json"):
        return tuple(_configured(path, filepath))
    if role in _WEIGHTS and not filepath.endswith(safetensors.SUFFIX):
        return gguf.read_header(path).templates
    return ()


def describe_files(files: Sequence[tuple[Path, str, FileRole]]) -> WeightsHeader:
    """Screen every file of a package, and render its templates once.

    Args:
        files: where each lies, its path in the package and its role; weights first.

    Returns:
        What the weights say of themselves; where there are adapters only, what the first of them does.

    Raises:
        PackageError: as `screen`.
    """
    headers = [screen(*file) for file in files]
    try_templates([text for file in files for text in templates_of(*file)])
    if headers[0] is not None:
        return headers[0]
    model = [path for path, _, role in files if role is files[0][2]]
    config = next((path for path, name, _ in files if PurePosixPath(name).name == "config.json"), None)
    parts = [safetensors.read_part(path) for path in model]
    return safetensors.describe(parts, config.read_bytes() if config else b"")


def _screen_weights(path: Path, filepath: str, start: bytes) -> WeightsHeader | None:
    if start.startswith(gguf.MAGIC):
        header = gguf.read_header(path)
        for text in header.templates:
            check_template(text)
        return header
    if filepath.endswith(safetensors.SUFFIX) and safetensors.looks_like(start):
        safetensors.read_part(path)
        return None
    _check_pickle(path, filepath, start)
    raise _refused(f"{filepath} is neither GGUF nor safetensors")


def _check_pickle(path: Path, filepath: str, start: bytes) -> None:
    if PurePosixPath(filepath).suffix.lower() in _PICKLE_SUFFIXES or _is_pickle(start) or _holds_pickles(path, start):
        raise PackageError(
            f"{filepath} is, or holds, a pickle, which runs code when it is loaded",
            code="package_pickle_refused",
            hint="convert the weights to safetensors or GGUF",
        )


def _is_pickle(start: bytes) -> bool:
    if len(start) > 1 and start[0] == 0x80 and 2 <= start[1] <= 5:
        return True
    found: set[str] = set()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of escapes in a text that may be no pickle at all
            for opcode, _, _ in pickletools.genops(io.BytesIO(start)):
                found.add(opcode.name)
    except (ValueError, IndexError, OverflowError, EOFError):
        return False
    return bool(found & _CALLS)


def _holds_pickles(path: Path, start: bytes) -> bool:
    """Whether an archive says that it holds one: PyTorch's files are zip archives with a `data.pkl`."""
    if not (start.startswith(_ARCHIVES[:2]) or start[_TAR_MAGIC] == b"ustar"):
        return False
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _START))
        end = stream.read(_START)
    return any(suffix.encode() in start + end for suffix in (".pkl", ".pickle", ".pt", ".bin"))


def _text(path: Path, filepath: str) -> str:
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise _refused(f"{filepath} is not UTF-8 text") from error
    if "\0" in text:
        raise _refused(f"{filepath} is not text")
    return text


def _check_profiles(path: Path, filepath: str) -> None:
    try:
        msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, object]])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise _refused(f"{filepath} is not a JSON object of engines with their options") from error


def _configured(path: Path, filepath: str) -> Iterator[str]:
    """The templates of a `tokenizer_config.json`: one, or several with names."""
    try:
        said = msgspec.json.decode(path.read_bytes(), type=dict[str, object]).get("chat_template")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(f"{filepath} is not a JSON object") from error
    several = said if isinstance(said, list) else [said]
    for each in several:
        text = each.get("template") if isinstance(each, dict) else each
        if isinstance(text, str):
            yield text


def _refused(why: str) -> PackageError:
    return PackageError(
        why, code="package_format_refused", hint="a package has weights as GGUF or safetensors, and plain texts"
    )
