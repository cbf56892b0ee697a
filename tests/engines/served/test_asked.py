"""What a caller asks, read strictly: what would change the answer is never passed over."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.engines.children.asked import Defaults, Refused, parse, read_chat, read_completion

CHAT = {"messages": [{"role": "user", "content": "hi"}]}
TEXT = {"prompt": "hi"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "messages", "prompt", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "seed", "stop",
    "stream", "stream_options", "logprobs", "top_logprobs", "echo", "n", "tools", "frequency_penalty", "ignore_eos",
)  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 2.1),
        ("temperature", "hot"),
        ("temperature", True),
        ("top_p", -0.1),
        ("max_tokens", 0),
        ("max_tokens", 1.5),
        ("seed", 2**64),
        ("stop", ["x"] * 17),
        ("stop", [""]),
        ("stop", {"a": 1}),
        ("stream", 1),
        ("top_logprobs", 21),
        ("n", 2),
        ("tools", [{"type": "function"}]),
        ("response_format", {"type": "json_object"}),
        ("logit_bias", {"1": 5}),
        ("messages", []),
        ("messages", [{"content": "hi"}]),
        ("messages", [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]),
        ("messages", [{"role": "user", "content": 5}]),
    ],
)
def test_what_is_refused_is_named(field: str, value: Any) -> None:
    with pytest.raises(Refused) as caught:
        read_chat({**CHAT, field: value}, Defaults())
    assert caught.value.status == 400
    assert caught.value.param.startswith(field)
    assert json.loads(json.dumps(caught.value.body()))["error"]["code"]


@pytest.mark.parametrize("prompt", [None, "", [], ["a", "b"], [1, -2], [True], [[1], [2]], {"a": 1}, 5])
def test_prompts_that_are_none(prompt: Any) -> None:
    with pytest.raises(Refused):
        read_completion({"prompt": prompt}, Defaults())


@pytest.mark.parametrize("prompt", ["hi", ["hi"], [1, 2], [[1, 2]]])
def test_prompts(prompt: Any) -> None:
    assert read_completion({"prompt": prompt}, Defaults()).prompt in ("hi", [1, 2])


def test_what_is_not_said_is_the_default() -> None:
    plain, sure = (read_chat(CHAT, defaults).sampling for defaults in (Defaults(), Defaults(0.0, 0)))
    assert (plain.temperature, plain.seed) == (1.0, None)
    assert (sure.temperature, sure.seed) == (0.0, 0)
    assert read_chat({**CHAT, "temperature": 0.5, "seed": 7}, Defaults(0.0, 0)).sampling.temperature == 0.5
    assert read_completion(TEXT, Defaults()).max_tokens == 16
    assert read_chat(CHAT, Defaults()).max_tokens is None
    assert read_chat({**CHAT, "max_completion_tokens": 3, "max_tokens": 9}, Defaults()).max_tokens == 3


def test_parts_of_text_are_one_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    asked = read_chat({"messages": [{"role": "user", "content": parts}]}, Defaults())
    assert asked.messages == [{"role": "user", "content": "ab"}]


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"a": NaN}', b"\xff", b"[" * 100_000, b"1" * 10_000])
def test_bodies_that_are_none(data: bytes) -> None:
    with pytest.raises(Refused) as caught:
        parse(data)
    assert caught.value.code == "invalid_json"


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_anything_is_read_or_refused(body: dict[str, Any]) -> None:
    for read in (read_chat, read_completion):
        try:
            asked = read({**CHAT, **TEXT, **body}, Defaults())
        except Refused:
            continue
        assert 0 <= asked.sampling.temperature <= 2
        assert asked.max_tokens is None or asked.max_tokens >= 0
