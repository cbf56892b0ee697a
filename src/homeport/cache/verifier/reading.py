"""What a text says, in words that do not depend on how it is said: at two depths, for each mode one."""

from collections.abc import Sequence

import msgspec

from homeport.cache.verifier.lexicon import Lexicon
from homeport.cache.verifier.reference import resolve
from homeport.cache.verifier.rewrites import load_rewrites, rewrite
from homeport.cache.verifier.words import read

_MARKS = frozenset((",", "."))


class Reading(msgspec.Struct, frozen=True):
    """A text that was understood as far as rules go.

    Attributes:
        text: without differences of case and white space.
        english: rules for English hold; else only the same words say the same.
        plain: the words, without what says nothing.
        form: `plain`, with ways to ask made one; names keep their capital.
        cased: as in `Words`.
    """

    text: str
    english: bool = False
    plain: tuple[str, ...] = ()
    form: tuple[str, ...] = ()
    cased: tuple[str, ...] = ()


class Reader:
    """Makes readings; the same text always gives the same."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._same = load_rewrites("same.txt", lexicon)
        self._rewrites = load_rewrites("rewrites.txt", lexicon)

    def read(self, text: str) -> Reading:
        words = read(text, self._lexicon)
        if words.verbatim or not words.all:
            return Reading(words.text)
        if not self._is_english(words.all):
            plain = tuple(word.lower() for word in words.all if word not in _MARKS)
            return Reading(words.text, plain=plain, cased=words.cased)
        said = rewrite(" " + " ".join(map(self._plain, words.all)) + " ", self._same)
        form = self._joined(resolve(self._bare(rewrite(said, self._rewrites)), self._lexicon))
        return Reading(words.text, True, self._bare(said), form, words.cased)

    def _plain(self, word: str) -> str:
        if word[0].isupper() and word != "I":
            return word
        lower = word.lower()
        singular = self._lexicon.singular(self._lexicon.spelling.get(lower, lower))
        return self._lexicon.spelling.get(singular, singular)

    def _is_english(self, words: Sequence[str]) -> bool:
        plain = [word for word in words if word.islower() or word == "I"]
        known = sum(self._knows(word.lower()) for word in plain)
        return 10 * known >= 7 * len(plain) and all(map(str.isascii, words))

    def _knows(self, word: str) -> bool:
        return self._lexicon.is_known(word) or self._lexicon.is_name(word) or word == "'s"

    def _bare(self, said: str) -> tuple[str, ...]:
        """The words without signs and articles."""
        words = [word for word in said.split() if word not in _MARKS]
        return tuple(word for at, word in enumerate(words) if not self._is_article(words, at))

    def _is_article(self, words: Sequence[str], at: int) -> bool:
        """It is one, and neither "vitamin A" nor "a few", which are not "vitamin" and "few"."""
        if words[at] not in ("a", "an"):
            return words[at] == "the"
        lists, after = self._lexicon.lists, words[at + 1 : at + 2]
        return bool(after) and (after[0] not in lists["function"] or after[0] in lists["after_article"])

    def _joined(self, words: Sequence[str]) -> tuple[str, ...]:
        """Words that count as one become one."""
        out: list[str] = []
        at = 0
        while at < len(words):
            phrase = self._phrase(words, at)
            out.append("_".join(phrase) if phrase else words[at])
            at += len(phrase) or 1
        return tuple(out)

    def _phrase(self, words: Sequence[str], at: int) -> tuple[str, ...]:
        for phrase in self._lexicon.phrases.get(words[at].lower(), ()):
            if tuple(word.lower() for word in words[at : at + len(phrase)]) == phrase:
                return phrase
        return ()
