"""The error tree: every error has a code of its own, and the drawing in the docstring is the tree."""

import inspect
import re
import traceback

import pytest

from homeport.core import errors
from homeport.core.errors import HomeportError

TREE = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, HomeportError)]
DRAWN = re.findall(r"^([│ ]*)(?:[├└]── )?(\w+) {2,}\S", errors.__doc__ or "", re.MULTILINE)


def test_the_drawing_is_the_tree() -> None:
    assert sorted(name for _, name in DRAWN) == sorted(kind.__name__ for kind in TREE)


def test_the_drawing_has_every_error_below_its_parent() -> None:
    parents: dict[int, str] = {}
    for match in re.finditer(r"^((?:│   |    )*)([├└]── )?(\w+) {2,}\S", errors.__doc__ or "", re.MULTILINE):
        depth = len(match[1]) // 4 + bool(match[2])
        if depth:
            assert getattr(errors, match[3]).__bases__ == (getattr(errors, parents[depth - 1]),)
        parents[depth] = match[3]


def test_codes_are_plain_and_different() -> None:
    codes = [kind.default_code for kind in TREE]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]{2,63}", code) for code in codes)


NEEDS_MORE = {errors.UpstreamRefused, errors.NoAnswer, errors.BudgetExceeded}


@pytest.mark.parametrize("kind", [kind for kind in TREE if kind not in NEEDS_MORE])
def test_a_code_can_be_closer_than_that_of_the_kind(kind: type[HomeportError]) -> None:
    assert kind("what").code == kind.default_code
    error = kind("what", code="closer", hint="do this")
    assert (error.code, error.message, error.hint, str(error)) == ("closer", "what", "do this", "what")


def test_a_traceback_says_what_to_do_next() -> None:
    error = HomeportError("what", code="closer", hint="do this")
    assert traceback.format_exception_only(error)[1:] == ["code: closer\n", "next: do this\n"]
    error.advise("do that")
    assert traceback.format_exception_only(error)[1:] == ["code: closer\n", "next: do that\n"]
    assert traceback.format_exception_only(HomeportError("what"))[1:] == ["code: homeport_error\n"]
