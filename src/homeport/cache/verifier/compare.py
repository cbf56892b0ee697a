"""Two rows of words, word by word: are they the same, misspelt, or do they mean the same?"""

from collections.abc import Sequence

from homeport.cache.verifier.lexicon import Lexicon
from homeport.cache.verifier.words import is_number

_LONG = 8
"""Letters from which on two mistakes in a word are forgiven."""


def same_words(one: Sequence[str], other: Sequence[str], lexicon: Lexicon, *, synonyms: bool) -> bool:
    """Both have the same words in the same order, but for mistakes in typing."""
    return len(one) == len(other) and all(
        same_word(mine, yours, lexicon, synonyms=synonyms) for mine, yours in zip(one, other, strict=True)
    )


def same_word(one: str, other: str, lexicon: Lexicon, *, synonyms: bool) -> bool:
    mine, yours = one.lower(), other.lower()
    if mine == yours:
        return True
    if is_number(mine) or is_number(yours):
        return False
    if synonyms and lexicon.are_same(mine, yours):
        return True
    return is_misspelt(one, other, lexicon)


def is_misspelt(one: str, other: str, lexicon: Lexicon) -> bool:
    """One is a word and the other is that word with a mistake: never two words, and never a name."""
    if lexicon.is_known(one) == lexicon.is_known(other):
        return False
    word, wrong = (one, other) if lexicon.is_known(one) else (other, one)
    if not word.isalpha() or not wrong.isalpha() or wrong[0].isupper() or lexicon.is_name(wrong):
        return False
    if wrong[0] != word[0] and wrong[:2] != word[1::-1]:
        return False
    if len(word) == len(wrong) and not _slipped(word, wrong, lexicon):
        return False
    if _begin_apart(word, wrong, lexicon):
        return False
    length = min(len(word), len(wrong))
    if length < 4 and sorted(word) != sorted(wrong):
        return False
    if len(word) == len(wrong) and word[:-1] == wrong[:-1]:
        return False  # a last letter changes what a word is: payer, payed
    return distance(word, wrong, 2) <= (2 if length >= _LONG else 1)


def _begin_apart(one: str, other: str, lexicon: Lexicon) -> bool:
    """Their beginnings say the opposite: hypothermia, hyperthermia; typical, atypical."""
    for pair in lexicon.lists["other_beginnings"]:
        left, _, right = pair.partition("/")
        if (one.startswith(left) and other.startswith(right)) or (one.startswith(right) and other.startswith(left)):
            return True
    short, long = sorted((one, other), key=len)
    return long.endswith(short) and long.removesuffix(short) in lexicon.lists["negating"]


def _slipped(word: str, wrong: str, lexicon: Lexicon) -> bool:
    """Letters that were changed are vowels, sound alike or are next to each other on a keyboard.

    Other letters make other words: abduction, adduction.
    """
    changed = [(one, other) for one, other in zip(word, wrong, strict=True) if one != other]
    if len(changed) == 2 and changed[0] == changed[1][::-1]:
        return True
    return all(any(one in near and other in near for near in lexicon.lists["near_letters"]) for one, other in changed)


def distance(one: str, other: str, most: int) -> int:
    """Letters to add, leave out, change or swap with the next; above `most` only that it is above.

    Source: Damerau, "A technique for computer detection and correction of spelling errors" (CACM 7, 1964), in the
    form that changes no letter twice.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        now = [row]
        for column, yours in enumerate(other, 1):
            cost = min(last[column] + 1, now[-1] + 1, last[column - 1] + (letter != yours))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == yours:
                cost = min(cost, before[column - 2] + 1)
            now.append(cost)
        before, last = last, now
    return last[-1]
