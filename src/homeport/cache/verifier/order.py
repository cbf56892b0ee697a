"""Other orders of the same words that say the same: a part that is moved to the front, and what is joined by "and"."""

from collections import Counter
from collections.abc import Sequence

from homeport.cache.verifier.lexicon import Lexicon

_LONGEST = 4
"""Words of a part that is joined to another."""


def same_order(one: Sequence[str], other: Sequence[str], lexicon: Lexicon, *, roles: bool) -> bool:
    """Both say the same although their order is another.

    Args:
        roles: parts that are joined may be swapped too.
    """
    mine, yours = [word.lower() for word in one], [word.lower() for word in other]
    if len(mine) != len(yours) or Counter(mine) != Counter(yours):
        return False
    start, end = _apart(mine, yours)
    before, after = mine[:start], mine[end:]
    left, right = mine[start:end], yours[start:end]
    if _is_moved(left, right, lexicon) or _is_moved(right, left, lexicon):
        return True
    return roles and _is_swapped(left, right, before[-1:], after[:1], mine, lexicon)


def _apart(one: Sequence[str], other: Sequence[str]) -> tuple[int, int]:
    """Where the part begins and ends that is not the same."""
    start, end = 0, len(one)
    while start < end and one[start] == other[start]:
        start += 1
    while end > start and one[end - 1] == other[end - 1]:
        end -= 1
    return start, end


def _is_moved(one: Sequence[str], other: Sequence[str], lexicon: Lexicon) -> bool:
    """The end of one, which says where or when, is the beginning of the other."""
    return any(
        one[at] in lexicon.lists["movable"]
        and one[0] in lexicon.lists["beginnings"]
        and [*one[at:], *one[:at]] == list(other)
        for at in range(1, len(one))
    )


def _is_swapped(
    one: Sequence[str],
    other: Sequence[str],
    before: Sequence[str],
    after: Sequence[str],
    all_: Sequence[str],
    lexicon: Lexicon,
) -> bool:
    """Both sides of "and", or of something that holds both ways, changed places; and they are whole parts."""
    lists = lexicon.lists
    if not lists["ordering"].isdisjoint(all_):
        return False
    for at in range(1, min(len(one) - 1, _LONGEST + 1)):
        for width in (1, 2, 3):
            joint, rest = " ".join(one[at : at + width]), one[at + width :]
            known = joint in lists["joints"] or joint.replace(" ", "_") in lists["both_ways"]
            if known and 0 < len(rest) <= _LONGEST and [*rest, *one[at : at + width], *one[:at]] == list(other):
                begins = not before or before[0] in lists["function"] or before[0] in lists["beginnings"]
                ends = not after or (begins and after[0] not in lists["movable"])
                return ends and (begins or joint in lists["joints"])
    return False
