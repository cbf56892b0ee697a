"""Whole answers and streams, both ways."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import BadAnswer, StreamCut
from homeport.core.types import Usage
from homeport.protocols.gemini.answer import chat_completion, gemini_answer
from homeport.protocols.gemini.embeddings import batch_answer, embedding_list
from homeport.protocols.gemini.stream import ChatChunks, GeminiEvents
from homeport.protocols.gemini.usage import chat_usage
from tests.protocols.gemini.talk import NAMES, OBJECTS, TEXT, VALUES, WORDS, assistants, usages


def completed(answer: dict[str, Any]) -> dict[str, Any]:
    completion, _ = chat_completion(json.dumps(answer).encode(), model="m", answer_id="a-1", created=7)
    decoded: dict[str, Any] = json.loads(msgspec.json.encode(completion))
    return decoded


def candidate(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"content": {"role": "model", "parts": list(parts)}, "finishReason": "STOP", "index": 0, **more}


def test_a_whole_answer() -> None:
    thought = {"text": "A contract...", "thought": True}
    call = {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"}
    answer = completed(
        {
            "candidates": [candidate(thought, {"text": "Clause "}, {"text": "9."}, call)],
            "usageMetadata": {
                "promptTokenCount": 10,
                "toolUsePromptTokenCount": 2,
                "cachedContentTokenCount": 4,
                "candidatesTokenCount": 5,
                "thoughtsTokenCount": 3,
            },
            "modelVersion": "gemini-2.5-pro",
            "responseId": "r-1",
        }
    )
    [choice] = answer["choices"]
    [told] = choice["message"].pop("tool_calls")
    assert told.pop("id").startswith("call_")
    assert told == {
        "type": "function",
        "function": {"name": "f", "arguments": '{"a":1}'},
        "extra_content": {"google": {"thought_signature": "c2ln"}},
    }
    assert choice["message"] == {"role": "assistant", "content": "Clause 9.", "reasoning_content": "A contract..."}
    assert choice["finish_reason"] == "tool_calls"
    assert (answer["id"], answer["created"], answer["model"]) == ("r-1", 7, "gemini-2.5-pro")
    assert answer["usage"] == chat_usage(
        Usage(input_tokens=12, cached_input_tokens=4, output_tokens=8, reasoning_tokens=3)
    )


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("OTHER", "stop"),
        ("A_REASON_OF_TOMORROW", "stop"),
    ],
)
def test_finish_reasons(reason: str, finish: str) -> None:
    [choice] = completed({"candidates": [candidate({"text": "x"}, finishReason=reason)]})["choices"]
    assert choice["finish_reason"] == finish
    told = choice.get("extra_content", {}).get("google", {}).get("finish_reason")
    assert told == (None if reason in {"STOP", "MAX_TOKENS"} else reason)


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MISSING_THOUGHT_SIGNATURE"])
def test_an_answer_that_the_model_broke_off_is_none(reason: str) -> None:
    with pytest.raises(BadAnswer, match=reason):
        completed({"candidates": [{"finishReason": reason, "index": 0}]})
    with pytest.raises(BadAnswer, match=reason):
        chunks({"candidates": [{"finishReason": reason, "index": 0}]})


def test_a_blocked_prompt_is_a_refusal() -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}}
    [choice] = completed(blocked)["choices"]
    assert choice["finish_reason"] == "content_filter"
    assert "SAFETY" in choice["message"]["refusal"]
    assert choice["message"]["content"] is None
    told, usage = chunks(blocked)
    assert told["choices"][0]["delta"]["refusal"] == choice["message"]["refusal"]
    assert told["choices"][0]["finish_reason"] == "content_filter"
    assert usage["usage"]["prompt_tokens"] == 3


def test_what_openai_has_no_field_for_survives() -> None:
    ratings = [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "LOW"}]
    grounding = {"webSearchQueries": ["q"]}
    [choice] = completed({"candidates": [candidate(safetyRatings=ratings, groundingMetadata=grounding)]})["choices"]
    assert choice["extra_content"]["google"] == {"safety_ratings": ratings, "grounding_metadata": grounding}


def test_logprobs() -> None:
    token = {"token": "é", "tokenId": 5, "logProbability": -0.5}
    told = completed(
        {
            "candidates": [
                candidate(
                    {"text": "é"},
                    logprobsResult={"chosenCandidates": [token], "topCandidates": [{"candidates": [token]}]},
                )
            ]
        }
    )
    entry = {"token": "é", "logprob": -0.5, "bytes": [195, 169]}
    assert told["choices"][0]["logprobs"]["content"] == [{**entry, "top_logprobs": [entry]}]
    back = json.loads(gemini_answer(json.dumps(told).encode()))["candidates"][0]["logprobsResult"]
    assert back["chosenCandidates"] == [{"token": "é", "logProbability": -0.5}]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"candidates":[]}',
        b'{"candidates":[1]}',
        b"\xff",
        b'{"candidates":[{"finishReason":"\xff"}]}',
        b'{"candidates":' + b"[" * 9000,
    ],
)
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        chat_completion(body, model="m", answer_id="a", created=0)


def chunks(*events: dict[str, Any]) -> list[dict[str, Any]]:
    translator = ChatChunks(model="m", answer_id="a-1", created=7)
    told = [chunk for event in events for chunk in translator.feed(json.dumps(event).encode())]
    last = translator.close()
    decoded: list[dict[str, Any]] = json.loads(msgspec.json.encode([*told, *([last] if last else [])]))
    return decoded


def folded(told: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """What a client makes of a stream's chunks: a message a choice, with its finish reason."""
    messages: dict[int, dict[str, Any]] = {}
    for choice in [choice for chunk in told for choice in chunk["choices"]]:
        message = messages.setdefault(choice["index"], {})
        for name, value in choice["delta"].items():
            if name == "tool_calls":
                known = message.setdefault(name, [])
                assert [call.pop("index") for call in value] == list(range(len(known), len(known) + len(value)))
                known += value
            elif name in {"content", "reasoning_content"} and message.get(name) is not None:
                message[name] += value
            else:
                message[name] = value
        if choice["finish_reason"]:
            message["finish_reason"] = choice["finish_reason"]
    return messages


PART = st.one_of(
    TEXT.map(lambda text: {"text": text}),
    TEXT.map(lambda text: {"text": text, "thought": True}),
    st.builds(lambda name, args: {"functionCall": {"name": name, "args": args}}, NAMES, OBJECTS),
    st.builds(lambda name, sign: {"functionCall": {"name": name, "id": name}, "thoughtSignature": sign}, NAMES, WORDS),
)


@given(st.lists(st.lists(PART, max_size=3), min_size=1, max_size=5), st.integers(1, 3))
def test_a_stream_says_what_the_whole_answer_says(pieces: list[list[Any]], number: int) -> None:
    usage = {"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 7}}
    whole = [candidate(*[part for piece in pieces for part in piece], index=at) for at in range(number)]
    events: list[dict[str, Any]] = []
    for at in range(number):
        for index, piece in enumerate(pieces):
            last = {} if index + 1 == len(pieces) else {"finishReason": ""}
            events.append({"candidates": [candidate(*piece, index=at, **last)], **usage})
    answer = completed({"candidates": whole, **usage})
    told = chunks(*events)
    assert told[-1]["usage"] == answer["usage"]
    messages = {c["index"]: {**c["message"], "finish_reason": c["finish_reason"]} for c in answer["choices"]}
    assert folded(told) == messages


def test_a_stream_without_a_finish_reason_is_cut() -> None:
    cut: list[list[dict[str, Any]]] = [[], [{"candidates": [candidate({"text": "x"}, finishReason="")]}], [{}]]
    for events in cut:
        with pytest.raises(StreamCut):
            chunks(*events)


CHOICES = st.builds(
    lambda message, finish: {
        "message": message,
        "logprobs": None,
        "finish_reason": "tool_calls" if message.get("tool_calls") else finish,
    },
    assistants(),
    st.sampled_from(["stop", "length"]),
).filter(lambda choice: choice["finish_reason"] != "length" or "tool_calls" not in choice["message"])


@given(st.lists(CHOICES, min_size=1, max_size=2), usages())
def test_answers_there_and_back(choices: list[dict[str, Any]], usage: Usage) -> None:
    numbered = [{"index": index, **choice} for index, choice in enumerate(choices)]
    head = {"id": "a-1", "object": "chat.completion", "created": 7, "model": "m"}
    said = {**head, "choices": numbered, "usage": chat_usage(usage)}
    assert completed(json.loads(gemini_answer(json.dumps(said).encode()))) == said


@given(assistants(), st.integers(1, 4), st.booleans())
def test_chat_chunks_as_gemini_events(message: dict[str, Any], size: int, interleaved: bool) -> None:
    """Deltas cut anywhere, arguments too, and calls told in turns: the events say what the message says."""

    def cut(text: str) -> list[str]:
        return [text[start : start + size] for start in range(0, len(text), size)]

    deltas: list[dict[str, Any]] = [{"reasoning_content": piece} for piece in cut(message.get("reasoning_content", ""))]
    deltas += [{"content": piece} for piece in cut(message["content"] or "")]
    if "extra_content" in message:
        deltas[-1]["extra_content"] = message["extra_content"]
    calls = message.get("tool_calls", [])
    pieces: list[tuple[int, dict[str, Any]]] = []
    for index, call in enumerate(calls):
        pieces.append((0, {**call, "index": index, "function": {**call["function"], "arguments": ""}}))
        cuts = cut(call["function"]["arguments"])
        pieces += [(at, {"index": index, "function": {"arguments": piece}}) for at, piece in enumerate(cuts, 1)]
    ordered = sorted(pieces, key=lambda piece: piece[0]) if interleaved else pieces
    deltas += [{"tool_calls": [piece]} for _, piece in ordered]
    translator = GeminiEvents()
    events = [json.loads(event) for delta in deltas for event in translator.feed(chunk(delta))]
    with pytest.raises(StreamCut):
        translator.close()
    events += [json.loads(event) for event in translator.feed(chunk({}, "tool_calls" if calls else "stop"))]
    translator.close()
    said = folded(chunks(*events))[0]
    assert said.pop("finish_reason") == ("tool_calls" if calls else "stop")
    assert said == message


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps({"id": "a-1", "model": "m", "choices": [choice]}).encode()


@given(st.dictionaries(st.sampled_from(["candidates", "choices", "usageMetadata", "promptFeedback", "error"]), VALUES))
def test_nonsense_ends_in_a_bad_answer(fields: dict[str, Any]) -> None:
    body = json.dumps(fields).encode()
    for translate in (
        lambda: chat_completion(body, model="m", answer_id="a", created=0),
        lambda: gemini_answer(body),
        lambda: ChatChunks(model="m", answer_id="a", created=0).feed(body),
        lambda: GeminiEvents().feed(body),
        lambda: embedding_list(body, model="m", encoding="float", expected=1),
        lambda: batch_answer(body),
    ):
        try:
            assert translate() is not None
        except BadAnswer as error:
            assert error.message  # noqa: PT017 # either ending is right


CHOICE_NONSENSE = st.fixed_dictionaries(
    {},
    optional={
        "index": VALUES,
        "delta": VALUES | st.fixed_dictionaries({"tool_calls": VALUES | st.lists(OBJECTS)}),
        "message": VALUES | st.fixed_dictionaries({"content": VALUES}),
        "finish_reason": VALUES,
        "content": VALUES,
    },
)


@given(st.lists(CHOICE_NONSENSE, min_size=1, max_size=2))
def test_nonsense_choices(choices: list[dict[str, Any]]) -> None:
    test_nonsense_ends_in_a_bad_answer.hypothesis.inner_test({"choices": choices, "candidates": choices})  # type: ignore[attr-defined] # hypothesis keeps the test inside
