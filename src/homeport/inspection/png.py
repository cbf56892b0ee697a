"""Heat maps as PNG images, one pixel a value, with the colours of viridis (Smith and van der Walt, 2015)."""

import base64
import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ANCHORS = (
    (68, 1, 84),
    (72, 40, 120),
    (62, 74, 137),
    (49, 104, 142),
    (38, 130, 142),
    (31, 158, 137),
    (53, 183, 121),
    (110, 206, 88),
    (181, 222, 43),
    (253, 231, 37),
)
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def heat_map(values: "NDArray[np.floating]") -> bytes:
    """A PNG of a matrix whose values are from 0 (dark) to 1 (bright); what is no number is dark."""
    import numpy as np

    levels = np.clip(np.nan_to_num(values.astype(np.float32)), 0, 1) * 255
    pixels = np.rint(levels).astype(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)  # every row begins with its filter: none
    height, width = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", _palette()), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def data_url(image: bytes) -> str:
    """The image as a part of a page."""
    return "data:image/png;base64," + base64.b64encode(image).decode()


def _palette() -> bytes:
    import numpy as np

    at = np.linspace(0, len(_ANCHORS) - 1, 256)
    anchors = np.array(_ANCHORS, dtype=np.float64)
    channels = [np.interp(at, np.arange(len(_ANCHORS)), anchors[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8).tobytes()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
