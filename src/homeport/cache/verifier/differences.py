"""In what two texts differ that no rule could bring together: a code, for people and to spare the judge."""

from collections import Counter
from collections.abc import Sequence

from homeport.cache.verifier.lexicon import Lexicon
from homeport.cache.verifier.words import is_number

_KINDS = ("negations", "comparing", "pronouns", "times", "modals", "asking")
"""Lists of words of which one text may not have another than the other, by the name of the list."""


def difference(one: Sequence[str], other: Sequence[str], lexicon: Lexicon) -> str:
    """What speaks against both being the same: a stable code, or "" where only the choice of words differs."""
    mine, yours = Counter(word.lower() for word in one), Counter(word.lower() for word in other)
    if mine == yours:
        return "order"
    apart = (mine - yours) + (yours - mine)
    if any(map(is_number, apart)):
        return "number"
    if any(word[0].isupper() and word.lower() in apart for word in (*one, *other)):
        return "name"
    for kind in _KINDS:
        if not lexicon.lists[kind].isdisjoint(apart):
            return kind
    if any(lexicon.opposite.get(word) in apart for word in apart):
        return "opposite"
    return "word" if len(one) == len(other) and apart.total() == 2 else ""
