"""Where the engines are: what `homeport up` tells the processes that answer requests, and what they tell it.

It writes one file, whole each time and with a higher serial. They look for it, adopt it, and say which serial they go
by now and which is the oldest that one of their requests still goes by. So `homeport up` knows when nobody can ask an
engine any more, also where a process dies or starts meanwhile.
"""

import contextlib
import os
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from homeport.config.home import Home
from homeport.core.errors import StorageError
from homeport.engines.base import Endpoint
from homeport.storage.presence import Presence

NOWHERE = (0, 0)
"""The stamp of no placement at all."""


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """Where all replicas are.

    Attributes:
        serial: higher than that of any placement before it.
        former: revisions that a pool answered with lately, by the engine's name.
    """

    serial: int = 0
    endpoints: Mapping[str, Endpoint] = {}
    former: Mapping[str, tuple[str, ...]] = {}


def write_placement(home: Home, placement: Placement) -> None:
    """Tell the processes that answer requests (the file holds the engines' tokens); whole or not at all.

    Raises:
        StorageError: run_state_unwritable; what was told before holds.
    """
    draft = home.engines.with_suffix(".draft")
    try:
        draft.unlink(missing_ok=True)
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.write(msgspec.json.encode(placement))
        draft.replace(home.engines)
    except OSError as error:
        raise StorageError(
            f"{home.engines} cannot be written: {error.strerror}",
            code="run_state_unwritable",
            hint="free disk space, or check the owner and mode of the state folder; then try again",
        ) from error


def read_placement(home: Home) -> Placement:
    """Where `homeport up` put the engines; nowhere while it does not run. Raises StorageError."""
    try:
        return msgspec.json.decode(home.engines.read_bytes(), type=Placement)
    except FileNotFoundError:
        return Placement()
    except (OSError, msgspec.MsgspecError) as error:  # such as too many open files
        raise StorageError(
            f"{home.engines} cannot be read: {error}",
            code="run_state_invalid",
            hint="stop homeport and start it again",
        ) from error


def read_endpoints(home: Home) -> Mapping[str, Endpoint]:
    """The endpoints of `read_placement`."""
    return read_placement(home).endpoints


def stamp(home: Home) -> tuple[int, int]:
    """Changes when the placement does; cheap."""
    try:
        found = home.engines.stat()
    except FileNotFoundError:
        return NOWHERE
    return found.st_mtime_ns, found.st_ino


class InUse:
    """What this process says of the placements that it goes by.

    Made before the first placement is read: from then on nobody stops an engine that it may know of.

    Raises:
        OSError: the folder `run` cannot be written.
    """

    def __init__(self, home: Home) -> None:
        self._adopted = Presence(home.engines_adopted)
        self._used = Presence(home.engines_used)
        self._adopted.say(0)
        self._used.say(0)
        self._turns = home.turns
        self._turns.mkdir(mode=0o700, exist_ok=True)
        self._turned: set[str] = set()
        self._holds: Counter[int] = Counter()

    def begin(self, serial: int) -> Callable[[], None]:
        """Requests go by this placement now; what is given back says that none does any more."""
        self._holds[serial] += 1
        self._say()
        self._adopted.say(serial)
        return lambda: self._end(serial)

    def turned(self, replica: str) -> None:
        """A conversation went on at a replica that drains."""
        self._turned.add(replica)

    def tell_turns(self, busy: Iterable[str] = ()) -> None:
        """Let `homeport up` know of the turns since the last time, and of replicas that are busy with one."""
        with contextlib.suppress(OSError):  # a full disk: these are told the next time
            for replica in {*self._turned, *busy}:
                turn_of(self._turns, replica).touch(mode=0o600)
            self._turned.clear()

    def close(self) -> None:
        for presence in (self._adopted, self._used):
            presence.__exit__()

    def _end(self, serial: int) -> None:
        self._holds[serial] -= 1
        self._say()

    def _say(self) -> None:
        self._used.say(min((serial for serial, holds in self._holds.items() if holds), default=0))


def turn_of(folder: Path, replica: str) -> Path:
    """The file whose time of change is that of the last turn at a replica that drains."""
    return folder / urllib.parse.quote(replica, safe="")
