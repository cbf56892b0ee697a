"""Streams and whole answers in the words of each API get their originals back, however they are cut."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.sse import data_of, events
from homeport.core.types import Surface
from homeport.privacy.placeholders import place_of
from homeport.privacy.restoration.answer import Restoration
from homeport.privacy.restore import Originals
from tests.privacy.answers import Texts, stream, understood

STREAMED = [Surface.CHAT, Surface.COMPLETION, Surface.MESSAGES, Surface.RESPONSES]
ORIGINALS = Originals(
    ["EMAIL", "PHONE"],
    {place_of("EMAIL", 1): "ada@x.org", place_of("EMAIL", 2): 'say "é"\n@y.org', place_of("PHONE", 1): "[EMAIL_1]"},
)
TEXTS = {
    "said": "Write to [EMAIL_1] or \\[email\\_2\\], EMAIL_1; not [EMAIL_9]. [PHONE_1",
    "thought": "Who is [EMAIL_1]? EMAIL_1",
    "called": json.dumps({"to": ["[EMAIL_1]", "[EMAIL_2]"], "n": "[PHONE_1] [EM"}),
}
MEANT = {
    "said": 'Write to ada@x.org or say "é"\n@y.org, ada@x.org; not [EMAIL_9]. [[EMAIL_1]',
    "thought": "Who is ada@x.org? ada@x.org",
    "called": json.dumps({"to": ["ada@x.org", 'say "é"\n@y.org'], "n": "[EMAIL_1] [EM"}, ensure_ascii=False),
}


def restoration(surface: Surface, **asked: Any) -> Restoration:
    return Restoration(surface, ORIGINALS, {name: msgspec.Raw(json.dumps(value)) for name, value in asked.items()})


def meant(surface: Surface) -> Texts:
    return {**dict.fromkeys(MEANT, ""), "said": MEANT["said"]} if surface is Surface.COMPLETION else MEANT


@pytest.mark.parametrize("surface", STREAMED)
@pytest.mark.parametrize("size", [*range(1, 12), 1000])
def test_deltas_of_every_size(surface: Surface, size: int) -> None:
    back = restoration(surface)
    told = b"".join(back.feed(event) for event in events(stream(surface, TEXTS, size)))
    assert back.rest() == b""
    assert understood(surface, told) == meant(surface)
    assert restoration(surface).feed(stream(surface, TEXTS, size)) == told


@pytest.mark.parametrize("surface", STREAMED)
def test_a_stream_that_breaks_anywhere_loses_nothing(surface: Surface) -> None:
    whole = list(events(stream(surface, TEXTS, 3)))
    for end in range(len(whole)):
        cut = b"".join(whole[:end])
        back = restoration(surface)
        told = understood(surface, back.feed(cut) + back.rest())
        said = understood(surface, cut)
        for channel, text in said.items():
            assert told[channel] == ORIGINALS.restored(text, json=channel == "called")
        assert back.rest() == b""


@pytest.mark.parametrize("surface", STREAMED)
def test_what_has_no_placeholder_says_the_same(surface: Surface) -> None:
    texts = dict.fromkeys(TEXTS, "Nothing [here] is_1 EMAIL or [PHONE] {x: []}")
    told = restoration(surface).feed(stream(surface, texts, 4))
    assert understood(surface, told)["said"] == texts["said"]


@pytest.mark.parametrize("surface", STREAMED)
def test_other_lines_and_events_stay(surface: Surface) -> None:
    odd = b': awake\n\nid: 7\nretry: 5\ndata: {"x":1}\n\ndata: [1]\n\ndata: {"choices":7,"type":9}\n\n'
    assert restoration(surface).feed(odd) == odd.replace(b"data: [1]", b"data: [1]")


def test_json_that_was_asked_for_stays_json() -> None:
    texts = {**TEXTS, "said": json.dumps({"to": "[EMAIL_2]"})}
    for surface in STREAMED:
        back = restoration(surface, response_format={"type": "json_object"})
        said = understood(surface, back.feed(stream(surface, texts, 2)))["said"]
        assert json.loads(said) == {"to": 'say "é"\n@y.org'}


def test_calls_come_side_by_side() -> None:
    def call(index: int, piece: str) -> bytes:
        calls = [{"index": index, "function": {"arguments": piece}}]
        choice = {"index": 0, "delta": {"tool_calls": calls}, "finish_reason": None}
        return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"

    pieces = [(0, '{"a":"[EMA'), (1, '{"b":"[EM'), (0, 'IL_1]"}'), (1, 'AIL_2]"}')]
    told = restoration(Surface.CHAT).feed(b"".join(call(*piece) for piece in pieces))
    said = ["", ""]
    for event in events(told):
        [one] = json.loads(data_of(event) or b"")["choices"][0]["delta"]["tool_calls"]
        said[one["index"]] += one["function"]["arguments"]
    assert [json.loads(text) for text in said] == [{"a": "ada@x.org"}, {"b": 'say "é"\n@y.org'}]


def test_choices_do_not_mix() -> None:
    def chunk(index: int, piece: str, end: str | None = None) -> bytes:
        choice = {"index": index, "delta": {"content": piece}, "finish_reason": end}
        return b"data: " + json.dumps({"id": "c", "choices": [choice]}).encode() + b"\n\n"

    told = restoration(Surface.CHAT).feed(
        chunk(0, "[EMA") + chunk(1, "[EM") + chunk(0, "IL_1]") + chunk(1, "X", "stop")
    )
    said = ["", ""]
    for event in events(told):
        [choice] = json.loads(data_of(event) or b"")["choices"]
        said[choice["index"]] += choice["delta"]["content"]
    assert said == ["ada@x.org", "[EMX"]


@pytest.mark.parametrize(
    "body",
    [
        {
            "choices": [
                {"message": {"content": "[EMAIL_1]", "tool_calls": [{"function": {"arguments": '"[EMAIL_2]"'}}]}}
            ]
        },
        {"content": [{"type": "text", "text": "[EMAIL_1]"}, {"type": "tool_use", "input": {"to": "[EMAIL_2]"}}]},
        {"output": [{"content": [{"text": "[EMAIL_1]"}]}, {"arguments": '"[EMAIL_2]"'}], "instructions": "[EMAIL_1]"},
    ],
)
def test_whole_answers(body: dict[str, Any]) -> None:
    told = json.loads(restoration(Surface.CHAT).whole(json.dumps(body).encode()))

    def there(value: Any, name: str = "") -> Any:
        if isinstance(value, str):
            return json.loads(value) if name == "arguments" else value
        if isinstance(value, list):
            return [there(item) for item in value]
        return {key: there(item, key) for key, item in value.items()} if isinstance(value, dict) else value

    meant = (
        json.dumps(there(body))
        .replace("[EMAIL_1]", "ada@x.org")
        .replace("[EMAIL_2]", json.dumps('say "é"\n@y.org')[1:-1])
    )
    assert there(told) == json.loads(meant)


def test_vectors_and_what_is_no_json_are_as_they_came() -> None:
    assert restoration(Surface.EMBEDDING).whole(b'{"data": [ 0.5 ]}') == b'{"data": [ 0.5 ]}'
    assert restoration(Surface.CHAT).whole(b"[EMAIL_1]") == b"[EMAIL_1]"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["[EMAIL_1]", "response.output_text.delta", "x", "[EM"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "delta", "content", "type", "index", "text", "item_id", "tool_calls", "output_index"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4), st.sampled_from(STREAMED))
def test_whatever_an_upstream_sends(told: list[Any], surface: Surface) -> None:
    back = restoration(surface)
    for value in told:
        back.feed(b"data: " + json.dumps(value).encode() + b"\n\n")
        back.whole(json.dumps(value).encode())
    back.rest()
