"""What changed between two packages: files by their role, and what the packages say of themselves."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import msgspec

from homeport.packages.base import FileRole, PackageFile, StoredPackage
from homeport.packages.contents import Contents

_MAX_READ = 1024 * 1024
_MAX_LINES = 40
_MAX_CASES = 20
_LINED = frozenset({FileRole.TEMPLATE, FileRole.PROMPT, FileRole.PROFILES})


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not the same.

    Attributes:
        part: a role of files, or what the package says of itself: licences, version, ...
        what: added, removed, renamed or changed.
        name: the file's path, or "".
        before, after: values, or digests of files; "" where there is none.
        detail: what changed inside, line by line, where that can be told.
    """

    part: str
    what: str
    name: str = ""
    before: str = ""
    after: str = ""
    detail: tuple[str, ...] = ()


def compare(before: Contents, after: Contents) -> tuple[Change, ...]:
    """Every difference; empty for two packages with one digest. Their files must have been verified."""
    said = list(_said(before, after))
    return (*said, *_files(before.package, after.package))


def _said(before: Contents, after: Contents) -> Iterator[Change]:
    ours, theirs = _facts(before), _facts(after)
    for part, value in ours.items():
        if value != theirs[part]:
            yield Change(part=part, what="changed", before=value, after=theirs[part])


def _facts(contents: Contents) -> Mapping[str, str]:
    package, config = contents.package, contents.config
    return {
        "name": package.name,
        "version": package.version,
        "description": package.description,
        "licences": ", ".join(package.licenses),
        "vertical": package.vertical,
        "architecture": config.config.architecture,
        "format": config.config.format,
        "quantization": config.config.quantization,
        "parameters": config.config.param_size,
        "context": str(package.context_length or ""),
        "base": package.lineage.base,
        "dataset": package.lineage.dataset,
        "training run": package.lineage.run,
        "source": package.source,
    }


def _files(before: StoredPackage, after: StoredPackage) -> Iterator[Change]:
    ours = {(file.role, file.filepath): file for file in before.files}
    theirs = {(file.role, file.filepath): file for file in after.files}
    gone = [file for key, file in ours.items() if key not in theirs]
    new = [file for key, file in theirs.items() if key not in ours]
    for key, file in ours.items():
        if key in theirs and theirs[key].digest != file.digest:
            yield _changed(file, theirs[key])
    for file in gone:
        moved = next((each for each in new if (each.role, each.digest) == (file.role, file.digest)), None)
        if moved is None:
            yield Change(part=file.role, what="removed", name=file.filepath, before=file.digest)
        else:
            new.remove(moved)
            yield Change(
                part=file.role, what="renamed", name=moved.filepath, before=file.filepath, after=moved.filepath
            )
    for file in new:
        yield Change(part=file.role, what="added", name=file.filepath, after=file.digest)


def _changed(before: PackageFile, after: PackageFile) -> Change:
    return Change(
        part=before.role,
        what="changed",
        name=before.filepath,
        before=before.digest,
        after=after.digest,
        detail=tuple(_detail(before, after)),
    )


def _detail(before: PackageFile, after: PackageFile) -> Iterator[str]:
    if before.role in _LINED:
        yield from _lines(_read(before), _read(after))
    elif before.role is FileRole.SUITE and PurePosixPath(before.filepath).suffix == ".json":
        yield from _scores(_read(before), _read(after))
    elif before.role is FileRole.SUITE:
        yield from _cases(_read(before), _read(after))
    else:
        yield f"{before.size} bytes before, {after.size} after"


def _read(file: PackageFile) -> str:
    with file.path.open("rb") as stream:
        return stream.read(_MAX_READ).decode(errors="replace")


def _lines(before: str, after: str) -> Sequence[str]:
    lines = list(difflib.unified_diff(before.splitlines()[:2000], after.splitlines()[:2000], lineterm="", n=0))[2:]
    return [*lines[:_MAX_LINES], *(["..."] if len(lines) > _MAX_LINES else [])]


def _cases(before: str, after: str) -> Iterator[str]:
    """Which cases of a suite are new, gone or different."""
    ours, theirs = _by_id(before), _by_id(after)
    groups = (
        ("new", theirs.keys() - ours.keys()),
        ("gone", ours.keys() - theirs.keys()),
        ("different", {key for key in ours.keys() & theirs.keys() if ours[key] != theirs[key]}),
    )
    for word, ids in groups:
        if ids:
            shown = ", ".join(sorted(ids)[:_MAX_CASES])
            yield f"{len(ids)} {word}: {shown}{', ...' if len(ids) > _MAX_CASES else ''}"


def _by_id(suite: str) -> dict[str, object]:
    rows = (_json(line) for line in suite.splitlines())
    return {str(row["id"])[:80]: row for row in rows if isinstance(row, dict) and "id" in row}


def _scores(before: str, after: str) -> Iterator[str]:
    """How recorded scores moved, for each engine."""
    ours, theirs = _by_engine(before), _by_engine(after)
    for engine in sorted(ours.keys() | theirs.keys()):
        if ours.get(engine) != theirs.get(engine):
            yield f"{engine}: {ours.get(engine, 'nothing')} before, {theirs.get(engine, 'nothing')} after"


def _by_engine(results: str) -> dict[str, str]:
    found = _json(results)
    runs = found.get("runs") if isinstance(found, dict) else None
    scores: dict[str, str] = {}
    for run in runs if isinstance(runs, list) else []:
        try:
            scores[str(run["build"]["name"])[:80]] = f"{int(run['score']['hits'])} of {int(run['score']['of'])}"
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
    return scores


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return None
