"""JSON that a person may look at: what a terminal would act on, or nobody would see, is escaped.

Controls, marks of direction, joiners, invisible letters. It is the same text to whoever reads the JSON.
"""

import re

_HIDDEN = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\uffff\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def readable(json: str) -> str:
    """A document of JSON, whose strings are the only place where such letters can be."""
    return _HIDDEN.sub(lambda found: _escaped(found[0]), json)


def _escaped(letter: str) -> str:
    """As JSON has it: by its UTF-16."""
    units = letter.encode("utf-16-be").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))
