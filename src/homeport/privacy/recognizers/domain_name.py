"""Names of domains (RFC 1035) without an address of e-mail around them, below a top-level domain that is not a file's.

Form alone: most of them are nobody's secret.
"""

import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import Span

NEEDS = (".",)

_NAME = re.compile(r"(?<![\w.@%+-])(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?P<top>[^\W\d_]{2,18})(?![\w@-]|\.\w)")
_GENERIC = frozenset(
    "com org net edu gov mil int info biz name pro coop aero museum app dev io ai co me tv shop store online site tech"  # noqa: SIM905  as words it is read and added to
    " blog cloud xyz club live news agency studio design digital email group health hospital clinic law legal bank"
    " finance insurance money example".split()
)
_FILES = frozenset("py sh md rs pl ps cc so js ts do am pm st id mm hr in it is be at no to my us".split())  # noqa: SIM905  as words it is read and added to


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`. A sentence without a space after its dot may look the same."""
    for match in _NAME.finditer(text):
        top = match["top"].lower()
        known = top in _GENERIC or (len(top) == 2 and top.isascii())
        if known:
            unsure = top in _FILES and match.group().count(".") == 1
            yield Span(match.start(), match.end(), 0.3 if unsure else 0.55)
