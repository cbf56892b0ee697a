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
    starts: bool
    literal: str
    replacement: Callable[[re.Match[str]], str]


def load_rewrites(name: str, lexicon: Lexicon) -> tuple[Rewrite, ...]:
    """The rules of a file of `data/`: `pattern ~ what follows => replacement`."""
    rules = []
    for line in (files(__package__) / "data" / name).read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            left, _, right = line.partition(" =>")
            rules.append(
                Rewrite(_compiled(left), left.startswith("^"), _literal(left), _filling(right.strip(), lexicon))
            )
    return tuple(rules)


def rewrite(said: str, rules: Sequence[Rewrite]) -> str:
    """Apply each rule once, in order; the text begins and ends with a space."""
    for rule in rules:
        if rule.literal in said:
            said = _at_starts(rule, said) if rule.starts else rule.pattern.sub(rule.replacement, said)
    return said


def _at_starts(rule: Rewrite, said: str) -> str:
    """Apply a rule to the beginning of each sentence."""
    at = 1
    while at:
        if match := rule.pattern.match(said, at):
            said = f"{said[:at]}{rule.replacement(match)}{said[match.end() :]}"
        at = said.find(" . ", at - 1) + 3
        if at == 2:
            break
    return said


def _literal(left: str) -> str:
    """The longest part of a pattern that is in everything it matches, to pass over it quickly."""
    bare = left.partition(" ~ ")[0].strip("^$")
    if "|" in _outside(bare):
        return ""
    parts = re.split(r"\\.|[^a-z ]", re.sub(r".[?*{]", "\\0", _outside(bare)))
    return max((part.strip() for part in parts), key=len, default="")


def _outside(pattern: str) -> str:
    """A pattern without its groups."""
    depth, kept = 0, []
    for character in pattern:
        depth += character == "("
        kept.append("\0" if depth else character)
        depth -= character == ")"
    return "".join(kept)


def _compiled(left: str) -> re.Pattern[str]:
    """A pattern of whole words; ^ and $ are the ends of a sentence."""
    words, _, ahead = left.partition(" ~ ")
    before = "" if words.startswith("^") else "(?<= )"
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
