"""Keys and other secrets of programs: by the forms that their makers document, and by the names they are given to.

A value after a name such as `api_key` is a secret where it is as mixed as one: Shannon's entropy of its characters.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator

from homeport.privacy.recognizers.base import Span

# How each begins, which is looked for first, and how it goes on.
_FORMS = {
    "-----BEGIN ": r"(?:[A-Z0-9]{2,10} ){0,2}PRIVATE KEY(?: BLOCK)?-----",
    "sk-": r"[\w-]{16,200}",  # OpenAI, Anthropic, Stripe
    "sk_": r"[\w-]{16,200}",
    "pk_": r"[\w-]{16,200}",
    "rk_": r"[\w-]{16,200}",
    "pk-": r"[\w-]{16,200}",
    "rk-": r"[\w-]{16,200}",
    "whsec_": r"[\w+/=-]{16,100}",  # Stripe's webhooks
    "hp-": r"[0-9a-f]{16}-[\w-]{43}",  # Homeport
    **dict.fromkeys(("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"[A-Za-z0-9]{36,255}"),
    "github_pat_": r"\w{22,255}",
    **dict.fromkeys(("glpat-", "glptt-", "gldt-", "glrt-", "glcbt-", "glagent-"), r"[\w-]{20,64}"),
    "AKIA": r"[A-Z0-9]{16}(?!\w)",
    "ASIA": r"[A-Z0-9]{16}(?!\w)",
    "AIza": r"[\w-]{35}(?![\w-])",
    "ya29.": r"[\w-]{20,400}",
    "GOCSPX-": r"[\w-]{28}",
    "xox": r"[abeoprs]-[\w-]{10,200}",
    "xapp-": r"\d-[\w-]{10,200}",
    "hooks.slack.com/": r"(?:services|workflows)/[\w/+-]{20,120}",
    **dict.fromkeys(("hf_", "r8_", "gsk_", "npm_"), r"[A-Za-z0-9]{30,100}(?!\w)"),
    "pypi-": r"[\w-]{40,400}",
    "dckr_pat_": r"[\w-]{20,60}",
    "SG.": r"[\w-]{16,32}\.[\w-]{32,64}",  # SendGrid
    "SK": r"[0-9a-f]{32}(?!\w)",  # Twilio
    "AC": r"[0-9a-f]{32}(?!\w)",
    "key-": r"[0-9a-f]{32}(?!\w)",  # Mailgun
    **dict.fromkeys(("dop_v1_", "doo_v1_", "dor_v1_"), r"[0-9a-f]{64}"),
    "shp": r"(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
    "xai-": r"[A-Za-z0-9]{40,120}",
    "pplx-": r"[A-Za-z0-9]{30,80}",
    "lin_api_": r"[A-Za-z0-9]{40}",
    "figd_": r"[\w-]{40}",
    "AGE-SECRET-KEY-": r"1[0-9A-Z]{58}",
    "hvs.": r"[\w-]{24,200}",
    "eyJ": r"[\w-]{10,4096}\.eyJ[\w-]{10,4096}\.[\w-]{10,4096}",  # a JSON web token
}
_FORM = {
    head: re.compile(rf"{re.escape(head)}(?<![\w.-]{re.escape(head)}){rest}", re.ASCII) for head, rest in _FORMS.items()
}
_IN_URL = re.compile(r"://[^\s:/@?#]{1,128}:([^\s:/@?#]{3,256})@", re.ASCII)

_PASSWORDS = ("password", "passwd", "passphrase", "passcode", "pwd")
_NAMES = (*_PASSWORDS, "key", "secret", "token", "credential", "connection")
# From the end of a name on: the rest of the word, quotes, a sign or `is`, and the value.
_GIVEN = re.compile(
    r"\w{0,24}[\"'`\])]{0,2}[ \t]{0,4}(?:[:=]>?|\bis\b:?)[ \t]{0,4}[\"'`]?"
    r"((?:Bearer |Basic )?[^\s\"'`,;<>(){}\[\]]{4,512})",
    re.ASCII,
)
_NO_VALUE = re.compile(
    r"[*.x_-]+|(?:null|none|true|false|undefined|nil|str(?:ing)?|int|your\w*|my\w*|example\w*|change_?me|todo|xxx+\w*"
    r"|password|secret|token|required|optional|not|the|a|an|self\..*|os\..*|process\..*|config\..*|settings\..*|env\..*)"
    r"|\$.*|%.*%",
    re.IGNORECASE,
)
_LEAST_ENTROPY = 3.0
_LEAST_KEY = 12


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    spans = sorted([*_by_form(text), *_by_name(text)], key=lambda span: (span.start, -span.end))
    end = 0
    for span in spans:
        if span.start >= end:
            yield span
            end = span.end


def _by_form(text: str) -> Iterator[Span]:
    for head, form in _FORM.items():
        if head in text:
            for match in form.finditer(text):
                yield Span(match.start(), match.end(), 1.0)
    if "://" in text:
        for match in _IN_URL.finditer(text):
            yield Span(match.start(1), match.end(1), 0.9)


def _by_name(text: str) -> Iterator[Span]:
    lower = _lower(text)
    for name in _NAMES:
        place = lower.find(name)
        while place >= 0:
            end = place + len(name)
            given = _GIVEN.match(text, end)
            value = given.group(1).rstrip(".!?") if given else ""
            if given and _is_secret(value, is_password=name in _PASSWORDS):
                yield Span(given.start(1), given.start(1) + len(value), 0.8)
            place = lower.find(name, end)


def _lower(text: str) -> str:
    """In small letters, each in its place."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(character.lower() if len(character.lower()) == 1 else character for character in text)


def _is_secret(value: str, *, is_password: bool) -> bool:
    if len(value) < 4 or _NO_VALUE.fullmatch(value):
        return False
    is_mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    if is_password:
        return is_mixed or not value.isalnum() or len(value) >= _LEAST_KEY
    return len(value) >= _LEAST_KEY and is_mixed and entropy(value) >= _LEAST_ENTROPY


def entropy(value: str) -> float:
    """Bits a character, by how often each occurs (Shannon 1948)."""
    return -sum(count / len(value) * math.log2(count / len(value)) for count in Counter(value).values())
