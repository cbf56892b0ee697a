"""Rules of `data/` that say the same in other words: patterns of whole words, and what to put in their place."""

import re
from collections.abc import Callable, Sequence
from importlib.resources import files

import msgspec

from homeport.cache.verifier.lexicon import Lexicon

_HOLE = re.compile(r"\{(\w+):(\d)\}|\\(\d)")


class Rewrite(msgspec.Struct, frozen=True):
    """A rule: what matches is replaced, unless a word in it is not of the kind that the rule asks for."""

    pattern: re.Pattern[str]
    replacement: Callable[[re.Match[str]], str]


def load_rewrites(name: str, lexicon: Lexicon) -> tuple[Rewrite, ...]:
    """The rules of a file of `data/`: `pattern ~ what follows => replacement`."""
    rules = []
    for line in (files(__package__) / "data" / name).read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            left, _, right = line.partition(" =>")
            rules.append(Rewrite(_compiled(left), _filling(right.strip(), lexicon)))
    return tuple(rules)


def rewrite(said: str, rules: Sequence[Rewrite]) -> str:
    """Apply each rule once, in order; the text begins and ends with a space."""
    for rule in rules:
        said = rule.pattern.sub(rule.replacement, said)
    return said


def _compiled(left: str) -> re.Pattern[str]:
    """A pattern of whole words; ^ and $ are the ends of a sentence."""
    words, _, ahead = left.partition(" ~ ")
    before = r"(?:(?<=\A )|(?<= \. ))" if words.startswith("^") else "(?<= )"
    after = r" (?=\Z|\. )" if words.endswith("$") else " "
    follows = f"(?={ahead} )" if ahead else ""
    return re.compile(f"{before}(?:{words.removeprefix('^').removesuffix('$')}){after}{follows}")


def _filling(right: str, lexicon: Lexicon) -> Callable[[re.Match[str]], str]:
    def fill(match: re.Match[str]) -> str:
        parts = []
        for word in right.split():
            filled = _HOLE.sub(lambda hole: _filled(hole, match, lexicon), word)
            if "\0" in filled:
                return match[0]
            parts.append(filled)
        # What was said of a part that is not there leaves no gap.
        return "".join(f"{part.strip()} " for part in parts if part.strip())

    return fill


def _filled(hole: re.Match[str], match: re.Match[str], lexicon: Lexicon) -> str:
    """What goes into a hole; a zero character where the rule does not hold."""
    word = match[int(hole[2] or hole[3])] or ""
    return word if hole[3] else _kind(hole[1], word, lexicon) or "\0"


def _kind(kind: str, word: str, lexicon: Lexicon) -> str:
    if kind == "past":
        return lexicon.verb(word) if lexicon.is_past(word) or word in lexicon.lists["participles"] else ""
    if kind == "ing":
        return lexicon.verb(word) if lexicon.is_ing(word) else ""
    if kind == "more":
        return lexicon.opposite.get(word, "")
    return lexicon.degrees.get(word, "")
