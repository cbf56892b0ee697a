"""What a text says, in words that do not depend on how it is said: at two depths, for each mode one."""

import re
from collections.abc import Sequence
from importlib.resources import files

import msgspec

from homeport.cache.verifier.lexicon import Lexicon
from homeport.cache.verifier.words import read

_ARTICLES = frozenset(("a", "an", "the"))


class Reading(msgspec.Struct, frozen=True):
    """A text that was understood as far as rules go.

    Attributes:
        text: without differences of case and white space.
        english: rules for English hold; else only the same words say the same.
        plain: the words, without what says nothing.
        form: `plain`, with ways to ask made one; names keep their capital.
    """

    text: str
    english: bool = False
    plain: tuple[str, ...] = ()
    form: tuple[str, ...] = ()


class Rewrite(msgspec.Struct, frozen=True):
    """A rule: what matches is replaced."""

    pattern: re.Pattern[str]
    replacement: str


class Reader:
    """Makes readings; the same text always gives the same."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._same = load_rewrites("same.txt")
        self._rewrites = load_rewrites("rewrites.txt")

    def read(self, text: str) -> Reading:
        words = read(text, self._lexicon)
        if words.verbatim or not words.all:
            return Reading(words.text)
        if not self._is_english(words.all):
            return Reading(words.text, False, tuple(word.lower() for word in words.all if word != ","))
        said = rewrite(" " + " ".join(map(self._plain, words.all)) + " ", self._same)
        form = rewrite(said, self._rewrites)
        return Reading(words.text, True, _bare(said), _bare(form))

    def _plain(self, word: str) -> str:
        if word[0].isupper() and word != "I":
            return word
        lower = word.lower()
        return self._lexicon.spelling.get(lower) or self._lexicon.singular(lower)

    def _is_english(self, words: Sequence[str]) -> bool:
        plain = [word for word in words if word.islower() or word == "I"]
        known = sum(self._lexicon.is_known(word.lower()) or word == "'s" for word in plain)
        return 10 * known >= 7 * len(plain) and all(map(str.isascii, words))


def load_rewrites(name: str) -> tuple[Rewrite, ...]:
    """The rules of a file of `data/`: `pattern ~ what follows => replacement`."""
    rules = []
    for line in (files(__package__) / "data" / name).read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            left, _, right = line.partition(" =>")
            rules.append(Rewrite(_compiled(left), f"{right.strip()} " if right.strip() else ""))
    return tuple(rules)


def rewrite(said: str, rules: Sequence[Rewrite]) -> str:
    for rule in rules:
        said = rule.pattern.sub(rule.replacement, said)
    return said


def _compiled(left: str) -> re.Pattern[str]:
    """A pattern of whole words; a text that it is tried on begins and ends with a space."""
    words, _, ahead = left.partition(" ~ ")
    before = r"(?<=\A )" if words.startswith("^") else "(?<= )"
    after = r" \Z" if words.endswith("$") else " "
    follows = f"(?={ahead} )" if ahead else ""
    return re.compile(f"{before}(?:{words.removeprefix('^').removesuffix('$')}){after}{follows}")


def _bare(said: str) -> tuple[str, ...]:
    return tuple(word for word in said.split() if word not in _ARTICLES and word != ",")
