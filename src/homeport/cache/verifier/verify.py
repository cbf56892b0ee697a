"""The last word on whether a kept answer may be given: only where what is asked is proven to be the same."""

from functools import lru_cache

import msgspec

from homeport.cache.verifier import lexicon as words
from homeport.cache.verifier.compare import same_words
from homeport.cache.verifier.differences import difference
from homeport.cache.verifier.order import same_order
from homeport.cache.verifier.reading import Reader, Reading
from homeport.core.caching import Mode

SAME_COSINE = 0.6
"""Below it nothing is served, whatever the words say."""

SYNONYM_COSINE = 0.7
"""The same for words that mean the same."""

DOUBTFUL_COSINE = 0.8
"""Texts that are less alike than that are not worth asking a judge about."""

_REMEMBERED = 4_096


class Ruling(msgspec.Struct, frozen=True):
    """What was decided about a pair of texts.

    Attributes:
        same: the kept answer may be given.
        reason: why, or why not; a stable code.
        doubtful: no rule speaks against it, so that a judge may find it the same.
    """

    same: bool
    reason: str
    doubtful: bool = False


class Verifier:
    """Compares what is asked with what was answered. Its memory of readings changes no ruling."""

    def __init__(self) -> None:
        self._lexicon = words.load()
        self._read = lru_cache(_REMEMBERED)(Reader(self._lexicon).read)

    def rule(self, asked: str, kept: str, cosine: float, mode: Mode) -> Ruling:
        """Whether the answer to `kept` answers `asked`. Never raises.

        Args:
            cosine: of the vectors of both texts.
        """
        if mode is Mode.OFF:
            return Ruling(False, "off")
        if asked == kept:
            return Ruling(True, "identical")
        if cosine < SAME_COSINE:
            return Ruling(False, "far")
        one, other = self._read(asked), self._read(kept)
        if one.cased != other.cased:
            return Ruling(False, "case")
        if one.text == other.text:
            return Ruling(True, "same_text")
        if not one.plain or not other.plain:
            return Ruling(False, "verbatim")
        if one.english != other.english or not one.english:
            return Ruling(one.plain == other.plain, "same_words" if one.plain == other.plain else "other_words")
        return self._english(one, other, cosine, mode)

    def _english(self, one: Reading, other: Reading, cosine: float, mode: Mode) -> Ruling:
        if same_words(one.plain, other.plain, self._lexicon, synonyms=False):
            return Ruling(True, "same_words")
        if same_order(one.plain, other.plain, self._lexicon, roles=False):
            return Ruling(True, "same_order")
        if mode is Mode.STRICT:
            return Ruling(False, "other_words")
        if cosine >= SYNONYM_COSINE and same_words(one.form, other.form, self._lexicon, synonyms=True):
            return Ruling(True, "same_meaning")
        if same_order(one.form, other.form, self._lexicon, roles=True):
            return Ruling(True, "same_order")
        reason = difference(one.form, other.form, self._lexicon)
        return Ruling(False, reason or "other_words", doubtful=not reason and cosine >= DOUBTFUL_COSINE)
