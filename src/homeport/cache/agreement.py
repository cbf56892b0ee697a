"""Whether a live answer says what a kept one said: what a check of the cache goes by.

No model says the same thing twice in the same words, so only what must not differ is compared word by word: the
calls of tools, numbers, and whether something is denied. Whether the rest is about the same is told by the cosine of
both texts. The threshold was chosen on programs that two versions of GPT-3.5 and of GPT-4 wrote for the same
exercise, beside those that they wrote for the exercise most like it (Chen, Zaharia and Zou, arXiv 2307.09009).

A long text that comes to another result by the same words passes for the same: a judge sees it, words do not.
"""

import re
from collections.abc import Callable, Sequence

import msgspec

from homeport.core.routing import Answer

ALIKE = 0.85
"""Cosine from which texts that differ in no number and no denial say the same."""

LONGEST = 4_000
"""Characters of each answer that are compared."""

_SHORT_WORDS = 12
_LEAD = 12
"""Words in which an answer says yes or no. Further on, long ones deny something always."""
_WORD = re.compile(r"(?:(?<!\w)-)?\d+(?:[.,:/-]\d+)*%?|[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_DENIALS = frozenset({"no", "not", "never", "none", "nobody", "nothing", "neither", "nor", "cannot", "without"})
_SAYING = frozenset({"a", "an", "the", "it", "is", "it's", "that", "this", "in", "of", "to", "and", "you", "your"})
_SIGNS = re.compile(r"[<>=+^~$\u20ac\u00a3\u00a5\u2264\u2265\u2260\u00b1]|(?<=\w)#")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}\b)")


def agree(live: Answer, kept: Answer, cosine: Callable[[str, str], float]) -> bool | None:
    """Whether both say the same; None where only words or signs differ, which a judge may forgive.

    Pure as `cosine` is, and total.

    Args:
        cosine: of two texts.
    """
    if live.tools != kept.tools or list(map(_value, live.tool_calls)) != list(map(_value, kept.tool_calls)):
        return False
    one, other = _words(live.text), _words(kept.text)
    if one == other:
        if live.text.split() == kept.text.split():
            return True
        # C++ is not C, and a > b is not a < b. Other signs are how a text is laid out.
        return (_signs(live.text) == _signs(kept.text) or None) if one else False
    if _denies(one[:_LEAD]) != _denies(other[:_LEAD]):
        return False
    if max(len(one), len(other)) <= _SHORT_WORDS:
        return (_says_all(one, other) or None) if _numbers(one) == _numbers(other) else False
    if not _share_numbers(_numbers(one), _numbers(other)):
        return False
    return cosine(live.text[:LONGEST], kept.text[:LONGEST]) >= ALIKE or None


def _says_all(one: Sequence[str], other: Sequence[str]) -> bool:
    """Of two short texts: what one says, the other says too, if with more around it."""
    said, told = set(one) - _SAYING, set(other) - _SAYING
    return bool(said and told) and (said <= told or told <= said)


def _words(text: str) -> list[str]:
    plain = _GROUPED.sub("", text[:LONGEST].casefold().replace("\u2019", "'").replace("\u2212", "-"))
    return _WORD.findall(plain)


def _signs(text: str) -> list[str]:
    return _SIGNS.findall(text[:LONGEST])


def _numbers(words: Sequence[str]) -> set[str]:
    return {word for word in words if word[-1].isdigit() or word[-1] == "%"}


def _share_numbers(one: set[str], other: set[str]) -> bool:
    """Of two long texts: half of the numbers of the one with fewer are in the other; none is in neither, or in both."""
    fewer = min(len(one), len(other))
    return bool(one) == bool(other) and 2 * len(one & other) >= fewer


def _denies(words: Sequence[str]) -> bool:
    return any(word in _DENIALS or word.endswith("n't") for word in words)


def _value(arguments: str) -> object:
    try:
        return msgspec.json.decode(arguments.encode("utf-8", "surrogatepass"))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return arguments
