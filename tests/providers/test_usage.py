"""What is read of usage: bodies as the servers send them, and bodies that no server should send."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.types import Usage
from homeport.providers.answers import usage_of

OPENAI = b"""{"id":"chatcmpl-B9","object":"chat.completion","created":1741569952,"model":"gpt-4.1-2025-04-14",
"choices":[{"index":0,"message":{"role":"assistant","content":"Hi","refusal":null,"annotations":[]},
"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":2006,"completion_tokens":300,"total_tokens":2306,
"prompt_tokens_details":{"cached_tokens":1920,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":120,
"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default"}"""
VLLM = b"""{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":
{"role":"assistant","reasoning_content":null,"content":"Hi","tool_calls":[]},"logprobs":null,"finish_reason":"stop",
"stop_reason":null}],"usage":{"prompt_tokens":9,"total_tokens":26,"completion_tokens":17,
"prompt_tokens_details":null},"prompt_logprobs":null}"""
TOGETHER = b"""{"id":"o-1","object":"chat.completion","created":1,"model":"meta-llama/Llama-3.3-70B","prompt":[],
"choices":[{"finish_reason":"eos","seed":1,"logprobs":null,"index":0,"message":{"role":"assistant","content":"Hi",
"tool_calls":[]}}],"usage":{"prompt_tokens":42,"completion_tokens":8,"total_tokens":50,"cached_tokens":0}}"""
LLAMACPP = b"""{"choices":[{"finish_reason":"stop","index":0,"message":{"role":"assistant","content":"Hi"}}],
"created":1,"model":"m","system_fingerprint":"b5000","object":"chat.completion","usage":{"completion_tokens":10,
"prompt_tokens":30,"total_tokens":40,"prompt_tokens_details":{"cached_tokens":12}},"id":"chatcmpl-x",
"timings":{"cache_n":12,"prompt_n":18,"prompt_ms":21.5,"prompt_per_token_ms":1.2,"predicted_n":10,
"predicted_ms":78.25,"predicted_per_second":127.8}}"""
EMBEDDING = b'{"object":"list","data":[{"embedding":[0.1]}],"usage":{"prompt_tokens":8,"total_tokens":8}}'


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        (OPENAI, Usage(input_tokens=2006, cached_input_tokens=1920, output_tokens=300, reasoning_tokens=120)),
        (VLLM, Usage(input_tokens=9, output_tokens=17)),
        (TOGETHER, Usage(input_tokens=42, output_tokens=8)),
        (LLAMACPP, Usage(input_tokens=30, cached_input_tokens=12, output_tokens=10, engine_ns=99_750_000)),
        (EMBEDDING, Usage(input_tokens=8)),
    ],
    ids=["openai", "vllm", "together", "llamacpp", "embedding"],
)
def test_golden_bodies(body: bytes, usage: Usage) -> None:
    assert usage_of(body) == usage


def test_llamacpp_may_tell_what_was_cached_in_its_timings_alone() -> None:
    old = LLAMACPP.replace(b',"prompt_tokens_details":{"cached_tokens":12}', b"").replace(
        b',\n"prompt_tokens_details":{"cached_tokens":12}', b""
    )
    assert b"cached_tokens" not in old.replace(b"\n", b"")
    assert usage_of(old) == usage_of(LLAMACPP)
    assert usage_of(old.replace(b'"cache_n":12', b'"cache_n":99')) == usage_of(LLAMACPP.replace(b"12}", b"30}"))


DEEPSEEK = {"prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 1}


@pytest.mark.parametrize(
    "said",
    [
        {"prompt_tokens_details": {"cached_tokens": 4}},  # OpenAI, vLLM, Fireworks, OpenRouter, Mistral
        {"cached_tokens": 4},  # Together, Moonshot
        DEEPSEEK,
    ],
)
def test_cached_tokens_are_a_part_of_the_input_wherever_they_are_told(said: dict[str, Any]) -> None:
    assert usage_of(reported(**said)) == Usage(input_tokens=5, cached_input_tokens=4, output_tokens=3)


def test_what_was_written_to_a_cache_is_read() -> None:
    body = reported(prompt_tokens_details={"cached_tokens": 1, "cache_write_tokens": 3})
    assert usage_of(body) == Usage(input_tokens=5, cached_input_tokens=1, cache_write_tokens=3, output_tokens=3)
    body = reported(prompt_tokens_details={"cached_tokens": 3, "cache_write_tokens": 9})
    assert usage_of(body) == Usage(input_tokens=5, cached_input_tokens=3, cache_write_tokens=2, output_tokens=3)


def reported(**usage: Any) -> bytes:
    return json.dumps({"usage": {"prompt_tokens": 5, "completion_tokens": 3} | usage}).encode()


@pytest.mark.parametrize("nonsense", [-1, "5", 5.0, 1.5, True, [], {}, 10**9 + 1, 10**30, float("nan")])
@pytest.mark.parametrize("name", ["prompt_tokens", "completion_tokens"])
def test_a_count_that_makes_no_sense_is_absent(name: str, nonsense: Any) -> None:
    assert usage_of(reported(**{name: nonsense})) is None


@pytest.mark.parametrize("nonsense", [-1, "5", 5.0, True, [], {}, None])
def test_a_subset_that_makes_no_sense_is_nothing(nonsense: Any) -> None:
    details = {"cached_tokens": nonsense, "reasoning_tokens": nonsense}
    body = reported(prompt_tokens_details=details, completion_tokens_details=details)
    assert usage_of(body) == Usage(input_tokens=5, output_tokens=3)


@pytest.mark.parametrize("odd", [{}, {"total_tokens": 8, "completion_tokens_details": {"reasoning_tokens": "1"}}])
@pytest.mark.parametrize(
    "told", [{"prompt_tokens_details": {"cached_tokens": 4}}, {"cached_tokens": 4}, {"prompt_cache_hit_tokens": 4}]
)
def test_cached_tokens_are_found_where_each_server_puts_them(told: dict[str, Any], odd: dict[str, Any]) -> None:
    assert usage_of(reported(**told, **odd)) == Usage(input_tokens=5, cached_input_tokens=4, output_tokens=3)


def test_a_subset_is_cut_to_its_whole() -> None:
    body = reported(prompt_tokens_details={"cached_tokens": 6}, completion_tokens_details={"reasoning_tokens": 4})
    assert usage_of(body) == Usage(input_tokens=5, cached_input_tokens=5, output_tokens=3, reasoning_tokens=3)


@pytest.mark.parametrize("timings", ["null", "[]", '"x"', '{"prompt_ms":-1,"predicted_ms":"9"}', '{"prompt_ms":1e300}'])
def test_timings_that_make_no_sense_spoil_nothing(timings: str) -> None:
    body = b'{"usage":{"prompt_tokens":5,"completion_tokens":3},"timings":%s}' % timings.encode()
    assert usage_of(body) == Usage(input_tokens=5, output_tokens=3)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"usage":null}',
        b'{"usage":[]}',
        b'{"usage":{}}',
        b'{"usage":{"completion_tokens":3}}',
        b'{"usage":"\xff"}',
        b'{"usage":{"prompt_tokens":1e400}}',
        b'{"usage":' + b"[" * 20_000,
        b'{"usage":{"prompt_tokens":5',
    ],
)
def test_no_usage(body: bytes) -> None:
    assert usage_of(body) is None


FINITE = st.floats(allow_nan=False, allow_infinity=False)  # JSON has no others
SCALARS = st.none() | st.booleans() | st.integers() | FINITE | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
DETAILS = st.dictionaries(st.sampled_from(["cached_tokens", "reasoning_tokens"]), VALUES) | VALUES


@given(VALUES, VALUES, DETAILS, DETAILS, VALUES)
def test_it_never_raises_and_subsets_are_subsets(
    prompt: Any, output: Any, cached: Any, reasoning: Any, timings: Any
) -> None:
    details = {"prompt_tokens_details": cached, "completion_tokens_details": reasoning}
    fields = {"prompt_tokens": prompt, "completion_tokens": output, **details}
    usage = usage_of(json.dumps({"usage": fields, "timings": {"prompt_ms": timings}}).encode()) or Usage()
    assert 0 <= usage.cached_input_tokens <= usage.input_tokens <= 10**9
    assert 0 <= usage.reasoning_tokens <= usage.output_tokens <= 10**9
    assert usage.engine_ns >= 0


@given(st.binary(max_size=40))
def test_broken_bytes_report_nothing(tail: bytes) -> None:
    assert usage_of(b'{"usage":{"prompt_tokens":5,"x":' + tail) in {None, Usage(input_tokens=5)}


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_what_is_not_json_reports_nothing(number: bytes) -> None:
    assert usage_of(b'{"usage":{"prompt_tokens":5},"service_tier":' + number + b"}") is None


@given(VALUES, VALUES, VALUES)
def test_parts_and_tiers_that_make_no_sense_leave_a_usage_that_adds_up(part: Any, tier: Any, item: Any) -> None:
    names = ("audio_tokens", "image_tokens", "cached_tokens", "reasoning_tokens")
    details = dict.fromkeys(names, part)
    fields = {"prompt_tokens": 5, "completion_tokens": 3}
    fields |= {"prompt_tokens_details": details, "completion_tokens_details": details}  # type: ignore[dict-item]
    output = [item, {"type": "web_search_call", "action": item}, {"type": item}]
    usage = usage_of(json.dumps({"usage": fields, "service_tier": tier, "output": output}).encode())
    assert usage is not None
    for of_input in (usage.cached_input_tokens, usage.audio_input_tokens, usage.image_input_tokens):
        assert 0 <= of_input <= 5
    for of_output in (usage.reasoning_tokens, usage.audio_output_tokens, usage.image_output_tokens):
        assert 0 <= of_output <= 3
    assert 0 <= usage.searches <= 3
    assert usage.service_tier in {"", str(tier).lower()}


@pytest.mark.parametrize(
    ("said", "tier"),
    [
        ("flex", "flex"),
        ("Priority", "priority"),
        ("default", ""),
        ("auto", ""),
        ("scale", ""),
        ("", ""),
        (None, ""),
        (7, ""),
        (["flex"], ""),
        ("x" * 33, ""),
        ("fl ex", ""),
    ],
)
def test_how_a_call_was_served(said: Any, tier: str) -> None:
    body = json.dumps({"usage": {"prompt_tokens": 5, "completion_tokens": 3}, "service_tier": said}).encode()
    usage = usage_of(body)
    assert usage is not None
    assert usage.service_tier == tier
