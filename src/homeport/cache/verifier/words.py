"""A text as words: case, spelling of short forms, numbers and units made one, signs that say nothing left out."""

import re
import unicodedata

import msgspec

from homeport.cache.verifier.lexicon import Lexicon

LONGEST = 1_200
"""Characters of a text that rules are applied to. A longer one must be the very same."""

MOST_WORDS = 120

_TOKEN = re.compile(
    r"(?:[^\W\d_]\.){2,}"  # p.m., U.S.
    r"|[^\W\d_]*\d+(?:[.,:/-]?\w*\d\w*|[^\W_]+)*"  # 12, 1,000.50, 2024-01-31, 7pm, AB-12x
    r"|[^\W_]+(?:'[^\W_]+)*"
    r"|\S"
)
_SILENT = frozenset(".;:!?\"'()…-¿¡•·\u2013\u2014")
_ENDS = frozenset(".!?")
_VERBATIM = re.compile(
    r"[{}=<>\\|^~_\[\]@#]|https?:|www\.|\n\s+\S|\w\.\w{2}"
    r"|`[^`]*`"
    r"|(?<!\S)[-+*/%&]{2,}(?!\S)"  # i -- which is not i -
    r"|(?<!\S)--?[^\W\d_]"  # ls -R, which is not ls -r
    r"|(?:\d|\b[^\W\d_])!"  # 5! and n!
    # (2+3)*4, which is not 2+(3*4)
    r"|\([^()]*\b\w\s*(?:[-+*/\u00d7\u00f7\u00b7]|plus\b|minus\b|times\b|divided\b)[^()]*\)"
    r"|(?<=\s)[!?;:'\"().…]+(?=\s+[^\W\d_])|(['\"])[!?;:,'\"().…-]+\1"  # what ! means
)
_RAISED = re.compile("[\u00b9\u00b2\u00b3\u2070\u2074-\u207e]")
_LOWERED = re.compile("(?<=[0-9])(?=[\u2080-\u2089])|(?<=[\u2080-\u2089])(?=[0-9])")
_CASED = re.compile(
    r"\b(?:IT|US|WHO|Mg)\b"
    r"|(?<=['\"])[^\W\d_](?=['\"])"  # 'A' and 'a'
    r"|(?<=[\d\s])(?:[KMGT]b|[kKmMgGtT](?:bps|Bps|b/s|B/s))\b"
    r"|(?<=\d)\s?[mM](?:Wh?|V|A|J|N|Pa|F)\b"
)
_UNIT = re.compile(r"(\d[\d.,:]*)([a-z]{1,5})")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_QUOTES = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u00b4": "'", "`": "'", "\u201c": '"', "\u201d": '"'}
)
_SIGNS = {"&": "and", "%": "percent", "+": "plus", "\u2013": "-", "\u2014": "-"}
_ALSO_NAMES = frozenset(("a", "may", "will"))
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}


class Words(msgspec.Struct, frozen=True):
    """A text that was read.

    Attributes:
        all: in order; what is written with a capital inside a sentence keeps it, "," and "." stand where a
            part of a sentence or a sentence ends.
        verbatim: the text is too long, or code, an address or a formula: only the same text says the same.
        text: with white space and case of no meaning left out.
        cased: what means something else in other letters, sorted: IT and it, 5 MW and 5 mW, Polish and polish.
    """

    all: tuple[str, ...]
    text: str
    verbatim: bool = False
    cased: tuple[str, ...] = ()


def read(text: str, lexicon: Lexicon) -> Words:
    """The words of any text. Never raises; takes time in proportion to at most `LONGEST` characters."""
    if len(text) > LONGEST:
        return Words((), text, True)
    # Without these signs 5² would become 52, and log₂8 log28.
    marked = _LOWERED.sub("_", _RAISED.sub(r"^\g<0>", text))
    typed = "".join(c for c in unicodedata.normalize("NFKC", marked) if c.isprintable() or c.isspace()).strip()
    if len(typed) > LONGEST or _VERBATIM.search(typed):
        return Words((), typed, True)
    plain = typed.translate(_QUOTES)
    found = list(_TOKEN.finditer(plain))
    if len(found) > MOST_WORDS:
        return Words((), typed, True)
    shout = plain.isupper()
    words: list[str] = []
    cased: list[str] = [] if shout else [found.strip() for found in _CASED.findall(plain)]
    for match in found:
        start = not words or words[-1] == "." or plain[: match.start()].rstrip()[-1:] == ":"
        if not start and match[0].istitle() and match[0].lower() in lexicon.lists["capitonyms"]:
            cased.append(match[0])
        _spell(match[0], words, lexicon, plain_case=start or shout, negative=_negative(plain, match.start()))
    while words and words[-1] == ".":
        words.pop()
    return Words(tuple(_numbered(words, lexicon)), " ".join(plain.casefold().split()), cased=tuple(sorted(cased)))


def _negative(text: str, at: int) -> bool:
    """A sign of a number stands before it: "-5", but neither "7-5" nor "a - 5"."""
    return text[at - 1 : at] in ("-", "\u2212") and text[at : at + 1].isdigit() and not text[at - 2 : at - 1].strip()


def _spell(token: str, words: list[str], lexicon: Lexicon, *, plain_case: bool, negative: bool) -> None:
    """Add the words of a token."""
    if token in _SILENT:
        if token in _ENDS and words and words[-1] != ".":
            words.append(".")
        return
    lower = token.lower()
    if negative:
        words.append("minus")
    if any(character.isdigit() for character in token):
        words.extend(_figures(lower, lexicon))
    elif "." in token and len(token) > 1:
        words.append(lower.replace(".", ""))
    elif lower in _SIGNS:
        words.append(_SIGNS[lower])
    elif (short := lexicon.contractions.get(lower)) is not None:
        words.extend(short)
    elif "'" in lower:
        _apostrophe(token, words, lexicon, plain_case=plain_case)
    elif token.istitle() and lower in lexicon.lists["function"] - _ALSO_NAMES:
        words.append("I" if lower == "i" else lower)
    elif lower in lexicon.numbers and not lexicon.numbers[lower].isdigit():
        words.append(lexicon.numbers[lower])
    else:
        words.append(lower if (plain_case and not lexicon.is_name(token)) or not token[0].isupper() else token)


def _apostrophe(token: str, words: list[str], lexicon: Lexicon, *, plain_case: bool) -> None:
    """Take off what stands after an apostrophe: 's is "is" after what never owns, else the sign of an owner."""
    head, _, tail = token.rpartition("'")
    head, tail = head.replace("'", ""), tail.lower()
    if tail == "t" and head.lower().endswith("n"):
        words.extend((head[:-1].lower(), "not"))
        return
    words.append(head.lower() if (plain_case and not head[0].isupper()) or head == "I" else head)
    if tail == "s":
        words[-1:] = [head.lower(), "be"] if head.lower() in lexicon.lists["never_owns"] else [head, "'s"]
    else:
        words.append({"re": "be", "m": "be", "ll": "will", "ve": "have", "d": "would"}.get(tail, tail))


def _figures(token: str, lexicon: Lexicon) -> tuple[str, ...]:
    """A number as figures alone, with its unit apart."""
    if token in lexicon.numbers:
        return (lexicon.numbers[token],)
    if (match := _UNIT.fullmatch(token)) and match[2] in lexicon.lists["units"]:
        return (*_figures(match[1], lexicon), match[2])
    if _GROUPED.fullmatch(token):
        token = token.replace(",", "")
    if re.fullmatch(r"\d+\.\d*0+", token):
        token = token.rstrip("0").rstrip(".")
    if re.fullmatch(r"\d{1,2}:00", token):
        token = token[:-3]
    return (token,)


def _numbered(words: list[str], lexicon: Lexicon) -> list[str]:
    """Numbers in words become figures: "two hundred and five" 205. What is no single number stays as it is."""
    out: list[str] = []
    at = 0
    while at < len(words):
        value, taken = _number(words, at, lexicon)
        out.append(str(value) if taken else words[at])
        at += taken or 1
    return out


def _number(words: list[str], at: int, lexicon: Lexicon) -> tuple[int, int]:
    """The number that begins here, and how many words it takes; (0, 0) where none does."""
    start, total, part = at, 0, 0
    while at < len(words):
        word = words[at].lower()
        value = _value(word, words[at + 1 : at + 2], lexicon)
        if value >= 0 and _fits(part, value, at > start):
            part += value
        elif word in _SCALES and part:
            part, total = (part * 100, total) if word == "hundred" else (0, total + part * _SCALES[word])
        elif not (word == "and" and part and part % 100 == 0 and _is_small(words, at + 1, lexicon)):
            break
        at += 1
    return (total + part, at - start)


def _value(word: str, after: list[str], lexicon: Lexicon) -> int:
    """Of a word for a cardinal number, or of figures before "million"; -1 for what is no such number."""
    figures = lexicon.numbers.get(word, word if after and after[0] in _SCALES else "")
    return int(figures) if figures.isascii() and figures.isdigit() and len(figures) < 7 else -1


def _fits(part: int, value: int, begun: bool) -> bool:
    """A number of this value may come next: after "twenty" only one to nine, after "hundred" anything below it."""
    if not begun or part % 100 == 0:
        return not begun or part > 0 or value > 0
    return part % 10 == 0 and part % 100 >= 20 and 0 < value < 10


def _is_small(words: list[str], at: int, lexicon: Lexicon) -> bool:
    return at < len(words) and words[at].lower() in lexicon.numbers


def is_number(word: str) -> bool:
    return any(character.isdigit() for character in word)
