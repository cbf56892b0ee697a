"""No request breaks a dialect: each gets an answer, or the provider's own refusal."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.sim.reply import Knobs, Refused, Request
from homeport.sim.routes import Routes

NAMES = """
    model messages role content text type input prompt tools tool_choice function name parameters input_schema schema
    id tool_use_id tool_calls call_id arguments output response_format json_schema json_object format max_tokens n stop
    max_output_tokens stream stream_options include_usage logprobs top_logprobs user assistant tool system contents
    parts generationConfig functionDeclarations functionCall functionResponse response args inlineData toolConfig
    functionCallingConfig mode ANY requests documents query top_n source thinking seed dimensions stop_sequences
    tool_use tool_result image function_call function_call_output properties required object string array items
""".split()  # noqa: SIM905  a list of a hundred words is easier to read so
PATHS = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/responses",
    "/v1/moderations",
    "/v1/rerank",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1beta/models/m:generateContent",
    "/v1beta/models/m:streamGenerateContent",
    "/v1beta/models/m:countTokens",
    "/v1beta/models/m:embedContent",
    "/v1beta/models/m:batchEmbedContents",
    "/v1/models/a/b/predictions",
    "/v1/predictions",
]
SCALARS = (
    st.none() | st.booleans() | st.integers(-3, 9) | st.floats(allow_nan=False) | st.sampled_from(NAMES) | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)
TALKS: dict[str, Any] = {
    "model": "m",
    "max_tokens": 9,
    "prompt": "hi",
    "input": "hi",
    "query": "hi",
    "documents": ["hi"],
    "messages": [{"role": "user", "content": "hi"}],
    "contents": [{"parts": [{"text": "hi"}]}],
}


@pytest.mark.parametrize("path", PATHS)
@given(fields=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6), whole=st.booleans())
def test_no_request_breaks_a_dialect(path: str, fields: dict[str, Any], whole: bool) -> None:
    body = msgspec.json.encode({**TALKS, **fields} if whole else fields)
    request = Request(method="POST", path=path, headers={"anthropic-version": "2023-06-01"}, body=body)
    dialect = Routes().find(request)
    try:
        reply = dialect.answer(request, Knobs())
    except Refused as refused:
        reply = dialect.refusal(refused)
        assert reply.status in (400, 404, 422)
    if reply.events is None:
        assert msgspec.json.decode(reply.body) is not None
    else:
        assert reply.events[-1].done


@pytest.mark.parametrize("path", PATHS)
def test_bodies_that_are_no_object(path: str) -> None:
    for body in (b"[]", b"{", b"\xff", b"1", b'{"a":' * 5000, b'{"model": NaN}'):
        request = Request(method="POST", path=path, headers={"anthropic-version": "2023-06-01"}, body=body)
        with pytest.raises(Refused):
            Routes().find(request).answer(request, Knobs())
