"""What is wrong with a file, and where: one line each, in the order of the file, without secrets."""

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from homeport.core.errors import ConfigError

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the top of the file to a value."""

_MAX_ISSUES = 100
_MAX_TEXT = 300
_MAX_SUGGESTED = 64
_MIN_SECRET = 4
_PLAIN_KEY = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)


class Place(NamedTuple):
    """A position in the file, both counted from 1."""

    line: int
    column: int


class Issue(NamedTuple):
    """One thing to mend. `hint` says how, or is ""."""

    place: Place
    path: KeyPath
    message: str
    hint: str = ""


def suggest(word: str, known: Iterable[str]) -> str:
    """`; did you mean "..."?` when one of `known` is close to `word`, else ""."""
    # Matching is quadratic in the length; a longer word is no slip of the keyboard.
    close = difflib.get_close_matches(word, list(known), n=1) if len(word) <= _MAX_SUGGESTED else []
    return f'; did you mean "{close[0]}"?' if close else ""


def render_path(path: KeyPath) -> str:
    """A path as people write it: tiers[1].targets[0].engine."""
    parts = [f"[{part}]" if isinstance(part, int) else _render_key(part) for part in path]
    return _shorten(_printable("".join(parts).removeprefix(".")))


def _render_key(key: str) -> str:
    return f".{key}" if _PLAIN_KEY.fullmatch(key) else f'["{key}"]'


def _printable(text: str) -> str:
    # Control characters could rewrite the terminal that shows the message.
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "..."


def _redact(text: str, secrets: Sequence[str]) -> str:
    # Longest first, so that a secret inside another one leaves no rest.
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _render(file: str, issue: Issue, secrets: Sequence[str]) -> str:
    path = f" {render_path(issue.path)}" if issue.path else ""
    # Redacted before it is shortened or escaped: half a secret would not be recognised.
    message = _shorten(_printable(_redact(issue.message, secrets)))
    return f"{file}:{issue.place.line}:{issue.place.column}{path}: {message}"


def refuse(file: str, issues: Iterable[Issue], *, secrets: Iterable[str] = (), code: str = "") -> ConfigError:
    """The one error that tells all issues of a file, sorted by line.

    Args:
        file: name of the file as shown.
        secrets: values that are replaced by *** wherever a message holds them. Up to three characters
            are no secret, and hiding them would garble every message.
        code: stable code; config_invalid where none is given.
    """
    found = sorted(issues, key=lambda issue: issue.place)
    hidden = [secret for secret in secrets if len(secret) >= _MIN_SECRET]
    lines = [_render(file, issue, hidden) for issue in found[:_MAX_ISSUES]]
    if len(found) > _MAX_ISSUES:
        lines.append(f"{file}: and {len(found) - _MAX_ISSUES} more")
    hints = dict.fromkeys(issue.hint for issue in found[:_MAX_ISSUES] if issue.hint)
    return ConfigError("\n".join(lines), code=code, hint="; ".join(hints) or f"mend {file} at the lines named")
