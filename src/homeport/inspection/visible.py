"""Text from outside, so that all of it is seen and none of it moves the rest of the page."""

import unicodedata

_NAMES = {"\n": "\u23ce", "\t": "\u21e5", "\r": "\u240d"}
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, marks of direction and joiners, lone surrogates, private and unassigned characters, separators."""
_BLANK = frozenset("\u00a0\u1680\u202f\u205f\u2800\u3000\u3164\uffa0") | {chr(code) for code in range(0x2000, 0x200B)}
"""Spaces that are not the usual one, and letters without ink."""
_MOST_MARKS = 3
"""Combining marks on one letter; more would be painted over other lines."""


def visible(text: str, most: int = 80) -> str:
    """A token's text, in one line of at most so many characters."""
    told = ascii_spaces(shown(text, most))
    return "".join(_NAMES.get(letter, letter) for letter in told)


def visible_line(text: str, most: int) -> str:
    """A name or a sentence in one line: as `shown`, with signs for the ends of lines and tabs."""
    return "".join(_NAMES.get(letter, letter) for letter in shown(text, most))


def shown(text: str, most: int) -> str:
    """A longer text: its lines stay; what cannot be seen is named."""
    told, marks = [], 0
    for letter in text[:most]:
        marks = marks + 1 if unicodedata.combining(letter) else 0
        if letter == "\n" or letter == "\t":
            told.append(letter)
        elif unicodedata.category(letter) in _HIDDEN or letter in _BLANK or marks > _MOST_MARKS:
            told.append(f"\u27e8U+{ord(letter):04X}\u27e9")
        else:
            told.append(letter)
    return "".join(told) + ("\u2026" if len(text) > most else "")


def ascii_spaces(text: str) -> str:
    """Spaces as dots, since a token that begins with one is another than the one that does not."""
    return text.replace(" ", "\u00b7")
