"""What is new in prompts that are not as usual: figures for a person, and the prompts that show it."""

from collections.abc import Mapping, Sequence

import msgspec

from homeport.drift.prompt_usual import Moved, Usual
from homeport.drift.prompt_views import VIEWS, Album, mean_shares
from homeport.stats.arrays import Array, Vectors

MOST_EXAMPLES = 8
_LEAST_SHARE = 0.02
_MOST_SHARES = 4
_TELLING = 0.4
"""An example is new by at least so much of what the newest is."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that changed: what it is called, and how it was before and is now, with units."""

    name: str
    before: str
    now: str


def figures(album: Album, usual: Usual, number: int, moved: Moved, views: Sequence[str]) -> tuple[Figure, ...]:
    """Of the views that tell of a change, before and now."""
    return tuple(_figure(album, usual, number, float(moved.distances[VIEWS.index(view)]), view) for view in views)


def _figure(album: Album, usual: Usual, number: int, distance: float, view: str) -> Figure:
    import numpy as np

    seen, others = album.seen(number), [album.seen(other) for other in usual.numbers]
    column = usual.distances[:, VIEWS.index(view)]
    match view:
        case "topic" | "vocabulary":
            what = "what prompts speak of" if view == "topic" else "the words of prompts"
            return Figure(
                name=f"{what}, as a distance from the other days",
                before=f"{np.median(column):.2f} ({column.max():.2f} at most)",
                now=f"{distance:.2f}",
            )
        case "unfamiliar":
            share = float((album.nearness(number, usual.numbers) < usual.strange).mean())
            return Figure(
                name="prompts unlike any of other days", before=f"2 % ({column.max():.0%} at most)", now=f"{share:.0%}"
            )
        case "unknown words":
            return Figure(
                name="words that nobody used on other days",
                before=f"{np.median(column):.0%} ({column.max():.0%} at most)",
                now=f"{distance:.0%}",
            )
        case "length":
            before = np.median(np.concatenate([other.batch.octaves for other in others]))
            now = np.median(seen.batch.octaves)
            return Figure(name="length of a prompt, median", before=_characters(before), now=_characters(now))
        case "language":
            before_shares = mean_shares([other.languages for other in others])
            return Figure(name="languages", before=_told(before_shares), now=_told(seen.languages))
        case _:
            before_shares = mean_shares([other.forms for other in others])
            return Figure(name="formats", before=_told(before_shares), now=_told(seen.forms))


def _characters(octaves: float) -> str:
    return f"{2**octaves - 1:,.0f} characters"


def _told(found: Mapping[str, float]) -> str:
    """The largest shares."""
    largest = sorted(found.items(), key=lambda one: (-one[1], one[0]))[:_MOST_SHARES]
    return ", ".join(f"{name or 'not known'} {share:.0%}" for name, share in largest if share >= _LEAST_SHARE)


class Shown(msgspec.Struct, frozen=True):
    """Ids of prompts that are as the new ones and not as the usual ones are: some that are not all alike, and all."""

    examples: tuple[str, ...]
    every: tuple[str, ...]


def shown(album: Album, usual: Usual, new: Sequence[int], most: int = MOST_EXAMPLES) -> Shown:
    """What shows a change.

    By the witness function of maximum mean discrepancy (Gretton et al., JMLR 13, 2012): the mean kernel with the new
    prompts less that with the usual ones; one after the other, less what those chosen before show already.
    """
    import numpy as np

    batches = [album.seen(number).batch for number in new]
    ids = [name for batch in batches for name in batch.ids]
    vectors = np.concatenate([batch.vectors for batch in batches])
    witness = _mean_kernel(vectors, vectors, album.width) - np.mean(
        [_mean_kernel(vectors, album.seen(other).batch.vectors, album.width) for other in usual.numbers], axis=0
    )
    near = np.concatenate([album.nearness(number, usual.numbers) for number in new])
    worth = witness * np.where(near < usual.strange, 2.0, 1.0)
    best = float(worth.max())
    left = worth > max(0.0, _TELLING * best)
    every = tuple(name for name, is_new in zip(ids, left.tolist(), strict=True) if is_new)
    chosen: list[int] = []
    covered = np.zeros(len(ids))
    while left.any() and len(chosen) < most:
        chosen.append(int(np.argmax(np.where(left, worth - best * covered, -np.inf))))
        left[chosen[-1]] = False
        covered = np.maximum(covered, _mean_kernel(vectors, vectors[chosen[-1:]], album.width))
    return Shown(tuple(ids[one] for one in chosen), every)


def _mean_kernel(vectors: "Vectors", others: "Vectors", width: float) -> "Array":
    import numpy as np

    kernel: Array = np.exp((vectors @ others.T - 1) / (width * width)).mean(axis=1, dtype=float)
    return kernel
