"""What the jobs worker leaves for the gateways of its state folder: a file that is replaced whole, and grows stale."""

import contextlib
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec


class Published(Protocol):
    """Nothing of it is to be believed past `stale_at`, in nanoseconds since the epoch."""

    @property
    def stale_at(self) -> int: ...


Kind = TypeVar("Kind", bound=Published)


def publish(path: Path, value: Published) -> None:
    """Replace the file in one step, so that a reader never sees half of it. Raises OSError."""
    draft = path.with_suffix(".draft")
    draft.write_bytes(msgspec.json.encode(value))
    draft.replace(path)


def read_published(path: Path, kind: type[Kind], now: int) -> Kind | None:
    """What the file says; None where there is none, it is stale, or it cannot be read."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        value = msgspec.json.decode(path.read_bytes(), type=kind)
        return value if now < value.stale_at else None
    return None
