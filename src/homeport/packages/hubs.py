"""The hubs that this machine trusts, in one file of the state folder."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path

import msgspec

from homeport.core.errors import PackageError, StorageError
from homeport.packages.hub import check_hub_name
from homeport.packages.hub_exchange import Hub
from homeport.packages.keys import read_public_key
from homeport.packages.reference import parse_reference
from homeport.packages.signing import TrustedKey
from homeport.packages.staging import locked

_MAX_BYTES = 1024 * 1024


class _Key(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    public_key: str
    valid_until: date | None = None


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    reference: str
    keys: tuple[_Key, ...]
    serial: int = 0
    seen: str = ""


class Hubs:
    """Reads and writes the file. Every method raises StorageError: hubs_unreadable."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> tuple[Hub, ...]:
        """Every hub, by name."""
        try:
            with self._path.open("rb") as file:
                data = file.read(_MAX_BYTES)
            return tuple(map(_hub, msgspec.json.decode(data, type=tuple[_Kept, ...])))
        except FileNotFoundError:
            return ()
        except (msgspec.MsgspecError, UnicodeError, PackageError) as error:
            raise StorageError(
                f"{self._path} cannot be read",
                code="hubs_unreadable",
                hint="move it away, and add the hubs again with homeport hub add",
            ) from error

    def get(self, name: str) -> Hub:
        """The hub of a name.

        Raises:
            PackageError: hub_unknown.
        """
        for hub in self.all():
            if hub.name == name:
                return hub
        raise PackageError(
            f"no hub is called {name[:80]!a}",
            code="hub_unknown",
            hint="homeport hub list; homeport hub add trusts one",
        )

    def put(self, hub: Hub) -> None:
        """Keep a hub, in the place of one of its name."""
        check_hub_name(hub.name)
        with self._locked():
            rest = [each for each in self.all() if each.name != hub.name]
            self._write([*rest, hub])

    def note(self, hub: Hub) -> None:
        """Keep the newest index that was seen; an older one does not take its place."""
        with self._locked():
            self._write([_newer(each, hub) for each in self.all()])

    def remove(self, name: str) -> None:
        """Trust a hub no longer. Raises PackageError: hub_unknown."""
        with self._locked():
            gone = self.get(name)
            self._write([each for each in self.all() if each.name != gone.name])

    def _locked(self) -> AbstractContextManager[None]:
        return locked(self._path.with_name(f".{self._path.name}.lock"))

    def _write(self, hubs: Sequence[Hub]) -> None:
        kept = [_plain(hub) for hub in sorted(hubs, key=lambda each: each.name)]
        draft = self._path.with_name(f".{self._path.name}.new")
        draft.write_bytes(msgspec.json.encode(kept))
        draft.replace(self._path)


def _newer(kept: Hub, seen: Hub) -> Hub:
    newer = kept.name == seen.name and kept.place == seen.place and seen.serial > kept.serial
    return msgspec.structs.replace(kept, serial=seen.serial, seen=seen.seen) if newer else kept


def _hub(kept: _Kept) -> Hub:
    keys = tuple(
        TrustedKey(name=key.name, key=read_public_key(key.public_key), valid_until=key.valid_until) for key in kept.keys
    )
    return Hub(name=kept.name, place=parse_reference(kept.reference), keys=keys, serial=kept.serial, seen=kept.seen)


def _plain(hub: Hub) -> _Kept:
    keys = tuple(_Key(name=key.name, public_key=key.key.line, valid_until=key.valid_until) for key in hub.keys)
    return _Kept(name=hub.name, reference=str(hub.place), keys=keys, serial=hub.serial, seen=hub.seen)
