"""What is known of English words: their forms, what means the same, what means the opposite, who is a man or a woman.

The forms come from LemmInflect 0.2.3 (MIT), which took them from the SPECIALIST Lexicon of the National Library of
Medicine; everything else in `data/` was written for Homeport.
"""

import gzip
from collections.abc import Iterator, Mapping
from importlib.resources import files

import msgspec


class Lexicon(msgspec.Struct, frozen=True):
    """Read once, by `load`.

    Attributes:
        contractions: short forms, and the words that they stand for.
        irregular: forms of a word that no rule of spelling tells.
        forms: of a word: its kinds (n, v, a, r) with the word in the dictionary; "nv" or "v=find".
        same: of a word: the numbers of the groups it is in, of words that mean the same.
        opposite: of a word: those that say the opposite.
        phrases: several words that count as one, by their first word, longest first.
        men, women: first names.
        lists: short lists of words, by name.
        numbers: words for numbers, in figures; and ordinals in figures, in words.
    """

    contractions: Mapping[str, tuple[str, ...]]
    irregular: Mapping[str, str]
    forms: Mapping[str, str]
    same: Mapping[str, frozenset[int]]
    spelling: Mapping[str, str]
    opposite: Mapping[str, frozenset[str]]
    phrases: Mapping[str, tuple[tuple[str, ...], ...]]
    men: frozenset[str]
    women: frozenset[str]
    lists: Mapping[str, frozenset[str]]
    numbers: Mapping[str, str]

    def is_known(self, word: str) -> bool:
        return word in self.forms or word in self.irregular or word in self.same or word in self.lists["function"]

    def is_name(self, word: str) -> bool:
        """It is a first name, and no other word."""
        lower = word.lower()
        return lower not in self.forms and (lower in self.men or lower in self.women)

    def kinds(self, word: str) -> str:
        return "".join(part.partition("=")[0] for part in self.forms.get(word, "").split())

    def verb(self, word: str) -> str:
        """The verb of which this is a form, or ""."""
        for part in self.forms.get(word, "").split():
            kinds, _, lemma = part.partition("=")
            if "v" in kinds:
                return lemma or word
        return ""

    def singular(self, word: str) -> str:
        """Without the ending -s of a plural or of a verb."""
        if word in self.irregular:
            return self.irregular[word]
        if len(word) < 4 or not word.endswith("s") or word in self.lists["ends_in_s"]:
            return word
        for part in self.forms.get(word, "").split():
            kinds, _, lemma = part.partition("=")
            if lemma and ("n" in kinds or "v" in kinds):
                return lemma
        return word

    def are_same(self, one: str, other: str) -> bool:
        mine = self.same.get(one)
        return mine is not None and not mine.isdisjoint(self.same.get(other, frozenset()))


def load() -> Lexicon:
    """Read the data; about 0.1 seconds and 15 MB."""
    same, phrases = _groups()
    return Lexicon(
        contractions={left: tuple(right.split()) for left, right in _pairs("contractions.txt")},
        irregular=dict(_pairs("irregular.txt")),
        forms=dict(_forms()),
        same=same,
        spelling={word: group.split()[0] for group in _lines("spellings.txt") for word in group.split()[1:]},
        opposite=_opposites(),
        phrases=phrases,
        men=frozenset(word for line in _lines("men.txt") for word in line.split()),
        women=frozenset(word for line in _lines("women.txt") for word in line.split()),
        lists={name: frozenset(listed.split()) for name, listed in _pairs("wordlists.txt")},
        numbers=dict(_pairs("numbers.txt")),
    )


def _lines(name: str) -> Iterator[str]:
    for line in (files(__package__) / "data" / name).read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line


def _pairs(name: str) -> Iterator[tuple[str, str]]:
    for line in _lines(name):
        left, _, right = line.partition(": ")
        yield left, right


def _forms() -> Iterator[tuple[str, str]]:
    packed = (files(__package__) / "data" / "forms.txt.gz").read_bytes()
    for line in gzip.decompress(packed).decode("ascii").splitlines():
        word, _, kinds = line.partition(" ")
        yield word, kinds


def _groups() -> tuple[Mapping[str, frozenset[int]], Mapping[str, tuple[tuple[str, ...], ...]]]:
    """Groups of words that mean the same, one a line, apart by commas; and those of several words."""
    of: dict[str, set[int]] = {}
    phrases: dict[str, set[tuple[str, ...]]] = {}
    for number, line in enumerate(_lines("synonyms.txt")):
        for term in line.split(", "):
            words = tuple(term.split())
            of.setdefault("_".join(words), set()).add(number)
            if len(words) > 1:
                phrases.setdefault(words[0], set()).add(words)
    ordered = {first: tuple(sorted(found, key=lambda words: (-len(words), words))) for first, found in phrases.items()}
    return {word: frozenset(numbers) for word, numbers in of.items()}, ordered


def _opposites() -> Mapping[str, frozenset[str]]:
    """Lines of two sides, each with one or more words: each word of one is the opposite of each of the other."""
    of: dict[str, set[str]] = {}
    for line in _lines("antonyms.txt"):
        left, _, right = line.partition(" / ")
        for one in left.split():
            for other in right.split():
                of.setdefault(one, set()).add(other)
                of.setdefault(other, set()).add(one)
    return {word: frozenset(others) for word, others in of.items()}
