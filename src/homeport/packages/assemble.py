"""From a recipe to a package: fetch what comes from elsewhere, take what lies beside the recipe, and freeze it."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from homeport.core.errors import PackageError
from homeport.packages.access import NO_ACCESS, Access
from homeport.packages.base import FileRole, PackageSpec, Progress, SourceFile, StoredPackage
from homeport.packages.layout import Store
from homeport.packages.pull import held_of
from homeport.packages.recipe import Recipe, SourceSettings, read_recipe
from homeport.packages.sources.base import source_of
from homeport.packages.sources.oci import TAKEN, seconds_of

PROFILES_PATH = "homeport/engines.json"
"""Where the options of engines lie inside a package."""

_MAX_LOCAL_BYTES = 64 * 1024 * 1024


class _Work(msgspec.Struct, frozen=True):
    """What building a package goes by; `beside` is the recipe's folder."""

    store: Store
    recipe: Recipe
    beside: Path
    access: Access
    progress: Progress


def build_recipe(
    store: Store, path: Path, progress: Progress, *, access: Access = NO_ACCESS, replace: bool = False
) -> StoredPackage:
    """Build the package of a recipe into the store. The same recipe and files give the same digest.

    It waits there until it is used; the first version of a name is the one in use.

    Args:
        access: how sources that are not public are reached; no part of the package.
        replace: a version of the same name with other content gives way.

    Raises:
        PackageError: package_recipe_missing, package_recipe_invalid, package_version_taken, package_files_invalid,
            what the sources raise, and what the content of a file is refused for; the store is as before.
    """
    recipe = read_recipe(path)
    work = _Work(store, recipe, path.parent, access, progress)
    with store.staging() as folder:
        spec = _spec(work, recipe.weights or recipe.adapters[0])
        # What lies beside the recipe comes first: nobody fetches weights to learn of a slip in a file's name.
        beside = tuple(_beside(work, folder / "local"))
        return store.add(spec, (*_weights(work, folder), *beside), recipe.facts, use=False, replace=replace)


def _spec(work: _Work, source: SourceSettings) -> PackageSpec:
    return PackageSpec(
        name=work.recipe.name, source=source.source, sha256=source.sha256, file=source.file, access=work.access
    )


def _weights(work: _Work, folder: Path) -> Iterator[SourceFile]:
    recipe = work.recipe
    if recipe.weights is not None:
        yield from _fetched(work, recipe.weights, folder / "weights")
    for number, adapter in enumerate(recipe.adapters):
        for file in _fetched(work, adapter, folder / f"adapter-{number}"):
            if file.role is FileRole.WEIGHTS:
                yield msgspec.structs.replace(file, role=FileRole.ADAPTER)


def _beside(work: _Work, folder: Path) -> Iterator[SourceFile]:
    folder.mkdir()
    for number, (role, name) in enumerate(_local(work.recipe)):
        yield _taken(work.beside, name, role, folder / str(number))
    if isinstance(work.recipe.profiles, dict):
        yield _profiles(work.recipe.profiles, folder / "profiles")


def _fetched(work: _Work, source: SourceSettings, into: Path) -> tuple[SourceFile, ...]:
    spec = _spec(work, source)
    held = held_of(work.store, spec, work.progress)
    if held is not None:
        return _of_held(work.store, held)
    into.mkdir()
    if "://" not in spec.source:
        spec = msgspec.structs.replace(spec, source=str(work.beside.resolve() / spec.source))
    return source_of(spec).fetch(spec, into, work.progress)


def _of_held(store: Store, held: StoredPackage) -> tuple[SourceFile, ...]:
    """The files of a package that was pulled from the very source: those that its source would give again."""
    contents = store.read(f"{held.name}@{held.digest}")
    assert contents is not None, "it was verified a moment ago"
    made = seconds_of(contents.config.descriptor.created_at)
    return tuple(
        SourceFile(path=file.path, filepath=file.filepath, role=file.role, modified=made, version=held.version)
        for file in held.files
        if file.role in TAKEN
    )


def _local(recipe: Recipe) -> Iterator[tuple[FileRole, str]]:
    groups = (
        (FileRole.TOKENIZER, recipe.tokenizer),
        (FileRole.TEMPLATE, (recipe.template,)),
        (FileRole.PROFILES, (recipe.profiles,)),
        (FileRole.PROMPT, recipe.prompts),
        (FileRole.SUITE, recipe.suite),
        (FileRole.DOC, (recipe.card, *recipe.docs)),
    )
    for role, names in groups:
        for name in names:
            if isinstance(name, str):
                yield role, name


def _taken(beside: Path, name: str, role: FileRole, target: Path) -> SourceFile:
    """A copy of a file beside the recipe; a link may not lead out of its folder."""
    path = Path(os.path.realpath(beside / name))  # unlike resolve, it leaves a circle of links to the opening
    if not path.is_relative_to(beside.resolve()):
        raise _unusable(name, "it leads out of the recipe's folder", "package_path_unsafe")
    data = _read(path, name)
    target.write_bytes(data)
    filepath = PROFILES_PATH if role is FileRole.PROFILES else name
    return SourceFile(path=target, filepath=filepath, role=role, modified=0)


def _read(path: Path, name: str) -> bytes:
    try:
        # Without O_NONBLOCK, opening a pipe would wait for its writer.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _unusable(name, "it is not a plain file", "package_path_unsafe")
            data = file.read(_MAX_LOCAL_BYTES + 1)
    except OSError as error:
        code = "package_path_unsafe" if error.errno in {errno.ELOOP, errno.EISDIR} else "package_not_found"
        raise _unusable(name, os.strerror(error.errno or 0), code) from error
    if len(data) > _MAX_LOCAL_BYTES:
        raise _unusable(name, "it is larger than 64 MiB", "package_too_large")
    return data


def _profiles(profiles: dict[str, object], target: Path) -> SourceFile:
    target.write_bytes(msgspec.json.format(msgspec.json.encode(profiles, order="sorted"), indent=2) + b"\n")
    return SourceFile(path=target, filepath=PROFILES_PATH, role=FileRole.PROFILES, modified=0)


def _unusable(name: str, why: str, code: str) -> PackageError:
    return PackageError(f"the file {name[:200]} of the recipe cannot be used: {why}", code=code, hint="see the recipe")
