"""Prompt templates: filled by cases, and refused where they cannot be."""

from pathlib import Path

import pytest

from homeport.core.errors import ConfigError
from homeport.evaluation.datasets import DatasetCase
from homeport.evaluation.suites import Message
from homeport.evaluation.templates import MAX_TEMPLATE_BYTES, parse_template, read_template

CASE = DatasetCase(id="a", question="Who?", variables={"name": "Ann", "tricky": "{{ name }} \\1"})
CHAT = DatasetCase(
    id="b",
    messages=(Message("system", "old"), Message("user", "one"), Message("assistant", "1"), Message("user", "two")),
)


def refused(data: bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_template(data, "t")
    assert caught.value.code == "prompt_invalid"
    return caught.value.message


def test_a_text_is_a_message_of_the_user() -> None:
    asked = parse_template(b"Dear {{name}},\n{{ question }}\n", "t").ask(CASE, 50)
    assert asked.messages == ({"role": "user", "content": "Dear Ann,\nWho?"},)
    assert asked.max_tokens == 50


def test_what_is_filled_in_is_not_looked_at_again() -> None:
    asked = parse_template(b"{{tricky}} and {{ not a name }}", "t").ask(CASE)
    assert asked.messages[0]["content"] == "{{ name }} \\1 and {{ not a name }}"


def test_turns() -> None:
    asked = parse_template(b"[system]\r\nBe brief.\n[user]\nHi\n[assistant]\nHello.\n[user]\n{{question}}", "t").ask(
        CASE
    )
    assert [turn["role"] for turn in asked.messages] == ["system", "user", "assistant", "user"]
    assert asked.messages[-1]["content"] == "Who?"


def test_a_system_prompt_takes_the_place_of_the_cases_own() -> None:
    template = parse_template(b"[system]\nnew", "t")
    assert [turn["content"] for turn in template.ask(CHAT).messages] == ["new", "one", "1", "two"]
    assert [turn["content"] for turn in template.ask(DatasetCase(id="c", prompt="go")).messages] == ["new", "go"]


def test_a_variable_that_is_not_there_is_told_with_the_case() -> None:
    with pytest.raises(ConfigError, match="the case 'b' has no variable 'name'"):
        parse_template(b"{{name}}", "t").ask(CHAT)


@pytest.mark.parametrize(
    "data", [b"", b" \n", b"\xff", b"before\n[user]\nx", b"[user]\n[system]\nx", b"x" * (MAX_TEMPLATE_BYTES + 1)]
)
def test_a_text_that_is_no_template_is_refused(data: bytes) -> None:
    refused(data)


def test_a_version_is_known_by_its_text(tmp_path: Path) -> None:
    path = tmp_path / "v1.txt"
    path.write_text("one")
    assert read_template(path).name == "v1"
    assert read_template(path).digest != parse_template(b"two", "v1").digest
    with pytest.raises(ConfigError):
        read_template(tmp_path / "none.txt")
