"""Heat maps are right PNG images."""

import struct
import zlib

import numpy as np
import pytest

from homeport.inspection.png import data_url, heat_map


def chunks(image: bytes) -> dict[bytes, bytes]:
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = {}, 8
    while at < len(image):
        (size,) = struct.unpack(">I", image[at : at + 4])
        kind, data = image[at + 4 : at + 8], image[at + 8 : at + 8 + size]
        assert struct.unpack(">I", image[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + data)
        found[kind] = data
        at += 12 + size
    return found


def test_every_value_is_a_pixel() -> None:
    parts = chunks(heat_map(np.array([[0.0, 0.5, 1.0], [1.0, 0.0, 0.25]])))
    assert struct.unpack(">IIBB", parts[b"IHDR"][:10]) == (3, 2, 8, 3)
    assert zlib.decompress(parts[b"IDAT"]) == bytes([0, 0, 128, 255, 0, 255, 0, 64])
    assert len(parts[b"PLTE"]) == 768


def test_the_palette_goes_from_dark_to_bright() -> None:
    palette = chunks(heat_map(np.zeros((1, 1))))[b"PLTE"]
    brightness = [sum(palette[at : at + 3]) for at in range(0, 768, 3)]
    assert brightness[0] < brightness[128] < brightness[255]


@pytest.mark.parametrize("value", [np.nan, -1.0, np.inf, -np.inf, 2.0])
def test_what_is_no_share_is_drawn_all_the_same(value: float) -> None:
    (pixel,) = zlib.decompress(chunks(heat_map(np.array([[value]])))[b"IDAT"])[1:]
    assert pixel in (0, 255)


def test_it_goes_into_a_page() -> None:
    assert data_url(b"abc") == "data:image/png;base64,YWJj"
