"""How metrics read texts: never more of them than is stated here."""

import re

MOST_CHARS = 16_384
"""Of a longer text the beginning and the end are read, half each."""

_HAN = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_HAN}]|[^\W_{_HAN}]+")
_MOST_WORD = 64


def cut(text: str) -> str:
    """A text that is short enough to be read."""
    half = MOST_CHARS // 2
    return text if len(text) <= MOST_CHARS else f"{text[:half]}\n{text[-half:]}"


def words(text: str) -> list[str]:
    """Runs of letters and digits in lower case; a character of Chinese or Japanese is a word. For ASCII they are the
    tokens of Google's rouge-score."""
    return [word[:_MOST_WORD] for word in _WORD.findall(cut(text).lower())]
