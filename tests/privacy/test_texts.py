"""No text of a body is passed over, and what stands elsewhere is put back where it was."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.privacy.texts import MOST_TEXTS, Contents, Step, Text, Unreadable, read, read_fields, replaced, walk

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(WORDS, inner, max_size=4)
        | st.dictionaries(WORDS, inner, max_size=3).map(json.dumps)
    ),
    max_leaves=12,
)
IMAGE = "data:image/png;base64," + "iVBORw0K" * 64


def told(value: Any) -> list[str]:
    return [text.text for text in walk(value)]


def raws(body: dict[str, Any]) -> dict[str, msgspec.Raw]:
    return {name: msgspec.Raw(json.dumps(value).encode()) for name, value in body.items()}


def test_every_place_that_a_request_has() -> None:
    arguments = json.dumps({"to": "in the arguments", "deep": json.dumps(["in JSON in JSON"])})
    body = {
        "system": [{"type": "text", "text": "in the system prompt"}],
        "messages": [
            {"role": "user", "content": "in a message"},
            {"role": "assistant", "tool_calls": [{"function": {"name": "send", "arguments": arguments}}]},
            {"role": "tool", "content": [{"type": "text", "text": "in a result"}]},
        ],
        "tools": [
            {"function": {"name": "send", "parameters": {"properties": {"a name": {"const": 4111111111111111}}}}}
        ],
        "metadata": {"patient": "in the metadata"},
        "input": ["in the input"],
        "never_heard_of": {"x": [["in an unknown field"]]},
    }
    contents = read_fields(raws(body))
    found = {text.text for text in contents.texts}
    assert {
        "in the system prompt",
        "in a message",
        "in the arguments",
        "in JSON in JSON",
        "in a result",
        "a name",
        "4111111111111111",
        "in the metadata",
        "patient",
        "in the input",
        "in an unknown field",
    } <= found
    assert contents.attachments == 0


def test_a_text_knows_its_field() -> None:
    body = {"metadata": {"ssn": "078051120"}, "phones": ["1", {"x": '{"pin": "9"}'}]}
    assert {text.text: text.label for text in walk(body)} == {
        "metadata": "",
        "ssn": "",
        "078051120": "ssn",
        "phones": "",
        "1": "phones",
        "x": "",
        "pin": "",
        "9": "pin",
    }


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg" * 64, "format": "wav"}},
        {"type": "file", "file": {"file_id": "file_1"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x" * 64}},
        {"type": "anything", "content": IMAGE},
        {"type": "container_upload", "file_id": "file_1"},
    ],
)
def test_an_attachment_is_counted_and_is_no_text(part: dict[str, Any]) -> None:
    contents = read([part])
    assert contents.attachments
    assert not [text for text in contents.texts if len(text.text) > 100]


def test_a_document_of_text_is_text() -> None:
    part = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "the will of a person"}}
    assert read([part]).attachments == 0
    assert "the will of a person" in told(part)


@pytest.mark.parametrize(
    "text",
    [
        "data:;base64,4111111111111111",
        "data:text/plain;base64," + "A" * 300 + " and my card is 4111 1111 1111 1111",
        "data:text/plain,my card is 4111111111111111" + "A" * 300,
        "data:" + "x;" * 200_000,
        "{'not': JSON",
        "[1, 2",
        "{" * 5_000,
        '{"a": 1, "a": 2}',
    ],
)
def test_what_only_looks_like_something_else_is_text(text: str) -> None:
    assert read({"content": text}) == Contents(
        (Text(("content", Step.NAME), "content"), Text(("content",), text, "content")), 0
    )


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": "one", "a": "two"}',
        b'[{"b": {"a": 1, "a": 1}}]',
        b'"{\\"a\\": \\"\\\\u0034\\", \\"a\\": 2}"',
        b"[" * 100_000,
        b"[" * 300 + b"]" * 300,
        b"[" + b"1" * 5_000 + b"]",
        b"\xff",
        b"[" + b'"x",' * MOST_TEXTS + b'"x"]',
    ],
)
def test_what_cannot_be_read_whole_is_not_read(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        read_fields({"messages": msgspec.Raw(raw)})


def test_json_in_json_has_an_end() -> None:
    value: Any = "4111111111111111"
    for _ in range(6):
        value = json.dumps([value])
    with pytest.raises(Unreadable):
        read(value)


@given(VALUES)
def test_every_string_is_told(value: Any) -> None:
    texts = list(walk(value))
    assert len({text.path for text in texts}) == len(texts)
    assert sum(_strings(value)) == len([text for text in texts if not text.text.lstrip("-").isdigit()])


def _strings(value: Any) -> Any:
    """One for each text that is no number."""
    if isinstance(value, str):
        try:
            inner = json.loads(value) if value.lstrip(" \t\r\n")[:1] in tuple("{[") else None
        except ValueError:
            inner = None
        yield from _strings(inner) if inner is not None else [not value.lstrip("-").isdigit()]
    elif isinstance(value, dict):
        for name, item in value.items():
            yield not name.lstrip("-").isdigit()
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


@given(VALUES)
def test_putting_back_what_is_there_changes_nothing(value: Any) -> None:
    assert (
        replaced(value, {text.path: text.text for text in walk(value) if isinstance(_at(value, text.path), str)})
        == value
    )


@given(VALUES)
def test_what_is_put_there_is_there(value: Any) -> None:
    texts = [text for text in walk(value) if Step.NAME not in text.path]
    wanted = {text.path: f"placeholder {place}" for place, text in enumerate(texts)}
    changed = {text.path: text.text for text in walk(replaced(value, wanted)) if Step.NAME not in text.path}
    assert changed == wanted


@pytest.mark.parametrize(
    ("name", "is_read"),
    [("card", True), ("token", True), ("seed", False), ("random_seed", False), ("max_tokens", False)],
)
def test_a_long_number_is_read_unless_it_is_a_parameter(name: str, is_read: bool) -> None:
    number = 4111111111111111
    assert ((name,) in {text.path for text in walk({name: number})}) is is_read
    assert ("of", name) in {text.path for text in walk({"of": {name: number}})}


def test_a_name_is_replaced_too() -> None:
    value = {"a@example.org": {"x": '{"b@example.org": 1}'}}
    names = {text.path: "EMAIL" for text in walk(value) if "@" in text.text}
    assert replaced(value, names) == {"EMAIL": {"x": '{"EMAIL": 1}'}}


def _at(value: Any, path: Any) -> Any:
    for place, step in enumerate(path):
        if step is Step.NAME:
            return path[place - 1]
        value = json.loads(value) if step is Step.JSON else value[step]
    return value
