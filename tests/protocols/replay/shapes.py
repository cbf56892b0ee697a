"""Whole answers of every surface with all that may be in them, as hypothesis draws them."""

from typing import Any

from hypothesis import strategies as st

from tests.protocols.anthropic.shapes import messages
from tests.protocols.values import json_values

TEXT = st.text(max_size=60)
SAID = st.text(min_size=1, max_size=60)
NAME = st.from_regex(r"[a-z_]{1,10}", fullmatch=True)
NOTES = st.lists(st.fixed_dictionaries({"type": st.just("url_citation"), "url": NAME}), max_size=2)
OTHERS = st.dictionaries(NAME.map(lambda name: f"x_{name}"), json_values, max_size=2)
CALLED = st.fixed_dictionaries({"name": NAME, "arguments": TEXT})
CALL = st.one_of(
    st.fixed_dictionaries({"id": NAME, "type": st.just("function"), "function": CALLED}),
    st.fixed_dictionaries(
        {"id": NAME, "type": st.just("custom"), "custom": st.fixed_dictionaries({"name": NAME, "input": TEXT})}
    ),
)
FINISHES = st.sampled_from(["stop", "length", "tool_calls", "content_filter"])
COUNTS = st.fixed_dictionaries({"prompt_tokens": st.integers(1, 999), "completion_tokens": st.integers(1, 999)})
DETAILS = st.lists(st.fixed_dictionaries({"type": st.just("reasoning.text"), "text": TEXT}), min_size=1, max_size=2)
THOUGHTS = st.fixed_dictionaries({"type": st.just("thinking"), "thinking": TEXT, "signature": NAME})


def token(text: str) -> dict[str, Any]:
    return {"token": text, "logprob": -0.5, "bytes": list(text.encode()), "top_logprobs": []}


@st.composite
def logprobs(draw: st.DrawFn, text: str) -> Any:
    """Of the text's own tokens, or of others: some servers' tokens are bytes."""
    kind = draw(st.sampled_from(["none", "own", "other", "empty"]))
    if kind == "none":
        return None
    size = draw(st.integers(1, 7))
    own = [text[at : at + size] for at in range(0, len(text), size)]
    tokens = {"own": own, "other": ["<0xE2>", *own], "empty": []}[kind]
    return {"content": [token(one) for one in tokens], "refusal": draw(st.none() | st.just([token("No")]))}


@st.composite
def chat_choice(draw: st.DrawFn, index: int) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": draw(st.none() | TEXT),
        "refusal": draw(st.none() | SAID),
    }
    optional = {
        "reasoning_content": st.none() | TEXT,
        "reasoning": SAID,
        "tool_calls": st.none() | st.lists(CALL, max_size=3, unique_by=lambda call: str(call["id"])),
        "function_call": st.none() | CALLED,
        "annotations": NOTES,
        "thinking_blocks": st.lists(THOUGHTS, max_size=2),
        "reasoning_details": DETAILS.map(lambda parts: [{**part, "index": at} for at, part in enumerate(parts)]),
    }
    message |= {name: draw(values) for name, values in optional.items() if draw(st.booleans())}
    message |= draw(OTHERS)
    told = {"index": index, "message": message, "logprobs": draw(logprobs(message["content"] or ""))}
    return {**told, "finish_reason": draw(FINISHES), **draw(OTHERS)}


@st.composite
def heads(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    head = {"id": draw(NAME), "object": kind, "created": draw(st.integers(0, 2**40)), "model": draw(NAME)}
    optional = {"system_fingerprint": st.none() | NAME, "service_tier": NAME, "timings": st.just({"prompt_ms": 1.5})}
    head |= {name: draw(values) for name, values in optional.items() if draw(st.booleans())}
    return head | draw(OTHERS) | ({"usage": draw(st.none() | COUNTS)} if draw(st.booleans()) else {})


@st.composite
def chats(draw: st.DrawFn) -> dict[str, Any]:
    choices = [draw(chat_choice(index)) for index in range(draw(st.integers(1, 3)))]
    return {**draw(heads("chat.completion")), "choices": choices}


@st.composite
def completions(draw: st.DrawFn) -> dict[str, Any]:
    choices = []
    for index in range(draw(st.integers(1, 2))):
        text = draw(TEXT)
        own = {"tokens": [text[:3], text[3:]], "token_logprobs": [None, -1.0], "top_logprobs": None}
        told = {"index": index, "text": text, "logprobs": draw(st.none() | st.just({**own, "text_offset": [0, 3]}))}
        choices.append({**told, "finish_reason": draw(FINISHES), **draw(OTHERS)})
    return {**draw(heads("text_completion")), "choices": choices}


CITED = st.fixed_dictionaries({"type": st.just("text"), "text": SAID, "citations": NOTES})
SEARCHED = st.fixed_dictionaries(
    {"type": st.just("web_search_tool_result"), "tool_use_id": NAME, "content": st.lists(json_values, max_size=2)}
)
REDACTED = st.just({"type": "redacted_thinking", "data": "c2VhbGVk"})


@st.composite
def anthropic_messages(draw: st.DrawFn) -> dict[str, Any]:
    message = draw(messages())
    more = draw(st.lists(CITED | SEARCHED | REDACTED, max_size=2))
    container = {"container": {"id": draw(NAME)}} if draw(st.booleans()) else {}
    return {**message, "content": [*message["content"], *more], **container, **draw(OTHERS)}


def output_text(text: str, notes: list[Any], *, told: bool) -> dict[str, Any]:
    logprobs = [token(text)] if told and text else []
    return {"type": "output_text", "text": text, "annotations": notes, "logprobs": logprobs}


PART = st.one_of(
    st.builds(lambda text, notes, told: output_text(text, notes, told=told), TEXT, NOTES, st.booleans()),
    st.fixed_dictionaries({"type": st.just("refusal"), "refusal": SAID}),
)
SUMMARY = st.fixed_dictionaries({"type": st.just("summary_text"), "text": TEXT})
THOUGHT = st.fixed_dictionaries({"type": st.just("reasoning_text"), "text": TEXT})
ITEM = st.one_of(
    st.fixed_dictionaries({"type": st.just("message"), "role": st.just("assistant"), "content": st.lists(PART)}),
    st.fixed_dictionaries({"type": st.just("function_call"), "call_id": NAME, "name": NAME, "arguments": TEXT}),
    st.fixed_dictionaries({"type": st.just("custom_tool_call"), "call_id": NAME, "name": NAME, "input": TEXT}),
    st.fixed_dictionaries(
        {"type": st.just("reasoning"), "summary": st.lists(SUMMARY, max_size=2), "content": st.lists(THOUGHT)}
    ),
    st.fixed_dictionaries({"type": st.just("web_search_call"), "action": OTHERS}),
)


@st.composite
def responses(draw: st.DrawFn) -> dict[str, Any]:
    items = draw(st.lists(ITEM, max_size=3))
    output = [{"id": f"item_{at}", "status": "completed", **item} for at, item in enumerate(items)]
    head = {"id": f"resp_{draw(NAME)}", "object": "response", "created_at": 1, "status": "completed", "error": None}
    usage = {"usage": {"input_tokens": 3, "output_tokens": 4}}
    return {**head, "incomplete_details": None, "model": "m", "output": output, **usage, **draw(OTHERS)}
