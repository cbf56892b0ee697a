"""Text from outside, so that all of it is seen and none of it moves the rest of the page."""

import re
import unicodedata

_NOT_PLAIN = re.compile(r"[^\x20-\x7e\n\t]+")
_NAMES = str.maketrans({"\n": "\u23ce", "\t": "\u21e5", "\r": "\u240d"})
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, marks of direction and joiners, lone surrogates, private and unassigned characters, separators."""
_BLANK = frozenset("\u00a0\u1680\u202f\u205f\u2800\u3000\u3164\uffa0") | {chr(code) for code in range(0x2000, 0x200B)}
"""Spaces that are not the usual one, and letters without ink."""
_MARKS = frozenset({"Mn", "Me"})
_MOST_MARKS = 3
"""Combining marks on one letter; more would be painted over other lines."""


def visible(text: str, most: int = 80) -> str:
    """A token's text, in one line of at most so many characters."""
    told = ascii_spaces(shown(text, most))
    return told.translate(_NAMES)


def visible_line(text: str, most: int) -> str:
    """A name or a sentence in one line: as `shown`, with signs for the ends of lines and tabs."""
    return shown(text, most).translate(_NAMES)


def shown(text: str, most: int) -> str:
    """A longer text: its lines stay; what cannot be seen is named."""
    told = _NOT_PLAIN.sub(lambda found: _seen(found[0]), text[:most])
    return told + ("\u2026" if len(text) > most else "")


def _seen(text: str) -> str:
    """One letter after another: this is slow, so plain ASCII does not come here. Before it stands none, or a base."""
    told, marks = [], 0
    for letter in text:
        category = unicodedata.category(letter)
        marks = marks + 1 if category in _MARKS else 0
        if category in _HIDDEN or letter in _BLANK or marks > _MOST_MARKS:
            told.append(f"\u27e8U+{ord(letter):04X}\u27e9")
        else:
            told.append(letter)
    return "".join(told)


def ascii_spaces(text: str) -> str:
    """Spaces as dots, since a token that begins with one is another than the one that does not."""
    return text.replace(" ", "\u00b7")
