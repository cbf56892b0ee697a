"""Prompts to try: made up, or of a file; and edits of them."""

from itertools import islice
from pathlib import Path

import pytest

from homeport.core.errors import ConfigError
from homeport.drift.candidates import candidates, edits, made_up


def test_they_are_many_short_each_once_and_the_same_for_a_seed() -> None:
    found = list(islice(made_up(3), 5_000))
    assert len({*found}) == 5_000
    assert max(map(len, found)) < 120
    assert tuple(found[:50]) == candidates(50, 3)
    assert candidates(50, 4) != candidates(50, 3)


def test_a_file_has_one_on_each_line(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("\ufeff" + "\n".join(f"Is {number} odd? \n" for number in range(60)), encoding="utf-8")
    assert candidates(41, 1, path) == tuple(f"Is {number} odd?" for number in range(41))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"one\ntwo\n", "has 2 prompts"),
        (b"a\xff\xfe", "cannot be read"),
        (b"", "has 0 prompts"),
        (b"same\n" * 100, "has 1 prompts"),
        (b"x" * 3_000 + b"\n", "prompt 1, has more than 2,000"),
        (b"a\x1b[31m\n", "such as are not printed"),
        (b"x\n" * 5_000_000, "bytes"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "prompts.txt"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=said) as caught:
        candidates(50, 1, path)
    assert caught.value.code == "candidates_invalid"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        candidates(50, 1, tmp_path / "none")


def test_edits_are_all_others_and_begin_with_the_prompt_itself() -> None:
    found = edits("Is rain older than salt?")
    assert found[0] == "Is rain older than salt?"
    assert len({*found}) == len(found) == 8
