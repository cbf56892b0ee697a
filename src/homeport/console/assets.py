"""Static files: those of one folder, read once, under addresses that name their content."""

from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files

import msgspec

KINDS = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


class StaticFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file, its media type, and a short name of its content."""

    kind: str
    data: bytes
    version: str


def read_assets() -> Mapping[str, StaticFile]:
    """By name; what a request asks for is looked up here and never opened."""
    found = {}
    for item in files("homeport.console").joinpath("static").iterdir():
        kind = KINDS.get(item.name.rpartition(".")[2])
        if kind is not None:
            data = item.read_bytes()
            found[item.name] = StaticFile(kind=kind, data=data, version=sha256(data).hexdigest()[:16])
    return found
