"""The page of errors has every code that the program can tell, and no other; its statuses are the API's."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from homeport.api.errors import status_of
from homeport.core import errors
from homeport.core.errors import HomeportError
from tests.fakes.bank import budget

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
SOURCES = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "src").rglob("*.py"))]

_LITERAL = re.compile(r'\b(?:default_code|code)(?:: [\w\[\]]+)? ?= ?"([a-z_]+)"')
_NAMED = re.compile(r"\bcode=([A-Z_]+)\b")
_UPSTREAM = re.compile(r'"(upstream_[a-z_]+)"')
_NEEDED: dict[type[HomeportError], dict[str, Any]] = {
    errors.BudgetExceeded: {"budget": budget(limit=0)},
    errors.UpstreamRefused: {"status": 529, "retryable": True},
    errors.NoAnswer: {"attempts": ()},
}


def codes_in_source() -> set[str]:
    """Literal codes, those of named constants, and those of the tables of upstream failures."""
    found: set[str] = set()
    for text in SOURCES:
        found.update(_LITERAL.findall(text), _UPSTREAM.findall(text))
        for name in _NAMED.findall(text):
            found.update(re.findall(rf'^{name} = "([a-z_]+)"', text, re.MULTILINE))
    return found - {"upstream_error", "upstream_ready"}  # a `type` and a metric


def codes_in_page() -> list[str]:
    codes = PAGE.partition("## Codes")[2]
    return re.findall(r"^\| `([a-z_]+)` \|", codes, re.MULTILINE)


def classes() -> list[type[HomeportError]]:
    found: list[type[HomeportError]] = [HomeportError]
    for kind in found:
        found += kind.__subclasses__()
    return [kind for kind in dict.fromkeys(found) if kind.__module__ == errors.__name__]


def test_every_code_is_on_the_page() -> None:
    assert codes_in_source() - set(codes_in_page()) == set()


def test_no_code_on_the_page_is_invented() -> None:
    assert set(codes_in_page()) - codes_in_source() == set()


def test_a_code_has_one_row() -> None:
    assert [code for code, rows in Counter(codes_in_page()).items() if rows > 1] == []


def test_the_search_finds_each_way_to_write_a_code() -> None:
    assert {"config_invalid", "missing_api_key", "config_syntax", "upstream_stalled"} <= codes_in_source()


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_every_class_is_on_the_page_with_its_status(kind: type[HomeportError]) -> None:
    status, name = status_of(kind("it failed", **_NEEDED.get(kind, {})))
    assert f"\n| `{kind.__name__}` | `{kind.default_code}` | {status} | `{name}` |" in PAGE
