"""`${...}` in text."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.config.substitution import MAX_SECRET_BYTES, substitute
from homeport.core.errors import ConfigError

VARIABLES = {"A": "one", "EMPTY": "", "NESTED": "${A}"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain $ {A} $A }", "plain $ {A} $A }"),
        ("${A}", "one"),
        ("<${A}|${A}>", "<one|one>"),
        ("${A:-two}", "one"),
        ("${NO:-two words}", "two words"),
        ("${NO:-}", ""),
        ("${EMPTY:-two}", "two"),
        ("${EMPTY}", ""),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("$$ ${A}", "$$ one"),
        ("${NESTED}", "${A}"),
        ("${NO:-${A}", "${A"),
    ],
)
def test_forms(text: str, expected: str) -> None:
    assert substitute(text, VARIABLES).text == expected


def test_defaults_are_no_secrets() -> None:
    assert substitute("${A}${NO:-x}${EMPTY}", VARIABLES) == ("onex", ("A", "NO", "EMPTY"), ("one", ""))


@pytest.mark.parametrize("text", ["${", "${}", "${1A}", "${A-b}", "${A", "${ A }", "${ÄB}", "${A:+b}"])
def test_malformed(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        substitute(text, VARIABLES)
    assert "$${" in caught.value.hint


def test_an_unset_variable_says_how_to_set_it() -> None:
    with pytest.raises(ConfigError) as caught:
        substitute("x${NO}", VARIABLES)
    assert caught.value.hint == "export NO=..."


def test_a_file_is_read_and_stripped(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("\n  s3cret ${A}\n")
    assert substitute(f"<${{file:{tmp_path}/key}}>", VARIABLES) == ("<s3cret ${A}>", (), ("s3cret ${A}",))


def test_files_that_are_refused(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * (MAX_SECRET_BYTES + 1))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    wrong = {
        "large": "is larger",
        "binary": "is not UTF-8",
        "pipe": "there is no file",
        "none": "there is no file",
        ".": "there is no file",
        "a\0b": "there is no file",
        "n" * 5000: "cannot be read",
    }
    for name, message in wrong.items():
        with pytest.raises(ConfigError, match=message):
            substitute(f"${{file:{tmp_path}/{name}}}", {})


def test_a_file_as_large_as_the_bound_is_read(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"x" * MAX_SECRET_BYTES)
    assert len(substitute(f"${{file:{tmp_path}/key}}", {}).text) == MAX_SECRET_BYTES


def test_a_relative_file_is_refused() -> None:
    with pytest.raises(ConfigError, match="absolute"):
        substitute("${file:key}", {})


@settings(deadline=None)
@given(st.text())
def test_text_without_placeholders_is_unchanged(text: str) -> None:
    plain = text.replace("${", "")
    if "${" not in plain:
        assert substitute(plain, {}) == (plain, (), ())


@settings(deadline=None)
@given(st.text())
def test_a_value_is_put_in_as_it_is(value: str) -> None:
    assert substitute("a${X}b", {"X": value}).text == f"a{value}b"


@settings(deadline=None)
@given(st.text(alphabet="${}:-AB file/", max_size=30))
def test_only_config_errors(text: str) -> None:
    try:
        substitute(text, VARIABLES)
    except ConfigError:
        assert "${" in text
