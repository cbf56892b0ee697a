"""Whether answers of one model say the same: what it says again and again, it is rather right about.

Source: self-consistency, Wang et al., arXiv 2203.11171; overlap as in the F1 of SQuAD, arXiv 1606.05250.
"""

import re
from collections import Counter
from collections.abc import Sequence

import msgspec

from homeport.core.routing import Answer

_SHORT_WORDS = 12
"""So many words say one thing: all of them must be the same."""

_ALIKE = 0.6
"""Overlap from which longer answers say the same in other words. A rule of thumb."""

_READ_CHARS = 20_000
_AROUND = ".,;:!?\"'`*_()[]{}\u201c\u201d\u3001\u3002\uff01\uff0c\uff1f"
# Chinese, Japanese and Korean have no spaces between words: each character counts as one.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\s\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")


def agree(one: Answer, other: Answer) -> bool:
    """Whether two answers say the same: the same calls of tools, and texts that are equal but for case and marks.

    Texts that are not both short need only share most of their words.
    """
    if one.tools != other.tools or list(map(_value, one.tool_calls)) != list(map(_value, other.tool_calls)):
        return False
    first, second = _words(one.text), _words(other.text)
    if first == second:
        return True
    return max(len(first), len(second)) > _SHORT_WORDS and overlap(first, second) >= _ALIKE


def overlap(first: Sequence[str], second: Sequence[str]) -> float:
    """F1 of the words that two texts share, each as often as it is in both: 0 to 1."""
    shared = sum((Counter(first) & Counter(second)).values())
    return 2 * shared / (len(first) + len(second)) if first or second else 1.0


def _words(text: str) -> list[str]:
    bare = (word.strip(_AROUND) for word in _WORD.findall(text[:_READ_CHARS].casefold()))
    return [word for word in bare if word]


def _value(arguments: str) -> object:
    try:
        return msgspec.json.decode(arguments.encode("utf-8", "surrogatepass"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return arguments
