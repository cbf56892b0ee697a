"""Text from outside can be seen, and moves nothing."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.inspection.visible import shown, visible, visible_line


@given(st.text(max_size=200))
def test_nothing_that_is_hidden_is_left(text: str) -> None:
    for told in (visible(text), shown(text, 100)):
        hidden = {
            letter for letter in told if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
        }
        assert hidden <= {"\n", "\t"}


@given(st.text(max_size=300), st.integers(1, 50))
def test_it_has_a_bound(text: str, most: int) -> None:
    assert len(visible(text, most)) <= 12 * most + 1


def test_spaces_and_lines_are_seen_in_a_token() -> None:
    assert visible(" the\n") == "·the⏎"


def test_marks_of_direction_are_named() -> None:
    assert visible("a\u202eb") == "a⟨U+202E⟩b"


@pytest.mark.parametrize("mark", ["\u0301", "\u0e47", "\u20dd", "\u0489"])
def test_a_letter_has_few_marks_on_it(mark: str) -> None:
    assert shown("a" + mark * 20, 100).count(mark) == 3
    assert shown("\u0e01" + mark * 20, 100).count(mark) == 3


def test_long_texts_are_quick() -> None:
    began = time.process_time()
    shown("What is a lease? " * 60_000, 1 << 20)
    assert time.process_time() - began < 0.05


def test_blanks_that_are_no_space_are_named() -> None:
    assert visible("a\u00a0b\u3000") == "a⟨U+00A0⟩b⟨U+3000⟩"


def test_emoji_are_shown() -> None:
    assert visible("🙂") == "🙂"


def test_a_name_is_one_line() -> None:
    assert visible_line("a b\nc\td\x1b[2J", 20) == "a b\u23cec\u21e5d\u27e8U+001B\u27e9[2J"
    assert visible_line("abc", 2) == "ab\u2026"


@given(st.text(alphabet="ab \n\t\u0301\u0300\u202e\u00a0\u00e9\u4e2d\x1b\x7f", max_size=40))
def test_texts_are_told_letter_by_letter_however_they_are_mixed(text: str) -> None:
    marks, told = 0, ""
    for letter in text:
        marks = marks + 1 if unicodedata.combining(letter) else 0
        hidden = letter in "\u202e\u00a0\x1b\x7f" or marks > 3
        told += f"\u27e8U+{ord(letter):04X}\u27e9" if hidden else letter
    assert shown(text, 100) == told
