"""Keys and other secrets of programs, by the forms that their makers document."""

import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import Span

_FORMS = (
    r"-----BEGIN (?:[A-Z]{2,10} ){0,2}PRIVATE KEY-----",
    r"(?:sk|pk|rk)[-_][\w-]{16,200}",  # OpenAI, Anthropic, Stripe
    r"hp-[0-9a-f]{16}-[\w-]{43}",  # Homeport
    r"(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{22,255})",
    r"glpat-[\w-]{20,64}",
    r"(?:AKIA|ASIA)[A-Z0-9]{16}(?!\w)",
    r"AIza[\w-]{35}(?![\w-])",
    r"xox[abprs]-[\w-]{10,200}",
    r"(?:hf|r8|gsk|npm)_[A-Za-z0-9]{30,100}(?!\w)",
    r"eyJ[\w-]{10,4096}\.eyJ[\w-]{10,4096}\.[\w-]{10,4096}",  # a JSON web token
)
_SECRET = re.compile(rf"(?<![\w.-])(?:{'|'.join(_FORMS)})", re.ASCII)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return (Span(match.start(), match.end(), 1.0) for match in _SECRET.finditer(text))
