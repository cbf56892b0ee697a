"""What is known of English words: their forms, what means the same, what means the opposite, who is a man or a woman.

The forms come from LemmInflect 0.2.3 (MIT), which took them from the SPECIALIST Lexicon of the National Library of
Medicine, other words from SCOWL; everything else in `data/` was written for Homeport.
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
        others: words of which no more is known than that they are words.
        same: of a word: the numbers of the groups it is in, of words that mean the same.
        opposite: of a word: one that says the opposite; less of one is more of the other.
        degrees: comparatives, and what the other way round says the same.
        phrases: several words that count as one, by their first word, longest first.
        men, women: first names.
        lists: short lists of words, by name.
        numbers: words for numbers, in figures; and ordinals in figures, in words.
    """

    contractions: Mapping[str, tuple[str, ...]]
    irregular: Mapping[str, str]
    forms: Mapping[str, str]
    others: frozenset[str]
    same: Mapping[str, frozenset[int]]
    spelling: Mapping[str, str]
    opposite: Mapping[str, str]
    degrees: Mapping[str, str]
    phrases: Mapping[str, tuple[tuple[str, ...], ...]]
    men: frozenset[str]
    women: frozenset[str]
    lists: Mapping[str, frozenset[str]]
    numbers: Mapping[str, str]

    def is_known(self, word: str) -> bool:
        listed = word in self.forms or word in self.others or word in self.lists["function"]
        return listed or word in self.irregular or word in self.same

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

    def is_past(self, word: str) -> bool:
        """A past form or participle that is not the verb itself."""
        return self.verb(word) not in ("", word) and not word.endswith(("ing", "s"))

    def is_ing(self, word: str) -> bool:
        return word.endswith("ing") and self.verb(word) not in ("", word)

    def are_same(self, one: str, other: str) -> bool:
        """Both are in a group, as they are or as the verbs of which they are the same form."""
        if self._share(one, other):
            return True
        alike = (self.is_ing(one) and self.is_ing(other)) or (self.is_past(one) and self.is_past(other))
        return alike and self._share(self.verb(one), self.verb(other))

    def _share(self, one: str, other: str) -> bool:
        mine = self.same.get(one)
        return mine is not None and not mine.isdisjoint(self.same.get(other, frozenset()))


def load() -> Lexicon:
    """Read the data; about 0.1 seconds and 15 MB."""
    spelling = {word: group.split()[0] for group in _lines("spellings.txt") for word in group.split()[1:]}
    bare = Lexicon(
        contractions={left: tuple(right.split()) for left, right in _pairs("contractions.txt")},
        irregular=dict(_pairs("irregular.txt")),
        forms=dict(_forms()),
        others=frozenset(_unpacked("others.txt.gz")),
        same={},
        spelling=spelling,
        opposite=_opposites(),
        degrees=dict(_pairs("degrees.txt")),
        phrases={},
        men=frozenset(word for line in _lines("men.txt") for word in line.split()),
        women=frozenset(word for line in _lines("women.txt") for word in line.split()),
        lists={name: frozenset(listed.split()) for name, listed in _pairs("wordlists.txt")},
        numbers=dict(_pairs("numbers.txt")),
    )
    same, phrases = _groups(bare)
    return msgspec.structs.replace(bare, same=same, phrases=phrases)


def _lines(name: str) -> Iterator[str]:
    for line in (files(__package__) / "data" / name).read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line


def _pairs(name: str) -> Iterator[tuple[str, str]]:
    for line in _lines(name):
        left, _, right = line.partition(": ")
        yield left, right


def _forms() -> Iterator[tuple[str, str]]:
    for line in _unpacked("forms.txt.gz"):
        word, _, kinds = line.partition(" ")
        yield word, kinds


def _unpacked(name: str) -> list[str]:
    packed = (files(__package__) / "data" / name).read_bytes()
    return gzip.decompress(packed).decode("ascii").splitlines()


def _groups(lexicon: Lexicon) -> tuple[Mapping[str, frozenset[int]], Mapping[str, tuple[tuple[str, ...], ...]]]:
    """Groups of words that mean the same, one a line, apart by commas; and those of several words."""
    of: dict[str, set[int]] = {}
    phrases: dict[str, set[tuple[str, ...]]] = {}
    for number, line in enumerate(_lines("synonyms.txt")):
        for term in line.split(", "):
            words = tuple(lexicon.spelling.get(word) or lexicon.singular(word) for word in term.split())
            of.setdefault("_".join(words), set()).add(number)
            if len(words) > 1:
                phrases.setdefault(words[0], set()).add(words)
    ordered = {first: tuple(sorted(found, key=lambda words: (-len(words), words))) for first, found in phrases.items()}
    return {word: frozenset(numbers) for word, numbers in of.items()}, ordered


def _opposites() -> Mapping[str, str]:
    """Lines of two sides with one or more words each: the opposite of each is the first of the other side."""
    of: dict[str, str] = {}
    for line in _lines("antonyms.txt"):
        left, _, right = line.partition(" / ")
        of |= dict.fromkeys(left.split(), right.split()[0]) | dict.fromkeys(right.split(), left.split()[0])
    return of
