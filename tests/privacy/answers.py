"""Answers in the words of each API, cut into deltas, and what a caller makes of their streams."""

import json
from collections.abc import Sequence
from typing import Any

from homeport.core.sse import data_of, events
from homeport.core.types import Surface

Texts = dict[str, str]
"""What an answer says, by channel: `said`, `thought`, `called` (the arguments of a tool)."""


def pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def stream(surface: Surface, texts: Texts, size: int) -> bytes:
    """The stream of an answer whose deltas have so many characters."""
    tell = {
        Surface.CHAT: _chat,
        Surface.COMPLETION: _completion,
        Surface.MESSAGES: _messages,
        Surface.RESPONSES: _responses,
    }[surface]
    return tell(texts, size)


def understood(surface: Surface, told: bytes) -> Texts:
    """What a caller reads from a stream; a text that is told again at its end must be the same."""
    read = {
        Surface.CHAT: _read_chat,
        Surface.COMPLETION: _read_chat,
        Surface.MESSAGES: _read_messages,
        Surface.RESPONSES: _read_responses,
    }[surface]
    return read([json.loads(data) for event in events(told) if (data := data_of(event)) and data != b"[DONE]"])


def _event(told: Any, *, named: bool = False) -> bytes:
    name = f"event: {told['type']}\n" if named else ""
    return f"{name}data: {json.dumps(told)}\n\n".encode()


def _chunk(choice: dict[str, Any], **more: Any) -> bytes:
    choices = [{"index": 0, "finish_reason": None, "logprobs": None, **choice}]
    return _event({"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": choices, **more})


def _chat(texts: Texts, size: int) -> bytes:
    def call(piece: str) -> dict[str, Any]:
        return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}

    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": piece} for piece in pieces(texts["thought"], size)]
    deltas += [{"content": piece} for piece in pieces(texts["said"], size)]
    deltas += [{"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "mail"}}]}]
    deltas += [call(piece) for piece in pieces(texts["called"], size)]
    told = [_chunk({"delta": delta}) for delta in deltas]
    usage = _event({"id": "c1", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 9}})
    return b"".join([*told, _chunk({"delta": {}, "finish_reason": "stop"}), usage, b"data: [DONE]\n\n"])


def _completion(texts: Texts, size: int) -> bytes:
    told = [_chunk({"text": piece}) for piece in pieces(texts["said"], size)]
    return b"".join([*told, _chunk({"text": "", "finish_reason": "stop"}), b"data: [DONE]\n\n"])


def _messages(texts: Texts, size: int) -> bytes:
    kinds = [("thought", "thinking", "thinking_delta"), ("said", "text", "text_delta")]
    kinds += [("called", "partial_json", "input_json_delta")]
    told: list[Any] = [{"type": "message_start", "message": {"id": "m1", "usage": {"input_tokens": 7}, "content": []}}]
    for index, (channel, name, kind) in enumerate(kinds):
        told.append({"type": "content_block_start", "index": index, "content_block": {"type": name, name: ""}})
        deltas = [{"type": kind, name: piece} for piece in pieces(texts[channel], size)]
        deltas += [{"type": "signature_delta", "signature": "s"}] if channel == "thought" else []
        told += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        told.append({"type": "content_block_stop", "index": index})
    told.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}})
    return b"".join(_event(event, named=True) for event in [*told, {"type": "message_stop"}])


def _responses(texts: Texts, size: int) -> bytes:
    told: list[Any] = [{"type": "response.created", "response": {"id": "r1", "status": "in_progress", "output": []}}]
    kinds = [("thought", "response.reasoning_text", "text"), ("said", "response.output_text", "text")]
    kinds += [("called", "response.function_call_arguments", "arguments")]
    for index, (channel, stem, name) in enumerate(kinds):
        place = {"item_id": f"i{index}", "output_index": index, "content_index": 0}
        told += [{"type": f"{stem}.delta", **place, "delta": piece} for piece in pieces(texts[channel], size)]
        told.append({"type": f"{stem}.done", **place, name: texts[channel]})
        item = {"id": f"i{index}", "type": channel, name: texts[channel]}
        told.append({"type": "response.output_item.done", "output_index": index, "item": item})
    done = {"id": "r1", "status": "completed", "usage": {"input_tokens": 7, "output_tokens": 9}}
    told.append({"type": "response.completed", "response": done | {"output": [told[-1]["item"]]}})
    return b"".join(_event({**event, "sequence_number": number}, named=True) for number, event in enumerate(told))


def _read_chat(told: Sequence[Any]) -> Texts:
    texts = {"said": "", "thought": "", "called": ""}
    ended = False
    for chunk in told:
        for choice in chunk["choices"]:
            assert not ended, "something is said after the end"
            ended = choice["finish_reason"] is not None
            delta = choice.get("delta", {})
            texts["said"] += delta.get("content") or choice.get("text") or ""
            texts["thought"] += delta.get("reasoning_content", "")
            for call in delta.get("tool_calls", []):
                texts["called"] += call["function"].get("arguments", "")
    return texts


def _read_messages(told: Sequence[Any]) -> Texts:
    names = {"text": "said", "thinking": "thought", "partial_json": "called"}
    texts = dict.fromkeys(names.values(), "")
    closed: set[int] = set()
    for event in told:
        if event["type"] == "content_block_stop":
            closed.add(event["index"])
        if event["type"] == "content_block_delta":
            assert event["index"] not in closed, "something is said after the end of its block"
            for name, channel in names.items():
                texts[channel] += event["delta"].get(name, "")
    return texts


def _read_responses(told: Sequence[Any]) -> Texts:
    names = {"output_text": "said", "reasoning_text": "thought", "function_call_arguments": "called"}
    texts = dict.fromkeys(names.values(), "")
    done: list[str] = []
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    for event in told:
        _, stem, *last = event["type"].split(".")
        if last == ["delta"]:
            assert stem not in done, "something is said after the end of its part"
            texts[names[stem]] += event["delta"]
        elif last == ["done"] and stem in names:
            done.append(stem)
            assert (event.get("text") or event.get("arguments") or "") == texts[names[stem]]
        elif stem == "output_item":
            item = event["item"]
            assert (item.get("text") or item.get("arguments") or "") == texts[item["type"]]
    return texts
