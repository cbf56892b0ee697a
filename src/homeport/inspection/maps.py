"""Attention as pictures, and in words: where a head looks."""

from typing import TYPE_CHECKING

import msgspec

from homeport.inspection.findings import Inside
from homeport.inspection.heads import Head
from homeport.inspection.png import data_url, heat_map

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_BYTES = 6_000_000
_GAMMA = 0.5
"""Weights are shown by their square root, so that small ones are seen."""
EARLIER = -1


class HeadMap(msgspec.Struct, frozen=True, kw_only=True):
    """The picture of one head: a row for each position that looks, a column for each it looks at."""

    head: Head
    image: str


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A position that a head looks at, EARLIER for all before the window, and with which weight."""

    position: int
    weight: float


def head_maps(inside: Inside) -> tuple[HeadMap, ...]:
    """Of every head, of the layers for which there is room: evenly spaced where it is not enough for all."""
    import numpy as np

    attention = inside.attention
    layers, heads = attention.shape[:2]
    image = len(_picture(attention[0, 0]))
    room = max(1, _MOST_BYTES // max(1, 2 * image * heads))
    chosen = sorted({round(at) for at in np.linspace(0, layers - 1, min(room, layers))})
    return tuple(
        HeadMap(head=Head(layer, head), image=_picture(attention[layer, head]))
        for layer in chosen
        for head in range(heads)
    )


def map_of(inside: Inside, head: Head) -> HeadMap:
    return HeadMap(head=head, image=_picture(inside.attention[head.layer, head.head]))


def has_head(inside: Inside, head: Head) -> bool:
    model = inside.findings.model
    return head.layer < model.layers and head.head < model.heads


def busiest_head(inside: Inside) -> Head:
    """The head that looks hardest at something other than the beginning or itself, where the answer begins."""
    import numpy as np

    row = _row(inside, inside.findings.first_answer - 1)
    seen = inside.attention[:, :, row, 1:].astype(np.float32)
    seen[:, :, 0] = 0
    seen[:, :, row] = 0
    layer, head = np.unravel_index(int(seen.max(-1).argmax()), seen.shape[:2])
    return Head(int(layer), int(head))


def links(inside: Inside, head: Head, position: int, most: int = 3) -> tuple[Link, ...]:
    """What a head looks at most from a position, the strongest first; empty where that was not kept."""
    import numpy as np

    start = inside.findings.window_start
    if position < start:
        return ()
    row = inside.attention[head.layer, head.head, position - start].astype(np.float64)
    order = np.argsort(-row, kind="stable")[:most]
    found = [Link(position=start + int(at) - 1 if at else EARLIER, weight=float(row[at])) for at in order]
    return tuple(link for link in found if link.weight > 0)


def _row(inside: Inside, position: int) -> int:
    return max(0, position - inside.findings.window_start)


def _picture(weights: "NDArray[np.float16]") -> str:
    import numpy as np

    return data_url(heat_map(weights.astype(np.float32) ** _GAMMA))
