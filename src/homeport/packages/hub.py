"""The index of a hub: packages that somebody stands for, by the trade they are for.

Pure: what an index says, and what a change makes of it. It is one JSON document, signed as it is;
docs/reference/hub.md has its schema. An index is somebody else's, so every text in it is bounded and printable.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from homeport.core.errors import PackageError
from homeport.packages.base import check_name
from homeport.packages.digest import parse_digest
from homeport.packages.manifest import MAX_DOCUMENT_BYTES
from homeport.packages.reference import Reference, parse_reference

INDEX_TYPE: Final = "application/vnd.dev.homeport.hub.index.v1+json"
"""Media type of an index, and the artifact type of the manifest that it lies under."""

_SCHEMA = 1
_MAX_ENTRIES = 5_000
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?", re.ASCII)
_VERTICAL = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)

_Text = Annotated[str, Meta(max_length=256)]
_Long = Annotated[str, Meta(max_length=1000)]
_Share = Annotated[float, Meta(ge=0, le=1)]
_Count = Annotated[int, Meta(ge=0, le=1 << 53)]


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """What a package's own evaluation suite gave: `hits` of `of` cases, with the 95 % interval of the share."""

    engine: _Text
    hits: _Count
    of: _Count
    low: _Share
    high: _Share


class HubEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a package.

    Attributes:
        vertical: the trade it is for: legal, medical, coding, support, general, or another word.
        digest: of its manifest; it is what is pulled, whatever the tag of `reference` names by then.
        reference: where it lies, as `host/repository:tag@digest`.
        size: of all its files, in bytes.
        signers: ids of the keys that signed it.
        published: RFC 3339 time by the publisher's clock.
    """

    name: _Text
    version: _Text
    vertical: _Text
    digest: _Text
    reference: _Long
    size: _Count
    published: _Text
    licenses: Annotated[tuple[_Text, ...], Meta(max_length=16)] = ()
    description: _Long = ""
    score: Score | None = None
    signers: Annotated[tuple[_Text, ...], Meta(max_length=32)] = ()

    @property
    def place(self) -> Reference:
        """Where it is pulled from: by its digest alone."""
        return msgspec.structs.replace(parse_reference(self.reference), tag="", digest=parse_digest(self.digest))


class HubIndex(msgspec.Struct, frozen=True, kw_only=True):
    """What a hub offers.

    Attributes:
        hub: the hub's name, so that one hub's index never passes as another's.
        serial: counts its changes; an older index never takes the place of a newer one.
        previous: digest of the manifest of the index before it; "" for the first.
    """

    hub: _Text
    serial: _Count
    entries: Annotated[tuple[HubEntry, ...], Meta(max_length=_MAX_ENTRIES)] = ()
    previous: _Text = ""
    schema: int = _SCHEMA


def check_hub_name(name: str) -> None:
    """Raises PackageError: hub_name_invalid."""
    if not _NAME.fullmatch(name):
        raise PackageError(
            f"{name[:80]!a} cannot be the name of a hub",
            code="hub_name_invalid",
            hint="use up to 63 of a-z, 0-9, '.' and '-'",
        )


def encode_index(index: HubIndex) -> bytes:
    """The bytes of an index, in which its entries are sorted."""
    entries = tuple(sorted(index.entries, key=lambda entry: (entry.name, entry.version)))
    data = msgspec.json.encode(msgspec.structs.replace(index, entries=entries), order="sorted")
    if len(data) > MAX_DOCUMENT_BYTES:
        raise _invalid("it would be larger than 4 MiB")
    return data


def decode_index(data: bytes) -> HubIndex:
    """Read an index.

    Raises:
        PackageError: hub_index_invalid.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise _invalid("it is larger than 4 MiB")
    try:
        index = msgspec.json.decode(data, type=HubIndex)
        check_hub_name(index.hub)
        for entry in index.entries:
            check_entry(entry)
    except PackageError as error:
        raise _invalid(error.message) from error
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _invalid(ascii(str(error))[:200]) from error
    if index.schema != _SCHEMA:
        raise _invalid(f"its schema is {index.schema}, and this Homeport reads {_SCHEMA}")
    if len({(entry.name, entry.version) for entry in index.entries}) != len(index.entries):
        raise _invalid("it has one version of a package twice")
    return index


def check_entry(entry: HubEntry) -> None:
    """Refuse an entry that nobody could use, or that would play with a terminal.

    Raises:
        PackageError: hub_entry_invalid, package_name_invalid, package_reference_invalid or package_digest_invalid.
    """
    check_name(entry.name)
    where = parse_reference(entry.reference)
    texts = (entry.version, entry.description, entry.published, *entry.licenses, *entry.signers)
    score = entry.score
    fits = _VERTICAL.fullmatch(entry.vertical) and entry.version and all(text.isprintable() for text in texts)
    counted = score is None or (score.hits <= score.of and score.low <= score.high and score.engine.isprintable())
    if not fits or not counted or where.digest not in {None, entry.digest}:
        raise PackageError(
            f"what is said of {entry.name} cannot be in an index",
            code="hub_entry_invalid",
            hint="the vertical is one word such as legal; texts have no control characters",
        )
    parse_digest(entry.digest)


def with_entry(index: HubIndex, entry: HubEntry, previous: str) -> HubIndex:
    """The index after `index`, with one entry more; one of the same package and version gives way.

    Args:
        previous: digest of the manifest of `index`, or "".
    """
    check_entry(entry)
    rest = tuple(each for each in index.entries if (each.name, each.version) != (entry.name, entry.version))
    return msgspec.structs.replace(index, serial=index.serial + 1, previous=previous, entries=(*rest, entry))


def search(index: HubIndex, words: Sequence[str], vertical: str = "") -> tuple[HubEntry, ...]:
    """The entries that have every word somewhere, in any case; the newest of each package first."""
    wanted = [word.casefold() for word in words]
    found = [
        entry
        for entry in index.entries
        if vertical in {"", entry.vertical} and all(word in _words(entry) for word in wanted)
    ]
    return tuple(sorted(sorted(found, key=lambda entry: entry.published, reverse=True), key=lambda entry: entry.name))


def choose(index: HubIndex, wanted: str) -> HubEntry:
    """The entry of `name:version`, or the one of `name` that was published last.

    Raises:
        PackageError: hub_package_unknown.
    """
    name, _, version = wanted.partition(":")
    found = [entry for entry in index.entries if entry.name == name and version in {"", entry.version}]
    if not found:
        raise PackageError(
            f"the hub {index.hub} has no package {wanted[:80]!a}",
            code="hub_package_unknown",
            hint="homeport hub search",
        )
    return max(found, key=lambda entry: entry.published)


def _words(entry: HubEntry) -> str:
    return " ".join((entry.name, entry.version, entry.vertical, entry.description, *entry.licenses)).casefold()


def _invalid(why: str) -> PackageError:
    return PackageError(
        f"the index of the hub cannot be read: {why}",
        code="hub_index_invalid",
        hint="tell whoever publishes the hub",
    )
