"""What stands for something private on its way out: `[EMAIL_1]`, and how models write it back.

Models change it a little: other case, spaces or hyphens, escapes of Markdown, no brackets. In brackets all of that is
still it; without brackets only the capital form `EMAIL_1` is, for anything else may be a word of the answer.
"""

import re
from collections.abc import Iterable, Iterator

LONGEST = 128
"""Characters that are looked at, at most, to see whether they are one."""

_LONGEST_NAME = 32
_UNNAMED = "PRIVATE"
_NO_LETTERS = re.compile(r"[^A-Z]+")

Place = tuple[str, int]
"""What tells placeholders apart: the letters of its name, and its number."""


def name_of(recognizer: str) -> str:
    """The name of placeholders for what a recognizer finds: capitals and `_` alone, so that the number stands apart."""
    letters = _NO_LETTERS.sub("_", recognizer.upper()[:_LONGEST_NAME]).strip("_")
    return letters or _UNNAMED


def place_of(name: str, number: int) -> Place:
    """The place of a placeholder; names that differ in `_` alone share theirs."""
    return name.replace("_", ""), number


def written(name: str, number: int) -> str:
    """As it is sent."""
    return f"[{name}_{number}]"


class Grammar:
    """Placeholders of some names, as they are found in text.

    Args:
        json: the text is JSON, where each backslash is written twice.
    """

    def __init__(self, names: Iterable[str], *, json: bool = False) -> None:
        self._names = frozenset(names)
        self._letters = frozenset(name.replace("_", "") for name in self._names)
        self._whole, self._begun = (_JSON_WHOLE, _JSON_BEGUN) if json else (_WHOLE, _BEGUN)

    def find(self, text: str, start: int = 0) -> Iterator[tuple[int, int, Place]]:
        """Each one: where it begins and ends, and its place. What stands before `start` is looked at, and not told."""
        while (match := self._whole.search(text, start)) is not None:
            place = self._place(match)
            if place is not None:
                yield match.start(), match.end(), place
            start = match.end() if place is not None else match.start() + 1

    def held(self, text: str, start: int) -> int:
        """Where something begins that may still become one when more comes; the end of the text where nothing does."""
        start = max(start, len(text) - LONGEST)
        while (match := self._begun.search(text, start)) is not None:
            if self._may_become(match):
                return match.start()
            start = match.start() + 1
        return len(text)

    def _place(self, match: re.Match[str]) -> Place | None:
        within, bare, number = match["within"], match["bare"], int(match["number"] or match["bare_number"])
        if bare is not None:
            name = bare.replace("\\", "")
            return place_of(name, number) if name in self._names else None
        letters = _letters(within)
        return (letters, number) if letters in self._letters else None

    def _may_become(self, match: re.Match[str]) -> bool:
        within, bare = match["within"], match["bare"]
        if bare is not None:
            said = bare.replace("\\", "")
            name = said.rstrip("0123456789")
            return any(f"{known}_" == name if said != name else f"{known}_".startswith(said) for known in self._names)
        if within is None:
            return bool(self._names)
        letters = _letters(within)
        if match["number"]:
            return letters in self._letters
        return any(known.startswith(letters) for known in self._letters)


def _letters(text: str) -> str:
    return "".join(char for char in text if char.isalpha()).upper()


def _patterns(escape: str, alone: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Of a whole one, and of what a text ends with that may become one.

    Args:
        escape: how Markdown's escapes look.
        alone: what says that no word goes on here.

    """
    # Names are at most 32 characters, so every run has a bound: the work is linear, whatever comes.
    inner = r"(?P<within>[A-Za-z][A-Za-z\\_ -]{0,63})"
    number = r"(?P<number>[0-9]{1,6})"
    bare = rf"{alone}(?P<bare>[A-Z](?:[A-Z]|{escape}_(?=[A-Z])){{0,63}}){escape}_(?P<bare_number>[0-9]{{1,6}})(?!\w)"
    # A backslash before the bracket is an escape only where the other bracket has one: else it is the text's own.
    closing = rf"(?(escape)(?!\]){escape}|{escape})\]"
    whole = rf"(?P<escape>(?=\\){escape})?\[ {{0,2}}{inner}{number} {{0,2}}{closing}|{bare}"
    after = rf"{number} {{0,2}}{escape}\Z"
    in_brackets = rf"{escape}\[ {{0,2}}(?:\Z|{inner}(?:\Z|{after}))"
    bare_begun = rf"{alone}(?P<bare>[A-Z][A-Z\\_]{{0,63}}[0-9]{{0,6}})\Z"
    return re.compile(whole), re.compile(rf"{in_brackets}|\\{{1,2}}\Z|{bare_begun}")


_WHOLE, _BEGUN = _patterns(r"\\?", r"(?<!\w)")
_JSON_WHOLE, _JSON_BEGUN = _patterns(r"\\{0,2}", r"(?:(?<!\w)|(?<=\\[bfnrt]))")
