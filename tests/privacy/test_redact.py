"""What leaves holds nothing that was found, and what comes back is what was there."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.privacy.recognize import Finding
from homeport.privacy.redact import Redacted, Unredactable, redact
from homeport.privacy.texts import Text, Unreadable

EMAIL = re.compile(r"[a-z]+@[a-z]+\.org")
PHONE = re.compile(r"\+?[0-9]{6,}")
VALUES = ["ada@x.org", "bob@y.org", "+447700900123", "600123"]
WORDS = st.lists(
    st.sampled_from(
        [*VALUES, "[EMAIL_1]", "[email 2]", "PHONE_1", "\\[EMAIL\\_3\\]", " ", "é", '"', "\\", "\n", "write to"]
    )
).map(" ".join)
VALUE = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers(-99_999, 99_999) | st.floats(-9, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3) | inner.map(json.dumps),
    max_leaves=8,
)


def find(text: Text) -> Iterator[Finding]:
    for name, pattern in (("email", EMAIL), ("phone", PHONE)):
        for match in pattern.finditer(text.text):
            yield Finding(recognizer=name, start=match.start(), end=match.end(), score=1.0)


def raw(**fields: Any) -> dict[str, msgspec.Raw]:
    return {name: msgspec.Raw(json.dumps(value).encode()) for name, value in fields.items()}


def done(**fields: Any) -> Redacted:
    redacted = redact(raw(**fields), find)
    assert redacted is not None
    return redacted


def sent(redacted: Redacted) -> dict[str, Any]:
    return {name: json.loads(bytes(value)) for name, value in redacted.fields.items()}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def put_back(value: Any, redacted: Redacted) -> Any:
    """The texts of a value, those of JSON inside JSON too, with originals in them."""
    match value:
        case str() if (inner := inside(value)) is not None:
            return put_back(inner, redacted)
        case str():
            return redacted.originals.restored(value)
        case list():
            return [put_back(item, redacted) for item in value]
        case dict():
            return {put_back(name, redacted): put_back(item, redacted) for name, item in value.items()}
    return value


def inside(text: str) -> Any:
    try:
        return json.loads(text) if text.lstrip()[:1] in ("{", "[") else None
    except ValueError:
        return None


def test_the_same_value_has_the_same_placeholder() -> None:
    redacted = done(messages=[user("Ask ada@x.org, not bob@y.org."), user("ada@x.org!")])
    assert sent(redacted)["messages"] == [user("Ask [EMAIL_1], not [EMAIL_2]."), user("[EMAIL_1]!")]


def test_it_keeps_it_over_the_turns() -> None:
    history: list[Any] = [user("Ask ada@x.org.")]
    first = done(messages=history, metadata={"by": "eve@z.org"})
    history += [{"role": "assistant", "content": "I asked ada@x.org and bob@y.org."}, user("Call +447700900123 too.")]
    second = done(metadata={"by": "eve@z.org"}, messages=history)
    assert sent(second)["messages"][:1] == sent(first)["messages"]
    assert sent(second)["messages"][1]["content"] == "I asked [EMAIL_2] and [EMAIL_3]."


def test_what_looks_like_a_placeholder_stays_what_it_is() -> None:
    said = "[EMAIL_1] \\[email\\_2\\] EMAIL_3 [Email 4] ada@x.org"
    redacted = done(messages=[user(said)], tools=[{"x": '{\\"a\\": \\"[EMAIL\\\\_5\\\\]'}])
    [message] = sent(redacted)["messages"]
    assert message["content"] == said.replace("ada@x.org", "[EMAIL_6]")
    assert redacted.originals.restored(message["content"]) == said


def test_arguments_stay_json() -> None:
    call = {"id": "c", "function": {"name": "mail", "arguments": json.dumps({"to": "ada@x.org", "n": [1, 600123000]})}}
    redacted = done(messages=[{"role": "assistant", "tool_calls": [call]}])
    arguments = sent(redacted)["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"to": "[EMAIL_1]", "n": [1, "[PHONE_1]"]}


def test_names_of_fields_are_replaced_too() -> None:
    redacted = done(messages=[user("x")], metadata={"ada@x.org": 1})
    assert sent(redacted) == {"messages": [user("x")], "metadata": {"[EMAIL_1]": 1}}


def test_what_was_not_touched_is_the_very_same_bytes() -> None:
    fields = {**raw(messages=[user("ada@x.org")]), "top_p": msgspec.Raw(b" 1.0e-0 "), "x": msgspec.Raw(b'{"a" : 1E2}')}
    redacted = redact(fields, find)
    assert redacted is not None
    assert {name: bytes(redacted.fields[name]) for name in ("top_p", "x")} == {
        "top_p": b" 1.0e-0 ",
        "x": b'{"a" : 1E2}',
    }
    assert redact(raw(messages=[user("nothing")]), find) is None


def test_of_two_that_overlap_nothing_is_left() -> None:
    def both(text: Text) -> Iterator[Finding]:
        if text.text.startswith("aaa"):
            yield Finding(recognizer="short", start=0, end=4, score=1.0)
            yield Finding(recognizer="long", start=2, end=9, score=0.1)

    redacted = redact(raw(prompt="aaabbbbbb, and"), both)
    assert redacted is not None
    assert sent(redacted) == {"prompt": "[LONG_1], and"}
    assert redacted.originals.restored("[LONG_1]") == "aaabbbbbb"


def test_what_is_found_only_afterwards_goes_too() -> None:
    """A second number was hidden by the first, which it touched."""

    def touching(text: Text) -> Iterator[Finding]:
        for match in re.finditer(r"[0-9]{3}(?![0-9])", text.text):
            yield Finding(recognizer="code", start=match.start(), end=match.end(), score=1.0)

    redacted = redact(raw(prompt="111222333 end"), touching)
    assert redacted is not None
    assert "1" not in (said := sent(redacted)["prompt"]).replace("_1]", "")
    assert redacted.originals.restored(said) == "111222333 end"


def test_what_cannot_be_replaced_does_not_leave() -> None:
    def always(text: Text) -> Iterator[Finding]:
        """One more letter each time."""
        start = text.text.rfind("]") + 1
        yield Finding(recognizer="any", start=start, end=start + 1, score=1.0)

    with pytest.raises(Unredactable):
        redact(raw(prompt="ab" * 30), always)


def test_who_finds_our_placeholder_has_found_nothing() -> None:
    def secret(text: Text) -> Iterator[Finding]:
        for match in re.finditer(r"(?<=password=)\S+", text.text):
            yield Finding(recognizer="secret", start=match.start(), end=match.end(), score=1.0)

    redacted = redact(raw(prompt="password=hunter2 ok"), secret)
    assert redacted is not None
    assert sent(redacted) == {"prompt": "password=[SECRET_1] ok"}


@pytest.mark.parametrize("broken", [b"{", b'{"a":1,"a":2}', b"[" * 3000 + b"]" * 3000, b'{"x":"ada@x.org","y":1e999}'])
def test_what_cannot_be_read_or_written_does_not_leave(broken: bytes) -> None:
    with pytest.raises(Unreadable):
        redact({"messages": msgspec.Raw(broken)}, find)


@given(st.dictionaries(st.sampled_from(["messages", "input", "tools", "metadata", "x"]), VALUE, max_size=4))
def test_nothing_of_it_leaves_and_all_of_it_comes_back(fields: dict[str, Any]) -> None:
    try:
        redacted = redact(raw(**fields), find)
    except Unreadable:
        return
    if redacted is None:
        assert not any(value in json.dumps(fields) for value in VALUES)
        return
    told = b"".join(bytes(value) for value in redacted.fields.values()).decode()
    assert not any(value in told for value in VALUES)
    assert put_back(sent(redacted), redacted) == put_back(fields, redacted)
